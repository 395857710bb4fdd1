# codemods: replace_create_engine
# level: unsafe
# also-with: sqlalchemy-1.4 sqlalchemy-2.0
"""A layer over several files: engine, dependency, models, functions, routers; tables that are made at import."""

from fastapi.testclient import TestClient
from app.main import app


def main():
    with TestClient(app) as c:
        print(c.post("/users/ann").json(), c.post("/users/bob").json(), c.get("/users").json())
        print(c.get("/users/1").json(), c.get("/users/7").status_code)


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
# file: app/deps.py
from typing import Annotated

from fastapi import Depends
from sqlalchemy.orm import Session

from .database import SessionLocal


def get_session():
    with SessionLocal() as session:
        yield session


SessionDep = Annotated[Session, Depends(get_session)]
# file: app/main.py
from fastapi import FastAPI

from app.database import Base, engine
from app.routers import users

Base.metadata.create_all(engine)
app = FastAPI()
app.include_router(users.router)
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
# file: app/routers/__init__.py
# file: app/routers/users.py
from fastapi import APIRouter, HTTPException

from ..deps import SessionDep
from ..models import User
from .. import crud

router = APIRouter()


@router.post("/users/{name}")
def add(name: str, db: SessionDep):
    return {"id": crud.add_user(db, name).id}


@router.get("/users")
def users(db: SessionDep):
    return [user.name for user in crud.users(db)]


@router.get("/users/{uid}")
async def user(uid: int, db: SessionDep):
    found = db.get(User, uid)
    if not found:
        raise HTTPException(404)
    return found.name
