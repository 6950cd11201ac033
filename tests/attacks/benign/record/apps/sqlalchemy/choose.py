"""Statements that the parameters of a request choose from closed lists."""
import json
from decimal import Decimal

from sqlalchemy import String, and_, cast, desc, func, nulls_last, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, array

from tables import Article, Comment, Item, Label, Move, Person, Place, labels

TABLES = {t.__tablename__: t.__table__ for t in (Place, Label, Item, Person, Move, Article, Comment)}
HIDDEN = {"picture", "token", "during"}

# relation: (from table, alias of the joined table, condition)
owner, holder, parent = Person.__table__.alias("owner"), Place.__table__.alias("holder"), Place.__table__.alias("parent")
item, move, article, comment, place = Item.__table__, Move.__table__, Article.__table__, Comment.__table__, Place.__table__
RELATIONS = {
    "item": {"place": (holder, item.c.place_id == holder.c.id), "moves": (move, move.c.item_id == item.c.id), "label": (labels, labels.c.item_id == item.c.id)},
    "move": {"item": (item, move.c.item_id == item.c.id), "user": (owner, move.c.user_id == owner.c.id)},
    "article": {"author": (owner, article.c.author_id == owner.c.id), "comments": (comment, comment.c.article_id == article.c.id)},
    "comment": {"article": (article, comment.c.article_id == article.c.id)},
    "place": {"parent": (parent, place.c.parent_id == parent.c.id)},
}


class Refused(Exception):
    pass


def number(column, text):
    kind = column.type.python_type
    return kind(text) if kind in (int, float, Decimal) else text


def several(column, text):
    return [number(column, t) for t in text.split(",") if t]


OPERATORS = {
    "eq": lambda c, v: c == number(c, v),
    "ne": lambda c, v: c != number(c, v),
    "gt": lambda c, v: c > number(c, v),
    "ge": lambda c, v: c >= number(c, v),
    "lt": lambda c, v: c < number(c, v),
    "le": lambda c, v: c <= number(c, v),
    "in": lambda c, v: c.in_(several(c, v)),
    "out": lambda c, v: c.not_in(several(c, v)),
    "any": lambda c, v: c == func.any(cast(several(c, v), ARRAY(c.type))),
    "between": lambda c, v: c.between(*(several(c, v) * 2)[:2]),
    "null": lambda c, v: c.is_(None) if v == "true" else c.is_not(None),
    "distinct": lambda c, v: c.is_distinct_from(number(c, v)),
    "like": lambda c, v: cast(c, String).like(v),
    "ilike": lambda c, v: cast(c, String).ilike("%" + v + "%"),
    "contains": lambda c, v: cast(c, String).contains(v, autoescape=True),
    "starts": lambda c, v: cast(c, String).startswith(v, autoescape=True, escape="!"),
    "regex": lambda c, v: cast(c, String).regexp_match(v),
    "lower": lambda c, v: func.lower(cast(c, String)) == v.lower(),
    "length": lambda c, v: func.char_length(cast(c, String)) > int(v),
    "text": lambda c, v: func.to_tsvector("english", cast(c, String)).op("@@")(func.websearch_to_tsquery("english", v)),
}
ON_ARRAY = {
    "has": lambda c, v: c.contains([v]), "overlap": lambda c, v: c.overlap(v.split(",")), "size": lambda c, v: func.cardinality(c) > int(v),
    "first": lambda c, v: c[1] == v,
}
ON_JSON = {
    "has": lambda c, v: c.contains(json.loads(v)), "key": lambda c, v: c.has_key(v), "keys": lambda c, v: c.has_any(array(v.split(","))),
    "path": lambda c, v: c[("size", "unit")].astext == v, "text": lambda c, v: c["note"].astext.ilike(f"%{v}%"),
}


def condition(column, operator, value):
    kinds = ON_ARRAY if isinstance(column.type, ARRAY) else ON_JSON if isinstance(column.type, JSONB) else OPERATORS
    if operator not in kinds:
        raise Refused(f"no operator {operator} for {column.name}")
    return kinds[operator](column, value)


def parse(table, get):
    """The columns, conditions and relations that the parameters name."""
    conditions, either = [], []
    for key, values in get.items():
        name, dot, operator = key.partition(".")
        if not dot:
            continue
        if name not in table.c or name in HIDDEN:
            raise Refused(f"no column {name}")
        for value in values:
            (either if operator.startswith("or-") else conditions).append(condition(table.c[name], operator.removeprefix("or-"), value))
    if either:
        conditions.append(or_(*either))
    fields = [f for f in get.get("fields", [""])[0].split(",") if f in table.c and f not in HIDDEN]
    joins = [j for j in get.get("with", [""])[0].split(",") if j in RELATIONS.get(table.name, {})]
    return conditions, fields, joins


def chosen(name, get):
    """A select, as a page with a table of filters makes it."""
    table = TABLES[name]
    conditions, fields, joins = parse(table, get)
    group = [g for g in get.get("group", [""])[0].split(",") if g in table.c and g not in HIDDEN]
    columns = [table.c[f] for f in fields] or [c for c in table.c if c.name not in HIDDEN]
    source = table
    for j in joins:
        other, on = RELATIONS[name][j]
        source = source.join(other, on, isouter=get.get("outer", ["1"])[0] == "1")
        if not group and "name" in other.c:
            columns.append(other.c.name.label(j + "_name"))
    if group:
        columns = [table.c[g] for g in group] + [func.count().label("n")]
        columns += [getattr(func, f)(table.c[c]).label(f + "_" + c) for f, c in measures(table, get)]
    query = select(*columns).select_from(source).where(and_(True, *conditions))
    if group:
        query = query.group_by(*[table.c[g] for g in group])
        if "having" in get:
            query = query.having(func.count() > int(get["having"][0]))
    elif "unique" in get:
        query = query.distinct()
    return order(query, table, group or fields, get)


def measures(table, get):
    for m in get.get("measure", [""])[0].split(","):
        f, _, c = m.partition("-")
        if f in ("sum", "avg", "min", "max", "stddev") and c in ("price", "stock", "weight", "quantity", "score", "revision") and c in table.c:
            yield f, c


def order(query, table, names, get):
    directions = get.get("dir", ["asc"])[0].split(",")
    for i, s in enumerate(get.get("sort", [""])[0].split(",")):
        if s in table.c and s not in HIDDEN and (not names or s in names):
            column = table.c[s]
            query = query.order_by(nulls_last(desc(column)) if directions[min(i, len(directions) - 1)] == "desc" else column)
    query = query.limit(min(int(get.get("limit", ["20"])[0]), 100))
    if "offset" in get:
        query = query.offset(int(get["offset"][0]))
    return query


def values(name, body):
    """A row's values by column; what is no column is refused."""
    table = TABLES[name]
    for key in body:
        if key not in table.c or key == "id":
            raise Refused(f"no column {key}")
    return body
