"""Reports: common table expressions, windows, lateral joins, grouping sets; two are text written by hand."""
from sqlalchemy import (
    Date, Integer, String, bindparam, case, cast, column, exists, extract, func, lateral, literal, literal_column, select, text, true, tuple_, union_all, values,
)

from tables import Article, Comment, Item, Label, Move, Person, Place, labels

I, M, P, L, U, A, C = (t.__table__ for t in (Item, Move, Place, Label, Person, Article, Comment))


def first(get, key, default=""):
    return get.get(key, [default])[0]


def tree(get):
    top = select(P.c.id, P.c.name, literal(0).label("depth"), cast(P.c.name, String).label("path"))
    top = top.where(P.c.name.ilike(f"%{first(get, 'q')}%") if "q" in get else P.c.parent_id.is_(None)).cte("tree", recursive=True)
    below = select(P.c.id, P.c.name, top.c.depth + 1, top.c.path + " > " + P.c.name).join(top, P.c.parent_id == top.c.id).where(top.c.depth < int(first(get, "depth", "5")))
    all_places = top.union_all(below)
    sort = {"name": all_places.c.name, "path": all_places.c.path, "depth": all_places.c.depth}[first(get, "sort", "path")]
    return select(all_places).order_by(sort.desc() if first(get, "dir") == "desc" else sort).limit(50)


def moves(get):
    by = {"day": func.date_trunc("day", M.c.at), "month": func.date_trunc("month", M.c.at), "user": U.c.name, "item": I.c.name, "order": M.c.order, "hour": extract("hour", M.c.at)}
    groups = [by[g] for g in first(get, "by", "day").split(",") if g in by] or [by["day"]]
    query = select(*groups, func.sum(M.c.quantity).label("total"), func.count().filter(M.c.quantity < 0).label("out")).select_from(
        M.join(I, M.c.item_id == I.c.id).outerjoin(U, M.c.user_id == U.c.id))
    if "reason" in get:
        query = query.where(M.c.reason.ilike(f"%{first(get, 'reason')}%"))
    if "since" in get:
        query = query.where(cast(M.c.at, Date) >= first(get, "since"))
    if "ids" in get:
        query = query.where(M.c.item_id.in_([int(i) for i in first(get, "ids").split(",")]))
    how = {"rollup": func.rollup, "cube": func.cube, "sets": func.grouping_sets}.get(first(get, "how"))
    query = query.group_by(how(*[tuple_(g) for g in groups] if how is func.grouping_sets else groups)) if how else query.group_by(*groups)
    return query.order_by(literal_column("total").desc() if first(get, "dir") == "desc" else literal_column("total")).limit(50)


def running(get):
    over = dict(partition_by=M.c.item_id, order_by=M.c.at)
    total = func.sum(M.c.quantity).over(**over, rows=(None, 0)).label("running")
    before = func.lag(M.c.quantity, int(first(get, "lag", "1")), 0).over(**over).label("before")
    place = func.row_number().over(partition_by=M.c.user_id, order_by=M.c.quantity.desc()).label("place")
    inner = select(M.c.item_id, M.c.reason, total, before, place, func.ntile(4).over(order_by=M.c.quantity).label("quarter")).cte("inner")
    query = select(inner)
    if "top" in get:
        query = query.where(inner.c.place <= int(first(get, "top")))
    if "reason" in get:
        query = query.where(inner.c.reason == first(get, "reason"))
    return query.order_by(inner.c.item_id, inner.c.running).limit(50)


def latest(get):
    last = lateral(select(M.c.reason, M.c.quantity, M.c.at).where(M.c.item_id == I.c.id).order_by(M.c.at.desc()).limit(int(first(get, "n", "1")))).alias("last")
    query = select(I.c.name, last.c.reason, last.c.quantity).select_from(I.outerjoin(last, true()))
    if "label" in get:
        query = query.where(exists().where(labels.c.item_id == I.c.id, labels.c.label_id == L.c.id, L.c.name.in_(get["label"])))
    return query.order_by(I.c.id).limit(40)


