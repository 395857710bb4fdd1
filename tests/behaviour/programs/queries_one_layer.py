# codemods: replace_query_with_select
# level: safe
# also-with: sqlalchemy-2.0
"""A synchronous layer that an async program uses: lists, pages, bulk changes, an eager relationship, errors."""

from sqlalchemy import ForeignKey, create_engine, func
from sqlalchemy.exc import MultipleResultsFound, NoResultFound
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    joinedload,
    mapped_column,
    relationship,
    sessionmaker,
)

effects = []


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    books: Mapped[list["Book"]] = relationship(order_by="Book.id")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))


engine = create_engine("sqlite:///books.db")
maker = sessionmaker(engine)


class Books:
    def __init__(self, session: Session) -> None:
        self.session = session

    def page(self, title=None, skip=0, limit=2):
        query = self.session.query(Book)
        if title:
            query = query.filter(Book.title.like(title))
        rows = query.order_by(Book.id).offset(skip).limit(limit).all()
        return query.count(), [book.title for book in rows]

    def authors(self):
        found = self.session.query(Author).options(joinedload(Author.books)).order_by(Author.id)
        return [(author.name, len(author.books)) for author in found]

    def one(self, **key):
        try:
            return self.session.query(Author).join(Book).filter_by(**key).one().name
        except (NoResultFound, MultipleResultsFound) as error:
            return type(error).__name__

    def rename(self, old, new):
        return self.session.query(Book).filter(Book.title == old).update({"title": new})

    def drop(self, author_id):
        found = self.session.query(Book).filter(Book.author_id == author_id)
        titles = [book.title for book in found]
        return titles, found.delete(synchronize_session="fetch")


async def main():
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    with maker.begin() as session:
        session.add_all([Author(id=1, name="ann"), Author(id=2, name="bob")])
        titles = [("a", 1), ("b", 1), ("c", 2)]
        session.add_all([Book(id=i, title=t, author_id=a) for i, (t, a) in enumerate(titles, 1)])
    with maker() as session:
        books = Books(session)
        effects.append(books.page())
        effects.append(books.page("%c%"))
        effects.append(books.authors())
        effects.append([books.one(title="a"), books.one(title="z"), books.one()])
        effects.append(books.rename("a", "aa"))
        effects.append(session.query(Book.title).filter_by(id=1).scalar())
        effects.append(books.drop(1))
        effects.append(session.query(func.count(Book.id)).scalar())
        effects.append(session.query(Author).get(2).name)
        effects.append([tuple(row) for row in session.query(Book.title, Author.name).join(Author)])
        session.rollback()
    engine.dispose()
