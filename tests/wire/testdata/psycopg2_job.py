"""psycopg2 doing its job. It prints all that it gets; the connection is PG*'s."""
import io
import select
import threading

import psycopg2
import psycopg2.extensions
import psycopg2.extras


def say(what, *values):
    print(what + ":", *[repr(v) for v in values])


def failing(what, f, *args):
    try:
        f(*args)
        say(what, "did not fail")
    except psycopg2.Error as e:
        say(what, type(e).__name__, e.pgcode, e.pgerror, e.diag.message_hint, e.diag.constraint_name)


c = psycopg2.connect("")
k = c.cursor()
k.execute("select id, name, born, points from people where id = %s or name = %s", (3, "o'hara \\ ;-- %"))
say("rows", k.fetchall(), [d.name for d in k.description])
k.execute("select 1; select 2, %s", (["a", None],))
say("several", k.fetchall())
failing("syntax", k.execute, "selec")
failing("after it", k.execute, "select 1")
c.rollback()
failing("broken", k.execute, "select broken()")
c.rollback()
k.execute("select noisy('python')")
say("notices", c.notices)
k.executemany("insert into copied (id, text) values (%s, %s)", [(i, "ünïcødé %d" % i) for i in range(20)])
psycopg2.extras.execute_values(k, "insert into copied (id, bytes) values %s", [(i, b"\x00\xff\\'") for i in range(50)], page_size=20)
psycopg2.extras.execute_batch(k, "update copied set text = %s where id = %s", [("x", i) for i in range(30)], page_size=10)
k.execute("select count(*), count(text), count(bytes) from copied")
say("written", k.fetchone())
c.rollback()
with c.cursor("named", withhold=False) as n:  # a cursor of the server
    n.itersize = 7
    n.execute("select id from orders order by id")
    say("named", sum(1 for _ in n))
with c.cursor("scrolled", scrollable=True) as n:
    n.execute("select id from orders order by id")
    n.scroll(10)
    say("scrolled", n.fetchmany(3))
    n.scroll(-5)
    say("back", n.fetchone())
k.copy_expert("copy copied (id, text) from stdin", io.StringIO("1\tone\n2\ttwo\n"))
out = io.StringIO()
k.copy_expert("copy (select id, text from copied order by id) to stdout csv header", out)
say("COPY", out.getvalue())
failing("COPY of bad data", k.copy_expert, "copy copied (id) from stdin", io.StringIO("x\n"))
c.rollback()
o = c.lobject(0, "w", 6666)
o.write("a large object")
o.seek(2)
o.truncate(9)
o.close()
o = c.lobject(6666, "r")
say("large object", o.read(), o.tell())
o.unlink()
c.commit()
for level in (psycopg2.extensions.ISOLATION_LEVEL_SERIALIZABLE, psycopg2.extensions.ISOLATION_LEVEL_REPEATABLE_READ):
    c.set_session(isolation_level=level, readonly=True)
    failing("read-only", k.execute, "insert into copied values (1)")
    c.rollback()
c.set_session(isolation_level="DEFAULT", readonly=False)
c.autocommit = True
k.execute("listen news")
k.execute("notify news, 'hello'")
while not c.notifies:
    select.select([c], [], [], 5)
    c.poll()
say("notification", [(n.channel, n.payload, n.pid == c.get_backend_pid()) for n in c.notifies])
timer = threading.Timer(0.2, c.cancel)
timer.start()
failing("cancelled", k.execute, "select pg_sleep(20)")
timer.join()
for encoding, word in (("LATIN1", "café"), ("EUC_JP", "日本語"), ("WIN1251", "слово"), ("UTF8", "ünïcødé")):
    c.set_client_encoding(encoding)
    k.execute("select %s, %s", (word, word + "'\\"))
    say(encoding, k.fetchall())
failing("not in the encoding", lambda: (c.set_client_encoding("LATIN1"), k.execute("select %s", ("a",)), k.execute("select chr(8364)")))
say("status", c.get_transaction_status(), c.get_parameter_status("server_encoding"), c.get_parameter_status("client_encoding"), c.protocol_version)
c.close()
a = psycopg2.connect("", async_=1)  # without blocking
while True:
    state = a.poll()
    if state == psycopg2.extensions.POLL_OK:
        break
    select.select([a.fileno()] if state == psycopg2.extensions.POLL_READ else [], [a.fileno()] if state == psycopg2.extensions.POLL_WRITE else [], [], 5)
say("async", a.status == psycopg2.extensions.STATUS_READY)
a.close()
print("done")