def kinds(get):
    words = first(get, "q")
    kind = case((A.c.body.ilike("%select%from%"), "it's SQL; really"), (A.c.body.like("--%"), "-- list"), (A.c.title == words, words), else_="text")
    inner = select(kind.label("kind"), func.length(A.c.body).label("size")).subquery()
    return select(inner.c.kind, func.count(), func.percentile_cont(0.5).within_group(inner.c.size.desc()), func.string_agg(cast(inner.c.size, String), literal(", "))).group_by(inner.c.kind)


def everything(get):
    words = first(get, "q")
    parts = [
        select(literal("item").label("kind"), I.c.id, I.c.name.label("title")).where(I.c.name.contains(words, autoescape=True)),
        select(literal("article").label("kind"), A.c.id, A.c.title).where(func.to_tsvector("english", A.c.body).op("@@")(func.plainto_tsquery("english", words))),
        select(literal("comment").label("kind"), C.c.id, C.c.text).where(C.c.text.ilike(f"%{words}%")),
        select(literal("user").label("kind"), U.c.id, U.c.name).where(func.lower(U.c.name) == words.lower()),
    ]
    wanted = [p for p, n in zip(parts, ("item", "article", "comment", "user")) if n in first(get, "in", "item,article").split(",")] or parts[:1]
    return union_all(*wanted).order_by(literal_column("3" if first(get, "sort") == "title" else "2")).limit(30)


def compare(get):
    """Pairs from the form, as a VALUES list joined to the table."""
    pairs = [(k.strip(), int(n)) for k, _, n in (p.rpartition(":") for p in get.get("want", [])) if n.lstrip("-").isdigit()] or [("none", 0)]
    want = values(column("code", String), column("n", Integer), name="want").data(pairs)
    return select(want.c.code, want.c.n, I.c.stock).select_from(want.outerjoin(I, I.c.code == want.c.code)).where(tuple_(want.c.code, want.c.n).not_in([("it's", 1), ("x", 2)]))


SALES = """
/* how much moved, by hand: it's the "old" report -- keep it */
WITH RECURSIVE days(d) AS (
    SELECT CAST(:since AS date) UNION ALL SELECT d + 1 FROM days WHERE d < CAST(:since AS date) + 6
)
SELECT to_char(days.d, 'YYYY-MM-DD "week" IW') AS day, coalesce(sum(move.quantity), 0) AS n,
       $$it's dollar quoted; -- not a comment$$ AS note, E'tab\\there' AS tab
FROM days LEFT JOIN move ON move.at::date = days.d AND move.reason <> :reason   -- the join
GROUP BY days.d HAVING NOT bool_or(coalesce(move.reason, '') LIKE :pattern ESCAPE '!')
ORDER BY 1
"""

MEASURE = """SELECT name, price, stock FROM item WHERE price BETWEEN :low AND :high AND (name || ' ' || coalesce(description, '')) ILIKE :words
  AND stock <> ALL(CAST(:not_in AS int[])) AND data @? '$.size ? (@ == "L")' IS NOT TRUE ORDER BY price * stock DESC NULLS LAST FETCH FIRST 10 ROWS ONLY"""


def sales(get):
    return text(SALES).bindparams(since=first(get, "since", "2024-01-01"), reason=first(get, "reason"), pattern=first(get, "q") + "!%%")


def stock(get):
    return text(MEASURE).bindparams(
        bindparam("low", int(first(get, "min", "0"))), bindparam("high", int(first(get, "max", "100"))), words=f"%{first(get, 'q')}%",
        not_in=[int(i) for i in first(get, "ids", "0").split(",")])


REPORTS = {"tree": tree, "moves": moves, "running": running, "latest": latest, "kinds": kinds, "everything": everything, "compare": compare, "sales": sales, "stock": stock}
