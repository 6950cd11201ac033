// libpq's pipeline mode with errors in the middle, and what libpq has besides:
// single-row mode, COPY, large objects, notifications, cancel, a non-blocking
// connection. It prints all that it gets; the connection is PG*'s.
#include <libpq-fe.h>
#include <libpq/libpq-fs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static PGconn *c;

static void quit(const char *what) {
  printf("%s: %s", what, PQerrorMessage(c));
  exit(1);
}

static void print(PGresult *r) {
  ExecStatusType s = PQresultStatus(r);
  printf("  %s", PQresStatus(s));
  if (s == PGRES_FATAL_ERROR) printf(" %s %s", PQresultErrorField(r, PG_DIAG_SQLSTATE), PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY));
  if (s == PGRES_COMMAND_OK) printf(" %s", PQcmdStatus(r));
  if (s == PGRES_TUPLES_OK || s == PGRES_SINGLE_TUPLE) {
    printf(" %s", PQcmdStatus(r));
    for (int i = 0; i < PQntuples(r) && i < 3; i++)
      for (int j = 0; j < PQnfields(r); j++) printf(" %s=%s", PQfname(r, j), PQgetisnull(r, i, j) ? "NULL" : PQgetvalue(r, i, j));
  }
  printf("\n");
  PQclear(r);
}

static void results(int syncs) { // until so many ends of a pipeline
  while (syncs > 0) {
    PGresult *r = PQgetResult(c);
    if (r == NULL) { printf("  -\n"); continue; }
    if (PQresultStatus(r) == PGRES_PIPELINE_SYNC) syncs--;
    print(r);
  }
}

static void ask(const char *sql, const char *value) {
  const char *values[] = {value};
  if (!PQsendQueryParams(c, sql, value ? 1 : 0, NULL, values, NULL, NULL, 0)) quit(sql);
}

static void sync_now(void) { if (!PQpipelineSync(c)) quit("PQpipelineSync"); }

static void pipelines(void) {
  if (!PQenterPipelineMode(c)) quit("PQenterPipelineMode");
  printf("one after the other\n");
  ask("select $1::int + 1 as n", "1"); ask("insert into copied (id) values ($1)", "1"); ask("select count(*) from copied", NULL); sync_now();
  results(1);
  printf("an error in the middle\n");
  ask("insert into copied (id) values (2)", NULL); ask("select 1/$1::int", "0"); ask("insert into copied (id) values (3)", NULL); sync_now();
  ask("select count(*) from copied", NULL); sync_now();
  results(2);
  printf("an error of syntax, and one in a transaction\n");
  ask("begin", NULL); ask("insert into copied (id) values (4)", NULL); ask("selec", NULL); sync_now();
  ask("select 1", NULL); sync_now(); ask("rollback", NULL); sync_now(); ask("select count(*) from copied", NULL); sync_now();
  results(4);
  printf("prepared, described and used\n");
  Oid types[] = {23};
  if (!PQsendPrepare(c, "s", "select generate_series(1, $1) as i", 1, types) || !PQsendDescribePrepared(c, "s")) quit("PQsendPrepare");
  const char *values[] = {"3"};
  if (!PQsendQueryPrepared(c, "s", 1, values, NULL, NULL, 0) || !PQsendDescribePrepared(c, "nobody")) quit("PQsendQueryPrepared");
  sync_now();
  results(1);
  printf("with flush requests in place of Sync\n");
  ask("select 'flushed'", NULL);
  if (!PQsendFlushRequest(c) || PQflush(c) != 0) quit("PQsendFlushRequest");
  print(PQgetResult(c));
  if (PQgetResult(c) != NULL) quit("more than one result");
  ask("select 'and on'", NULL); sync_now();
  results(1);
  printf("three thousand, not blocking\n");
  int done = 0, sent = 0, errors = 0, rows = 0, unsent = 0;
  PQsetnonblocking(c, 1);
  while (done < 3000) {
    struct pollfd p = {PQsocket(c), POLLIN | (sent < 3000 || unsent ? POLLOUT : 0), 0};
    if (poll(&p, 1, 10000) <= 0) quit("poll");
    for (int i = 0; sent < 3000 && (p.revents & POLLOUT) && i < 50; i++, sent++) { ask(sent % 100 == 99 ? "select 1/$1::int" : "select repeat('x', 100), $1::int", "0"); sync_now(); }
    unsent = PQflush(c) != 0;
    if (!PQconsumeInput(c)) quit("PQconsumeInput");
    for (int nothing = 0; !PQisBusy(c) && done < 3000;) {
      PGresult *r = PQgetResult(c);
      if (r == NULL) { if (nothing++) break; continue; } // one ends a statement, two say that all that was sent is answered
      nothing = 0;
      if (PQresultStatus(r) == PGRES_PIPELINE_SYNC) done++;
      if (PQresultStatus(r) == PGRES_FATAL_ERROR) errors++;
      rows += PQntuples(r);
      PQclear(r);
    }
  }
  PQsetnonblocking(c, 0);
  printf("  %d rounds, %d rows, %d errors\n", done, rows, errors);
  if (!PQexitPipelineMode(c)) quit("PQexitPipelineMode");
}

