"""A backend that concatenates, on purpose: it puts inputs of a request into the
text of a statement, after what transforms.py has of mistakes, and sends that
to PostgreSQL by psycopg. Tests alone run it, on loopback.

    backend.py PORT DSN RECIPES JOURNAL

The first segment of a path is the number of a line of RECIPES. JOURNAL gets a
line for each statement: what was sent, and what came of it."""

import hashlib
import http.server
import json
import os
import queue
import sys
import threading
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg

from transforms import WAYS

POOL = 4
PLANTED = b"planted-a1b2"
FUNCTIONS = {name: way for ways in WAYS.values() for name, way in ways.items()}


class Pool:
    """hands out connections; one that broke is made anew."""

    def __init__(self, dsn):
        self.dsn, self.idle = dsn, queue.LifoQueue()
        for _ in range(POOL):
            self.idle.put(None)

    def take(self):
        conn = self.idle.get()
        if conn is None or conn.closed:
            try:
                conn = psycopg.connect(self.dsn, autocommit=True, prepare_threshold=None)
            except Exception:
                self.idle.put(None)
                raise
        return conn

    def give_back(self, conn):
        status = conn.info.transaction_status
        try:
            if status in (psycopg.pq.TransactionStatus.INTRANS, psycopg.pq.TransactionStatus.INERROR):
                conn.execute("ROLLBACK")
            elif status != psycopg.pq.TransactionStatus.IDLE:
                conn.close()
        except psycopg.Error:
            conn.close()
        self.idle.put(conn)


def do(conn, sql):
    """runs a statement in a transaction that is then undone."""
    done = {"state": "00000", "tags": [], "columns": 0, "planted": False}
    try:
        with conn.cursor() as cur:
            cur.execute("BEGIN")
            cur.execute(sql.encode())
            while True:
                result = cur.pgresult
                done["tags"].append((result.command_status or b"").decode())
                done["columns"] = max(done["columns"], result.nfields)
                for row in range(result.ntuples):
                    for column in range(result.nfields):
                        done["planted"] = done["planted"] or PLANTED in (result.get_value(row, column) or b"")
                if not cur.nextset():
                    break
    except psycopg.Error as e:
        done["state"], done["said"] = e.sqlstate or type(e).__name__, str(e)[:200]
        done["planted"] = PLANTED.decode() in str(e)
    return done


class Inputs:
    """A request's inputs by kind and name."""

    def __init__(self, handler):
        url = urlsplit(handler.path)
        self.segments = [unquote(s) for s in url.path.split("/")[1:]]
        self.pairs = {"query": pairs(url.query)}
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0)).decode()
        kind = handler.headers.get("Content-Type", "")
        if kind.startswith("application/json"):
            self.pairs["json"] = list(json.loads(body).items())
        elif body:
            self.pairs["form"] = pairs(body)
        cookies = "; ".join(handler.headers.get_all("Cookie") or [])
        self.pairs["cookie"] = [(n, unquote(v)) for n, _, v in (c.partition("=") for c in cookies.split("; "))]
        self.headers = handler.headers

    def get(self, kind, name):
        if kind == "path":
            return self.segments[1 + int(name)]
        if kind == "header":
            return self.headers[name].encode("latin-1").decode()
        if kind == "key":  # the first
            return self.pairs[name][0][0]
        return dict(self.pairs[kind])[name]


def pairs(text):
    return parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        inputs = Inputs(self)
        number = int(inputs.segments[0])
        recipe = self.server.recipes[number]
        conn = self.server.pool.take()
        try:
            values = [self.stored(conn, number, name) if kind == "row" else inputs.get(kind, name) for kind, name in recipe["from"]]
            sql = recipe["head"] + FUNCTIONS[recipe["way"]](values, recipe["middle"]) + recipe["tail"]
            done = do(conn, self.server.comment(self.headers) + sql)
        finally:
            self.server.pool.give_back(conn)
        done["sum"] = hashlib.sha256(sql.encode()).hexdigest()
        done["number"] = number
        self.server.note(done)
        if done["state"] == "00000":
            self.answer(200, {"results": len(done["tags"])})
        else:
            self.answer(500, {"message": "this did not work"})

    do_POST = do_GET

    def stored(self, conn, number, name):
        """reads what this case's requests find in the database."""
        rows = conn.execute(self.server.comment(self.headers) + "SELECT body FROM stored WHERE request = %s ORDER BY position", (number,)).fetchall()
        return rows[name][0]

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port, dsn, recipes, journal):
        super().__init__(("127.0.0.1", port), Handler)
        self.pool, self.journal, self.lock = Pool(dsn), open(journal, "a", buffering=1), threading.Lock()
        self.traced = os.path.join(os.path.dirname(journal), "traced")
        with open(recipes) as lines:
            self.recipes = [json.loads(line) for line in lines]

    def comment(self, headers):
        """says in the statement which request it is of, as query logs of Rails
        and sqlcommenter do, while there is a file called traced."""
        return f"/*traceparent='{headers['traceparent']}'*/ " if os.path.exists(self.traced) else ""

    def note(self, done):
        with self.lock:
            self.journal.write(json.dumps(done) + "\n")


if __name__ == "__main__":
    try:
        Server(int(sys.argv[1]), *sys.argv[2:]).serve_forever()
    except KeyboardInterrupt:
        pass
