# codemods: replace_create_engine
# level: unsafe
# also-with: sqlalchemy-2.0
"""A layer of one module whose sessions are kept by objects: a repository, and a unit of work that makes its own."""

from sqlalchemy import Column, Integer, String, create_engine
from sqlalchemy.orm import Session, declarative_base, sessionmaker

engine = create_engine("sqlite:///objects.db")
maker = sessionmaker(engine)
Base = declarative_base()


class User(Base):
    __tablename__ = "user"
    id = Column(Integer, primary_key=True)
    name = Column(String)


class Users:
    def __init__(self, session: Session) -> None:
        self.session = session

    def add(self, name: str) -> User:
        user = User(name=name)
        self.session.add(user)
        self.session.flush()
        return user

    def names(self) -> list[str]:
        return [user.name for user in self.session.query(User).order_by(User.id)]


class Work:
    def __enter__(self) -> "Work":
        self.session = maker()
        self.users = Users(self.session)
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if kind is None:
            self.session.commit()
        else:
            self.session.rollback()
        self.session.close()


def fill() -> int:
    with Work() as work:
        return work.users.add("ann").id


def lose() -> str:
    try:
        with Work() as work:
            work.users.add("lost")
            raise LookupError("not kept")
    except LookupError as error:
        return str(error)


def names() -> list[str]:
    with Session(engine) as session:
        return Users(session).names()


def run():
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    print(fill(), lose(), names())


if __name__ == "__main__":
    run()
