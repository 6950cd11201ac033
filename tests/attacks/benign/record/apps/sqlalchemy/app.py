"""app.py HOST PORT: serves the warehouse. PATH_PREFIX /bound/ goes by psycopg 3, which binds parameters on the server."""
import json
import os
import sys
from urllib.parse import parse_qs, quote
from wsgiref.simple_server import WSGIRequestHandler, make_server

import psycopg
import psycopg.rows
import sqlalchemy.exc
from sqlalchemy import create_engine, event
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

import choose
import reports
import writes
from tables import Base

DB = {k: os.environ["DB_" + k.upper()] for k in ("name", "user", "host", "port")}
URL = "postgresql+psycopg2://{user}@{host}:{port}/{name}?sslmode=disable&gssencmode=disable".format(**DB)
engine = create_engine(URL, pool_size=3)
# Old settings: psycopg2 then writes every text as E'', which any server reads the same.
batches = create_engine(URL + "&options=-c%20standard_conforming_strings%3Doff", pool_size=1, executemany_mode="values_plus_batch", executemany_values_page_size=25)
dialect = postgresql.dialect(paramstyle="pyformat")
request = {"traceparent": "", "path": ""}


@event.listens_for(engine, "before_cursor_execute", retval=True)
def comment(connection, cursor, statement, parameters, context, executemany):
    """A comment as sqlcommenter writes it, on the reports alone."""
    if request["path"].startswith("/reports/") and not executemany:
        # The percent sign doubled, as psycopg2 reads the text as a format.
        statement += " /*route='{}',traceparent='{}'*/".format(quote(request["path"], safe="").replace("%", "%%"), request["traceparent"])
    return statement, parameters


class Bound:
    """Core statements by psycopg 3."""

    def __init__(self):
        self.connection = psycopg.connect("host={host} port={port} user={user} dbname={name} sslmode=disable gssencmode=disable".format(**DB))

    def execute(self, statement):
        compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        types = compiled._bind_processors
        params = {k: types[k](v) if k in types and v is not None else v for k, v in compiled.construct_params().items()}
        try:
            with self.connection.transaction():
                cursor = self.connection.execute(str(compiled), params)
                return cursor.fetchall() if cursor.description else cursor.rowcount
        finally:
            self.connection.rollback()

    def many(self, rows):
        with self.connection.transaction(), self.connection.cursor() as cursor:
            cursor.executemany("INSERT INTO comment (article_id, name, text, score) SELECT min(id), %s, %s, %s FROM article HAVING count(*) > 0", [(r["name"], r["text"], r["score"]) for r in rows])
        return len(rows)


def rows(result):
    return [list(r) for r in result]


def driver(work, *args):
    """Runs work with psycopg2's own cursor."""
    connection = engine.raw_connection()
    try:
        with connection.cursor() as cursor:
            done = work(cursor, *args)
        connection.commit()
        return done
    finally:
        connection.close()


def search(get, body, name):
    with engine.connect() as c:
        return rows(c.execute(choose.chosen(name, get)))


def stream(get, body, name):
    """Rows by a cursor on the server."""
    with batches.connect().execution_options(stream_results=True, max_row_buffer=10) as c:
        return [len(part) for part in c.execute(choose.chosen(name, get)).partitions(10)]


def bound(get, body, name):
    return rows(psycopg3.execute(choose.chosen(name, get)))


def bound_report(get, body, name):
    return rows(psycopg3.execute(reports.REPORTS[name](get)))


def report(get, body, name):
    with engine.connect() as c:
        return rows(c.execute(reports.REPORTS[name](get)))


def write(get, body, name):
    with (batches if get.get("batch") else engine).begin() as c:
        return writes.insert_rows(c, name, body if isinstance(body, list) else [body])


def upsert(get, body, name):
    with engine.begin() as c:
        return writes.upsert_rows(c, name, body, "keep" in get)


def change(get, body, name):
    with engine.begin() as c:
        return writes.change(c, name, get, body)


def remove(get, body, name):
    with engine.begin() as c:
        return writes.remove(c, name, get)


def increase(get, body, name):
    with engine.begin() as c:
        return writes.increase(c, [int(i) for i in get["ids"][0].split(",")], int(get["by"][0]))


def article(get, body, name):
    with Session(engine) as s:
        if body is None:
            return writes.show_article(s, int(name), get.get("how", ["select"])[0])
        return writes.edit_article(s, int(name), body)


def stocktake(get, body, name):
    with Session(engine) as s:
        form = {k: v[0] for k, v in body.items() if k not in ("labels", "quantity", "reason")}
        form.update({k: body.get(k, []) for k in ("labels", "quantity", "reason")}, picture=form["name"].encode("utf-16"))
        return writes.stocktake(s, form)


def jobs(get, body, name):
    with Session(engine) as s:
        return writes.take_jobs(s, int(name))


def raw(get, body, name):
    if name == "composed":
        columns = [c for c in get["columns"][0].split(",") if c in ("id", "code", "name", "price", "stock", "made")] or ["id"]
        sort = get["sort"][0] if get["sort"][0] in ("id", "code", "name", "price", "stock") else "id"
        return driver(writes.raw_composed, columns, sort, get["word"])
    if name == "types":
        return driver(writes.raw_types, get["q"][0])
    if name == "copy":
        return driver(writes.copy_in, body)
    if name == "many":
        return psycopg3.many(body)
    return driver({"values": writes.raw_values, "batch": writes.raw_batch}[name], body)


ROUTES = {
    "search": search, "stream": stream, "bound": bound, "bound-reports": bound_report, "reports": report, "rows": write, "upsert": upsert, "change": change,
    "remove": remove, "increase": increase, "articles": article, "stocktake": stocktake, "jobs": jobs, "raw": raw,
}
WRONG = (choose.Refused, KeyError, ValueError, TypeError, sqlalchemy.exc.DataError, sqlalchemy.exc.ProgrammingError, sqlalchemy.exc.IntegrityError, psycopg.Error, sqlalchemy.exc.StatementError,
         sqlalchemy.exc.ArgumentError, writes.psycopg2.Error)


def body_of(environ):
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if not length:
        return None
    data = environ["wsgi.input"].read(length).decode("utf-8", "replace")
    kind = environ.get("CONTENT_TYPE", "")
    if kind.startswith("application/json"):
        return json.loads(data)
    return parse_qs(data, keep_blank_values=True) if kind.startswith("application/x-www-form-urlencoded") else data


def application(environ, start):
    _, first, name = (environ["PATH_INFO"].split("/", 2) + ["", ""])[:3]
    request.update(traceparent=environ.get("HTTP_TRACEPARENT", ""), path=environ["PATH_INFO"])
    get = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    status, answer = "200 OK", None
    try:
        answer = ROUTES[first](get, body_of(environ), name.strip("/"))
    except WRONG as e:
        status, answer = "400 Bad Request", repr(e)
    data = json.dumps(answer, default=str).encode()
    start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(data)))])
    return [data]


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


if __name__ == "__main__":
    Base.metadata.create_all(engine)
    psycopg3 = Bound()
    with make_server(sys.argv[1], int(sys.argv[2]), application, handler_class=Quiet) as server:
        server.serve_forever()