static void large_objects(void) {
  char buf[64] = "";
  print(PQexec(c, "begin"));
  Oid o = lo_create(c, 777);
  int fd = lo_open(c, o, INV_READ | INV_WRITE);
  printf("  wrote %d", lo_write(c, fd, "a large object", 14));
  printf(", seek %d", lo_lseek(c, fd, 2, SEEK_SET));
  printf(", tell %d", lo_tell(c, fd));
  int n = lo_read(c, fd, buf, 5);
  printf(", read %d %.*s", n, n, buf);
  printf(", truncate %d", lo_truncate(c, fd, 7));
  printf(", close %d", lo_close(c, fd));
  printf(", unlink %d\n", lo_unlink(c, o));
  fd = lo_open(c, 1, INV_READ);
  printf("  none: %d %s", fd, PQerrorMessage(c));
  print(PQexec(c, "rollback"));
}

static void copies(void) {
  print(PQexec(c, "copy copied (id, text) from stdin"));
  if (PQputCopyData(c, "10\tten\n11\televen\n", 17) != 1 || PQputCopyEnd(c, NULL) != 1) quit("COPY");
  print(PQgetResult(c)); PQgetResult(c);
  print(PQexec(c, "copy copied (id, text) from stdin"));
  PQputCopyData(c, "12\t", 3); PQputCopyEnd(c, "given up");
  print(PQgetResult(c)); PQgetResult(c);
  print(PQexec(c, "copy (select id, text from copied order by id) to stdout"));
  char *line;
  while (PQgetCopyData(c, &line, 0) > 0) { printf("  %s", line); PQfreemem(line); }
  print(PQgetResult(c)); PQgetResult(c);
}

static void cancels(void) {
  char why[256] = "";
  PGcancel *cancel = PQgetCancel(c);
  if (!PQsendQuery(c, "select pg_sleep(20)")) quit("PQsendQuery");
  poll(NULL, 0, 200); // for it to begin
  int asked = PQcancel(cancel, why, sizeof why);
  printf("  cancel %d %s\n", asked, why);
  print(PQgetResult(c)); PQgetResult(c);
  PQfreeCancel(cancel);
}

static void notifications(void) {
  PQclear(PQexec(c, "listen c; notify c, 'payload'"));
  PQconsumeInput(c);
  for (PGnotify *n; (n = PQnotifies(c)) != NULL; PQfreemem(n)) printf("  %s %s %s\n", n->relname, n->extra, n->be_pid == PQbackendPID(c) ? "its own" : "another's");
}

int main(void) {
  c = PQconnectdb("application_name=pipeline");
  if (PQstatus(c) != CONNECTION_OK) quit("connecting");
  printf("server %d, protocol %d, encoding %s, own pid %s\n", PQserverVersion(c), PQprotocolVersion(c), PQparameterStatus(c, "client_encoding"), PQbackendPID(c) > 0 ? "given" : "missing");
  pipelines();
  printf("large objects\n"); large_objects();
  printf("COPY\n"); copies();
  printf("row by row\n");
  PQsendQuery(c, "select generate_series(1, 3) as i; select 1/(2-i) as q from generate_series(1, 3) i"); PQsetSingleRowMode(c);
  for (PGresult *r; (r = PQgetResult(c)) != NULL; print(r)) PQsetSingleRowMode(c);
  printf("notifications\n"); notifications();
  printf("cancel\n"); cancels();
  print(PQexec(c, "select 'and on' as text"));
  PQreset(c);
  printf("reset: %s\n", PQstatus(c) == CONNECTION_OK ? "connected again" : PQerrorMessage(c));
  PQfinish(c);
  return 0;
}
