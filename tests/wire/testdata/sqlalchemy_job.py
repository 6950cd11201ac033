"""SQLAlchemy on psycopg2 doing its job: tables made, reflected, filled and asked."""
import threading

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql as pg


def say(what, *values):
    print(what + ":", *[repr(v) for v in values])


Base = orm.declarative_base()


class Author(Base):
    __tablename__ = "authors"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(50), nullable=False, unique=True)
    about = sa.Column(pg.JSONB)
    books = orm.relationship("Book", back_populates="author", cascade="all, delete-orphan", order_by="Book.id")


class Book(Base):
    __tablename__ = "books"
    id = sa.Column(sa.Integer, primary_key=True)
    title = sa.Column(sa.Text, index=True)
    tags = sa.Column(pg.ARRAY(sa.Text))
    price = sa.Column(sa.Numeric(8, 2))
    author_id = sa.Column(sa.ForeignKey("authors.id", ondelete="CASCADE"))
    author = orm.relationship("Author", back_populates="books")


engine = sa.create_engine("postgresql+psycopg2://", pool_size=3, max_overflow=0)
Base.metadata.create_all(engine)
with orm.Session(engine) as s:
    for i in range(5):
        s.add(Author(name="author %d o'hara" % i, about={"n": i, "x": [1, None]}, books=[Book(title="book %d-%d; drop table books; --" % (i, j), tags=["a", 'b"c'], price=j * 1.5) for j in range(4)]))
    s.commit()
    say("books", [(b.title, b.tags, b.price, b.author.name) for b in s.query(Book).order_by(Book.title).limit(6)])
    say("joined", [a.name for a in s.query(Author).join(Book).filter(Book.price > 4).distinct().order_by(Author.name)])
    say("eager", [(a.name, len(a.books)) for a in s.query(Author).options(orm.selectinload(Author.books)).order_by(Author.id)])
    say("grouped", s.query(Book.author_id, sa.func.sum(Book.price)).group_by(Book.author_id).order_by(Book.author_id).all())
    say("json", s.query(Author.id).filter(Author.about["n"].astext == "3").all())
    say("array", s.query(sa.func.count()).filter(Book.tags.any("a")).scalar())
    s.query(Book).filter(Book.title.like("book 1%")).update({"price": Book.price + 1}, synchronize_session=False)
    s.delete(s.get(Author, 1))
    s.commit()
    s.add(Author(name="author 2 o'hara"))
    try:
        s.commit()
    except sa.exc.IntegrityError as e:
        say("twice", e.orig.pgcode, str(e.orig))
        s.rollback()
    with s.begin_nested() as inner:
        s.execute(sa.text("update books set price = :p"), {"p": 9})
        inner.rollback()
    say("nested", s.query(sa.func.sum(Book.price)).scalar())
    upsert = pg.insert(Author).values(id=2, name="author 1 o'hara").on_conflict_do_update(index_elements=["id"], set_={"name": "changed"})
    s.execute(upsert)
    s.commit()
    say("upsert", s.get(Author, 2).name)
inspector = sa.inspect(engine)
say("reflected", sorted(inspector.get_table_names()), [c["name"] for c in inspector.get_columns("people")], inspector.get_foreign_keys("books"), inspector.get_indexes("books"))
people = sa.Table("people", sa.MetaData(), autoload_with=engine)
with engine.connect() as c:
    say("core", c.execute(sa.select(people.c.id, people.c.name).where(people.c.id.in_([1, 2, 3])).order_by(people.c.id)).fetchall())
    say("streamed", sum(1 for _ in c.execution_options(stream_results=True, max_row_buffer=20).execute(sa.select(people))))
answers = {}


def ask(i):
    with engine.connect() as c:
        answers[i] = c.execute(sa.text("select count(*) from people where id > :i"), {"i": i}).scalar()


threads = [threading.Thread(target=ask, args=(i,)) for i in range(12)]
for t in threads:
    t.start()
for t in threads:
    t.join()
say("threads", sorted(answers.items()))
Base.metadata.drop_all(engine)
engine.dispose()
print("done")
