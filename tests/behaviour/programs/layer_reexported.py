# codemods: replace_create_engine
# level: unsafe
# also-with: sqlalchemy-1.4 sqlalchemy-2.0
"""The engine goes through a package's names, and a dependency has no annotation."""

from fastapi.testclient import TestClient
from app.main import app


def main():
    with TestClient(app) as c:
        print(c.post("/users/ann").json(), c.post("/users/bob").json(), c.get("/users").json())


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
# file: app/db/__init__.py
from .core import Base, SessionLocal, engine
from .session import get_db
# file: app/db/core.py
from sqlalchemy import create_engine
from sqlalchemy.orm import declarative_base, sessionmaker

engine = create_engine("sqlite:///./test.db", connect_args={"check_same_thread": False})
SessionLocal = sessionmaker(bind=engine)


Base = declarative_base()

# file: app/db/session.py
from .core import SessionLocal


def get_db():
    db = SessionLocal()
    try:
        yield db
    finally:
        db.close()
# file: app/main.py
import app.db as database
from fastapi import Depends, FastAPI

from app import crud
from app.db import get_db

database.Base.metadata.create_all(database.engine)
app = FastAPI()


@app.post("/users/{name}")
def add(name: str, db=Depends(get_db)):
    return {"id": crud.add_user(db, name).id}


@app.get("/users")
def users():
    with database.SessionLocal() as db:
        return [user.name for user in crud.users(db)]
# file: app/models.py
from sqlalchemy import Column, ForeignKey, Integer, String

from app.db import Base


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
