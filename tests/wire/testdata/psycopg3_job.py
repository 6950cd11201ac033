"""psycopg 3 doing its job. It prints all that it gets; the connection is PG*'s."""
import asyncio
import logging

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

# Which error of a pipeline it warns of is a race in psycopg itself.
logging.getLogger("psycopg").setLevel(logging.ERROR)


def say(what, *values):
    print(what + ":", *[repr(v) for v in values])


def failing(what, f, *args, **named):
    try:
        f(*args, **named)
        say(what, "did not fail")
    except psycopg.Error as e:
        say(what, type(e).__name__, e.sqlstate, str(e))


with psycopg.connect("", autocommit=True, row_factory=dict_row) as c:
    c.add_notice_handler(lambda d: say("notice", d.severity, d.message_primary, d.message_hint))
    for i in range(8):  # prepared by itself from the sixth on
        say("row", c.execute("select id, name, born from people where id = %s and name <> %s", (i, "o'hara \\ ;--")).fetchone())
    say("prepared", c.execute("select count(*) from pg_prepared_statements").fetchone())
    say("binary", c.execute("select %b::int as n, %b::bytea as b, %s::text[] as a", (7, b"\x00\xff", ["x", None]), binary=True).fetchone())
    say("composed", c.execute(sql.SQL("select {} from {} limit 1").format(sql.Identifier("name"), sql.Identifier("people"))).fetchone())
    failing("syntax", c.execute, "selec")
    failing("broken", c.execute, "select broken()")
    failing("bad value", c.execute, "select %s::int", ("x",))
    c.execute("select noisy('three')")
    try:
        with c.transaction():
            c.execute("insert into copied (id) values (1)")
            try:
                with c.transaction():
                    c.execute("select 1/0")
            except psycopg.Error as e:
                say("savepoint", e.sqlstate)
            raise psycopg.Rollback()
    finally:
        say("rolled back", c.execute("select count(*) from copied").fetchone())
    k = c.cursor()
    k.executemany("insert into copied (id, text) values (%s, %s) returning id", [(i, str(i)) for i in range(300)], returning=True)  # a pipeline
    say("many", k.fetchone())
    with k.copy("copy copied (id, text, bytes) from stdin") as copy:
        for i in range(1000, 2000):
            copy.write_row((i, "tab\t'%d'" % i, b"\x00\\"))
    with k.copy("copy copied (id, text) from stdin (format binary)") as copy:
        copy.set_types(["int4", "text"])
        copy.write_row((9999, "binary"))
    with k.copy("copy (select id, text from copied where id > 1995 order by id) to stdout") as copy:
        say("COPY", list(copy.rows()))
    try:
        with k.copy("copy copied (id) from stdin") as copy:
            copy.write("1\n")
            raise RuntimeError("given up")
    except psycopg.Error as e:
        say("COPY given up", e.sqlstate, str(e))
    say("copied", c.execute("select count(*) from copied").fetchone())

    with c.pipeline():
        a, b = c.execute("select 1 as n"), c.execute("select %s::int as n", (2,))
        say("in a pipeline", a.fetchone(), b.fetchone())
    try:
        with c.pipeline():
            c.execute("insert into copied (id) values (70000)")
            c.execute("select 1/0")
            c.execute("insert into copied (id) values (70001)")
    except psycopg.Error:  # which one is a race in psycopg itself
        say("the pipeline failed")
    say("after it", c.execute("select count(*) from copied where id >= 70000").fetchone())

    with c.transaction(), c.cursor("named") as n:
        n.itersize = 9
        n.execute("select id from orders where id > %s order by id", (10,))
        say("named", sum(1 for _ in n))
    c.add_notify_handler(lambda note: say("notification", note.channel, note.payload, note.pid == c.info.backend_pid))
    c.execute("listen news")
    c.execute("notify news, 'hello'")
    say("server", c.info.server_version, c.info.encoding, c.info.parameter_status("TimeZone"))


async def several():
    async def one(i):
        async with await psycopg.AsyncConnection.connect("") as a:
            k = await a.execute("select %s::int, count(*) from people where id > %s", (i, i))
            return await k.fetchone()

    say("async", await asyncio.gather(*[one(i) for i in range(6)]))
    async with await psycopg.AsyncConnection.connect("") as a:
        task = asyncio.create_task(a.execute("select pg_sleep(20)"))
        await asyncio.sleep(0.2)
        a.cancel()
        try:
            await task
        except psycopg.Error as e:
            say("cancelled", e.sqlstate)


asyncio.run(several())
print("done")
