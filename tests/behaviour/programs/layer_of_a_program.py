# codemods: replace_create_engine
# level: unsafe
# also-with: sqlalchemy-1.4 sqlalchemy-2.0
"""A layer without an application: a context manager for sessions, and a program that runs it."""

import runpy


def main():
    runpy.run_module('app.main', run_name='__main__')


if __name__ == "__main__":
    main()
# file: app/__init__.py
# file: app/crud.py
from sqlalchemy.orm import Session

from app.models import Item, User


def add_user(db: Session, name: str, age: int = 0) -> User:
    user = User(name=name, age=age)
    db.add(user)
    db.commit()
    db.refresh(user)
    return user


def get_user(db: Session, user_id: int):
    return db.get(User, user_id)


def users(db: Session):
    return db.query(User).order_by(User.id).all()
# file: app/database.py
from sqlalchemy import create_engine
from sqlalchemy.orm import declarative_base, sessionmaker

engine = create_engine("sqlite:///./test.db", connect_args={"check_same_thread": False})
SessionLocal = sessionmaker(bind=engine)


Base = declarative_base()


from contextlib import contextmanager


@contextmanager
def session_scope():
    session = SessionLocal()
    try:
        yield session
        session.commit()
    except Exception:
        session.rollback()
        raise
    finally:
        session.close()
# file: app/main.py
from app import crud
from app.database import Base, engine, session_scope
from app.models import User


def fill():
    with session_scope() as session:
        session.add(User(name="x"))
        session.add_all([User(name=n) for n in "yz"])


def main():
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    fill()
    with session_scope() as session:
        for user in crud.users(session):
            print(user.id, user.name)
        print(session.query(User).count(), crud.get_user(session, 2).name)
    try:
        with session_scope() as session:
            session.add(User(name="w"))
            raise ValueError("no")
    except ValueError as error:
        print("rolled back", error)
    with session_scope() as session:
        print(len(crud.users(session)))


if __name__ == "__main__":
    main()
# file: app/models.py
from sqlalchemy import Column, ForeignKey, Integer, String

from app.database import Base


class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    name = Column(String)
    age = Column(Integer, default=0)


class Item(Base):
    __tablename__ = "items"
    id = Column(Integer, primary_key=True)
    title = Column(String)
    owner_id = Column(Integer, ForeignKey("users.id"))
