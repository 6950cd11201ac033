"""What changes rows: by the core, by the session, and by psycopg2's own means."""
import csv
import datetime
import io
import json
import uuid

import psycopg2.extras
from psycopg2 import sql
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload, selectinload, subqueryload

from choose import TABLES, Refused, condition, parse, values
from tables import Article, Comment, Item, Label, Move, Person, Place


def insert_rows(connection, name, rows):
    """One row with RETURNING, or many in pages of a VALUES list."""
    table = TABLES[name]
    rows = [values(name, r) for r in rows]
    if len(rows) == 1:
        return connection.execute(insert(table).values(**rows[0]).returning(table.c.id)).scalar()
    connection.execute(insert(table), rows)
    return len(rows)


KEYS = {"item": "code", "label": "name", "place": "name", "user": "email"}


def upsert_rows(connection, name, rows, keep):
    table, key = TABLES[name], KEYS[name]
    statement = upsert(table).values([values(name, r) for r in rows])
    if keep:
        statement = statement.on_conflict_do_nothing(index_elements=[key])
    else:
        changed = {c: statement.excluded[c] for c in rows[0] if c != key}
        changed = changed or {key: statement.excluded[key]}
        statement = statement.on_conflict_do_update(index_elements=[key], set_=changed, where=table.c.id > 0)
    return connection.execute(statement.returning(table.c.id)).rowcount


def change(connection, name, get, body):
    table = TABLES[name]
    conditions, _, _ = parse(table, get)
    if not conditions:
        raise Refused("change which rows?")
    statement = update(table).where(*conditions).values(**values(name, body))
    return connection.execute(statement).rowcount


def increase(connection, ids, by):
    """An expression over the old value, and the new one given back."""
    item = TABLES["item"]
    found = connection.execute(update(item).where(item.c.id.in_(ids)).values(stock=func.greatest(item.c.stock + by, 0)).returning(item.c.id, item.c.stock))
    return found.rowcount


def remove(connection, name, get):
    table = TABLES[name]
    conditions, _, _ = parse(table, get)
    if not conditions:
        raise Refused("remove which rows?")
    old = select(table.c.id).where(*conditions).order_by(table.c.id.desc()).limit(2).scalar_subquery()
    return connection.execute(delete(table).where(table.c.id.in_(old)).where(table.c.id > 400)).rowcount


def edit_article(session: Session, pk, form):
    """An edit as an ORM makes it: read with relations, write what changed, with savepoints."""
    article = session.get(Article, pk, options=[joinedload(Article.author), selectinload(Article.comments)], with_for_update={"of": Article})
    author = session.execute(select(Person).filter_by(name=form["author"])).scalars().first()
    if author is None:
        author = Person(name=form["author"], email=f"{uuid.uuid4()}@example.com", token=uuid.uuid4(), settings={"theme": form.get("theme", "it's dark")})
        session.add(author)
    if article is None:
        article = Article(title=form["title"], body=form["body"], author=author)
        session.add(article)
    else:
        article.title, article.body, article.author, article.revision = form["title"], form["body"], author, Article.revision + 1
        article.changed = datetime.datetime.now(datetime.timezone.utc)
    session.flush()
    for text in form.get("comments", []):
        try:
            with session.begin_nested():
                session.add(Comment(article=article, name=form["author"], text=text or None, score=len(text)))
        except IntegrityError:
            continue
    session.commit()
    return article.id


def show_article(session: Session, pk, how):
    load = {"select": selectinload, "join": joinedload, "sub": subqueryload}[how]
    found = session.execute(select(Article).where(Article.id == pk).options(load(Article.comments), joinedload(Article.author))).unique().scalars().first()
    if found is None:
        return None
    return {"title": found.title, "body": found.body, "author": found.author and found.author.name, "comments": [c.text for c in found.comments]}


