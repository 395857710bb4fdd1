# codemods: replace_create_engine
# level: unsafe
# also-with: sqlalchemy-1.4
"""Tests with an engine of their own, which stands in for the dependency."""

import test_app


def main():
    test_app.test_users()


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


def get_db():
    db = SessionLocal()
    try:
        yield db
    finally:
        db.close()
# file: app/main.py
from fastapi import Depends, FastAPI
from sqlalchemy.orm import Session

from app import crud
from app.database import Base, engine, get_db

app = FastAPI()


@app.on_event("startup")
def startup():
    Base.metadata.create_all(engine)


@app.post("/users/{name}")
def add(name: str, db: Session = Depends(get_db)):
    return {"id": crud.add_user(db, name).id}


@app.get("/users")
def users(db: Session = Depends(get_db)):
    return [user.name for user in crud.users(db)]
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
# file: test_app.py
from fastapi.testclient import TestClient
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker
from sqlalchemy.pool import StaticPool

from app.database import Base, get_db
from app.main import app

engine = create_engine(
    "sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool
)
TestingSessionLocal = sessionmaker(autocommit=False, autoflush=False, bind=engine)

Base.metadata.create_all(bind=engine)


def override_get_db():
    db = TestingSessionLocal()
    try:
        yield db
    finally:
        db.close()


app.dependency_overrides[get_db] = override_get_db
client = TestClient(app)


def test_users():
    assert client.post("/users/ann").json() == {"id": 1}
    assert client.get("/users").json() == ["ann"]
    print("tested")
