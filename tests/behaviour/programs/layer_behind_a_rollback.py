# codemods: replace_create_engine
# level: unsafe
# also-with: sqlalchemy-2.0
"""What is read behind a rollback was no row, or was loaded behind it."""

from fastapi.testclient import TestClient
from app.main import app


def main():
    with TestClient(app) as c:
        for name in ("ann", "bob", "ann"):
            answer = c.post("/users", json={"name": name})
            print(answer.status_code, answer.json())


if __name__ == "__main__":
    main()
# file: app/__init__.py
# file: app/crud.py
from sqlalchemy.orm import Session

from app.models import User
from app.schemas import NewUser


def add_user(db: Session, new: NewUser) -> User:
    user = User(name=new.name)
    db.add(user)
    db.commit()
    db.refresh(user)
    return user


def by_name(db: Session, name: str):
    return db.query(User).filter(User.name == name).first()
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
from fastapi import Depends, FastAPI, HTTPException
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import crud, schemas
from app.database import Base, engine, get_db

Base.metadata.create_all(engine)
app = FastAPI()


@app.post("/users")
def add(user: schemas.NewUser, db: Session = Depends(get_db)):
    try:
        return crud.add_user(db, user).id
    except IntegrityError:
        db.rollback()
        there = crud.by_name(db, user.name)
        raise HTTPException(409, f"{user.name} is {there.id}")
# file: app/models.py
from sqlalchemy import Column, Integer, String

from app.database import Base


class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    name = Column(String, unique=True)
# file: app/schemas.py
from pydantic import BaseModel


class Named(BaseModel):
    name: str


class NewUser(Named):
    pass