def stocktake(session: Session, form):
    """Items with labels and moves: several tables written in one flush."""
    names = [n for n in form["labels"] if n]
    have = {label.name: label for label in session.execute(select(Label).where(Label.name.in_(names))).scalars()}
    place = session.execute(select(Place).where(Place.name == form["place"])).scalars().first() or Place(name=form["place"])
    moves = [Move(quantity=int(q), reason=r, order=form["order"]) for q, r in zip(form["quantity"], form["reason"])]
    item = Item(code=form["code"], name=form["name"], description=form["description"], price=form["price"], place=place, moves=moves,
                labels=[have.get(n) or Label(name=n) for n in dict.fromkeys(names)], picture=form["picture"], colours=names, data={"note": form["description"]})
    session.add(item)
    session.commit()
    return item.id


def take_jobs(session: Session, n):
    """Rows that nobody else has locked, as a queue's worker takes them."""
    found = session.execute(select(Move).where(Move.order == "").order_by(Move.id).limit(n).with_for_update(skip_locked=True)).scalars().all()
    for move in found:
        move.order = f"job's done {move.id}"
    session.commit()
    return len(found)


def raw_values(cursor, rows):
    """psycopg2's execute_values with a template."""
    psycopg2.extras.execute_values(
        cursor, "INSERT INTO comment (article_id, name, text, score) SELECT a.id, v.* FROM (VALUES %s) AS v (name, text, score) CROSS JOIN (SELECT min(id) AS id FROM article) a WHERE a.id IS NOT NULL",
        [(r["name"], r["text"], r["score"]) for r in rows], template="(%s, left(%s, 5000), %s::int)", page_size=20)
    return len(rows)


def raw_batch(cursor, rows):
    """Several updates in one message."""
    psycopg2.extras.execute_batch(cursor, "UPDATE item SET description = %s, price = price + %s WHERE code = %s", [(r["text"], r["score"], r["name"]) for r in rows], page_size=10)
    return len(rows)


def raw_composed(cursor, columns, sort, words):
    """Identifiers quoted by the driver, from a closed list."""
    cursor.execute(
        sql.SQL("SELECT {} FROM {} WHERE {} = ANY(%s) OR {} IN %s OR data @> %s OR made < %s ORDER BY {} LIMIT 10").format(
            sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier("public", "item"), sql.Identifier("code"), sql.Identifier("name"), sql.Identifier(sort)),
        (words, tuple(words), psycopg2.extras.Json({"note": words}), datetime.date(2001, 2, 3)))
    return len(cursor.fetchall())


def raw_types(cursor, words):
    """Every kind of value that psycopg2 writes as a literal."""
    cursor.execute(
        "SELECT %(text)s, %(none)s::text, %(number)s, %(negative)s + -%(positive)s, %(ratio)s, %(nan)s::float8, %(flag)s, %(bytes)s, %(when)s, %(span)s, %(list)s, %(empty)s::text[], %(nested)s, %(range)s, 5 - %(minus)s, '100%%'",
        {"text": words, "none": None, "number": len(words), "negative": -len(words), "positive": 7, "ratio": -len(words) / 3, "nan": float("nan"), "flag": bool(len(words) % 2), "bytes": words.encode(),
         "when": datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.timezone.utc), "span": datetime.timedelta(days=-1, seconds=3), "list": [words, "a'b", 'c"d', "e\\f"], "empty": [],
         "nested": [["x", words], ["y", "z'"]], "range": psycopg2.extras.NumericRange(1, 5, "[)"), "minus": -3})
    return cursor.fetchone()[0]


def copy_in(cursor, text):
    """A spreadsheet by COPY into a table of its own, then one statement."""
    rows = list(csv.reader(io.StringIO(text)))
    out = io.StringIO()
    csv.writer(out).writerows(r[:3] for r in rows if len(r) >= 3)
    out.seek(0)
    cursor.execute("CREATE TEMPORARY TABLE incoming (code text, name text, description text) ON COMMIT DROP")
    cursor.copy_expert("COPY incoming (code, name, description) FROM STDIN WITH (FORMAT csv)", out)
    cursor.execute("INSERT INTO item (code, name, description) SELECT DISTINCT ON (code) code, name, description FROM incoming ORDER BY code ON CONFLICT (code) DO UPDATE SET name = excluded.name, description = coalesce(item.description || E'\\n' || excluded.description, '')")
    return cursor.rowcount
