"""A warehouse's tables."""
from sqlalchemy import (
    Boolean, Column, Date, DateTime, Float, ForeignKey, Integer, LargeBinary, Numeric, String, Table, Text, func,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSTZRANGE, UUID
from sqlalchemy.orm import declarative_base, relationship

Base = declarative_base()

labels = Table(
    "item_label", Base.metadata,
    Column("item_id", ForeignKey("item.id", ondelete="CASCADE"), primary_key=True),
    Column("label_id", ForeignKey("label.id", ondelete="CASCADE"), primary_key=True),
)


class Place(Base):
    """Places are within places."""
    __tablename__ = "place"
    id = Column(Integer, primary_key=True)
    name = Column(String, unique=True, nullable=False)
    parent_id = Column(ForeignKey("place.id"))
    children = relationship("Place")


class Label(Base):
    __tablename__ = "label"
    id = Column(Integer, primary_key=True)
    name = Column(String, unique=True, nullable=False)


class Item(Base):
    __tablename__ = "item"
    id = Column(Integer, primary_key=True)
    code = Column(String, unique=True, nullable=False)
    name = Column(String, nullable=False)
    price = Column(Numeric(10, 2), default=0)
    stock = Column(Integer, default=0)
    weight = Column(Float)
    description = Column(Text, default="")
    colours = Column(ARRAY(String), default=list)
    data = Column(JSONB, default=dict)
    picture = Column(LargeBinary)
    active = Column(Boolean, default=True)
    made = Column(Date)
    place_id = Column(ForeignKey("place.id"))
    place = relationship(Place)
    labels = relationship(Label, secondary=labels)
    moves = relationship("Move", back_populates="item", cascade="all, delete-orphan")


class Person(Base):
    __tablename__ = "user"  # a word that must be quoted
    id = Column(Integer, primary_key=True)
    name = Column(String, nullable=False)
    email = Column(String, unique=True)
    boss_id = Column(ForeignKey("user.id"))
    settings = Column(JSONB, default=dict)
    token = Column(UUID(as_uuid=True))


class Move(Base):
    __tablename__ = "move"
    id = Column(Integer, primary_key=True)
    item_id = Column(ForeignKey("item.id", ondelete="CASCADE"), nullable=False)
    user_id = Column(ForeignKey("user.id"))
    quantity = Column(Integer, nullable=False)
    reason = Column(Text, default="")
    order = Column("order", String, default="")
    at = Column(DateTime(timezone=True), server_default=func.now())
    during = Column(TSTZRANGE)
    item = relationship(Item, back_populates="moves")
    user = relationship(Person)


class Article(Base):
    """The warehouse's handbook: long texts, many about its own database."""
    __tablename__ = "article"
    id = Column(Integer, primary_key=True)
    title = Column(String, nullable=False)
    body = Column(Text, nullable=False)
    author_id = Column(ForeignKey("user.id"))
    revision = Column(Integer, default=1)
    changed = Column(DateTime(timezone=True), server_default=func.now())
    author = relationship(Person)
    comments = relationship("Comment", back_populates="article", order_by="Comment.id")


class Comment(Base):
    __tablename__ = "comment"
    id = Column(Integer, primary_key=True)
    article_id = Column(ForeignKey("article.id", ondelete="CASCADE"), nullable=False)
    name = Column(String)
    text = Column(Text, nullable=False)
    score = Column(Integer, default=0)
    article = relationship(Article, back_populates="comments")
