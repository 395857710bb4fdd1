# codemods: replace_create_engine
# level: unsafe
# also-with: sqlalchemy-2.0
"""A unit of work that makes its session when it is entered, and an object that keeps one until it is closed."""

from app.database import Base, engine
from app.handlers import add_user, names
from app.report import Report


def setup():
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)


def run():
    setup()
    print(add_user("ann"), add_user("bob"), names())
    try:
        add_user("")
    except ValueError as error:
        print("refused", error)
    report = Report()
    try:
        print(report.count(), report.last())
    finally:
        report.close()


if __name__ == "__main__":
    run()
# file: app/__init__.py
# file: app/database.py
from sqlalchemy import create_engine
from sqlalchemy.orm import declarative_base, sessionmaker

engine = create_engine("sqlite:///./test.db")
SessionLocal = sessionmaker(bind=engine)
Base = declarative_base()
# file: app/models.py
from sqlalchemy import Column, Integer, String

from app.database import Base


class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    name = Column(String)
# file: app/repository.py
from sqlalchemy.orm import Session

from app.models import User


class Users:
    def __init__(self, session: Session):
        self.session = session

    def add(self, name: str) -> User:
        user = User(name=name)
        self.session.add(user)
        self.session.flush()
        return user

    def all(self) -> list[User]:
        return self.session.query(User).order_by(User.id).all()
# file: app/uow.py
from app.database import SessionLocal
from app.repository import Users


class UnitOfWork:
    def __enter__(self):
        self.session = SessionLocal()
        self.users = Users(self.session)
        return self

    def __exit__(self, kind, error, traceback):
        if kind is not None:
            self.session.rollback()
        self.session.close()

    def commit(self):
        self.session.commit()
# file: app/handlers.py
from app.uow import UnitOfWork


def add_user(name: str) -> int:
    with UnitOfWork() as uow:
        user = uow.users.add(name)
        if not name:
            raise ValueError("no name")
        uow.commit()
        return user.id


def names() -> list[str]:
    with UnitOfWork() as uow:
        return [user.name for user in uow.users.all()]
# file: app/report.py
from app.database import SessionLocal
from app.models import User


class Report:
    def __init__(self):
        self.db = SessionLocal()

    def count(self) -> int:
        return self.db.query(User).count()

    def last(self) -> str:
        return self.db.query(User).order_by(User.id.desc()).first().name

    def close(self):
        self.db.close()
