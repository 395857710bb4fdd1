# codemods: replace_create_engine
# level: none
"""Tests import the package from a folder that only its installation puts on the path: they would go on to call what must be awaited."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "sources"))


def main():
    import checks.test_users

    print(checks.test_users.test_names())


if __name__ == "__main__":
    main()
# file: checks/__init__.py
# file: checks/test_users.py
from shop import crud
from shop.database import Base, engine, make_session


def test_names():
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    with make_session() as session:
        crud.add(session, "ann")
        return crud.names(session)
# file: sources/shop/__init__.py
# file: sources/shop/crud.py
from sqlalchemy.orm import Session

from .models import User


def add(session: Session, name: str):
    session.add(User(name=name))
    session.commit()


def names(session: Session):
    return [user.name for user in session.query(User).order_by(User.id)]
# file: sources/shop/database.py
from sqlalchemy import create_engine
from sqlalchemy.orm import declarative_base, sessionmaker

engine = create_engine("sqlite:///shop.db")
make_session = sessionmaker(bind=engine)
Base = declarative_base()
# file: sources/shop/main.py
from fastapi import FastAPI

from . import crud
from .database import make_session

app = FastAPI()


@app.get("/users")
def users():
    with make_session() as session:
        return crud.names(session)
# file: sources/shop/models.py
from sqlalchemy import Column, Integer, String

from .database import Base


class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    name = Column(String)
