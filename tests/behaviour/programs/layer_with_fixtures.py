# codemods: replace_create_engine
# level: unsafe
# also-with: sqlalchemy-1.4
"""Tests whose fixtures make the tables of an engine of their own, and drop them; an application beside handlers of its own."""

import conftest
import test_notes


def main():
    for test in (test_notes.test_add, test_notes.test_list):
        tables = conftest.tables()
        next(tables)
        test()
        print(list(tables), test.__name__)


if __name__ == "__main__":
    main()
# file: pytest.py
def fixture(**options):
    return lambda function: function
# file: conftest.py
import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker
from sqlalchemy.pool import StaticPool

from notes.database import Base, get_db
from notes.main import app

URL = "sqlite://"
engine = create_engine(
    URL, connect_args={"check_same_thread": False}, poolclass=StaticPool
)
TestingSession = sessionmaker(bind=engine)


def override_get_db():
    db = TestingSession()
    try:
        yield db
    finally:
        db.close()


app.dependency_overrides[get_db] = override_get_db


@pytest.fixture(autouse=True)
def tables():
    Base.metadata.drop_all(bind=engine)
    Base.metadata.create_all(bind=engine)
    yield
    Base.metadata.drop_all(bind=engine)
# file: test_notes.py
from fastapi.testclient import TestClient

from notes.main import app


def test_add():
    with TestClient(app) as client:
        print(client.post("/notes/milk").json(), client.get("/notes").json())


def test_list():
    with TestClient(app) as client:
        print(client.get("/notes").json())
# file: notes/__init__.py
# file: notes/database.py
from sqlalchemy import create_engine
from sqlalchemy.orm import declarative_base, sessionmaker

URL = "sqlite:///notes.db"
engine = create_engine(URL)
make_session = sessionmaker(bind=engine)
Base = declarative_base()


def get_db():
    db = make_session()
    try:
        yield db
    finally:
        db.close()
# file: notes/main.py
from fastapi import Depends, FastAPI
from sqlalchemy.orm import Session

from .database import Base, engine, get_db, make_session
from .models import Note

# All tables.
Base.metadata.create_all(engine)
app = FastAPI()


@app.on_event("startup")
def count():
    with make_session() as session:
        print("notes:", session.query(Note).count())


@app.post("/notes/{text}")
def add(text: str, db: Session = Depends(get_db)):
    note = Note(text=text)
    db.add(note)
    db.commit()
    return note.id


@app.get("/notes")
def notes(db: Session = Depends(get_db)):
    return [note.text for note in db.query(Note).order_by(Note.id)]
# file: notes/models.py
from sqlalchemy import Column, Integer, String

from .database import Base


class Note(Base):
    __tablename__ = "notes"
    id = Column(Integer, primary_key=True)
    text = Column(String)
