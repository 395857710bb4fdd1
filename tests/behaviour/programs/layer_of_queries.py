# codemods: replace_create_engine
# level: unsafe
# also-with: sqlalchemy-1.4 sqlalchemy-2.0
"""Queries of many shapes in functions that other modules call."""

from fastapi.testclient import TestClient
from app.main import app


def main():
    with TestClient(app) as c:
        print(c.post("/users/ann").json(), c.post("/users/bob").json(), c.get("/users").json())
        print(c.get("/all").json())


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


def search(db: Session, name=None, least=None):
    query = db.query(User)
    if name:
        query = query.filter(User.name.like(f"%{name}%"))
    if least is not None:
        query = query.filter(User.age >= least)
    total = query.count()
    return total, [u.name for u in query.order_by(User.id.desc()).offset(0).limit(10)]


def joined(db: Session):
    rows = db.query(User.name, Item.title).join(Item, Item.owner_id == User.id).order_by(Item.id).all()
    return [(name, title) for name, title in rows]


def older(db: Session):
    changed = db.query(User).filter(User.age > 1).update({"age": User.age + 1})
    gone = db.query(User).filter(User.name == "cat").delete()
    db.commit()
    return changed, gone


def bulk(db: Session):
    db.bulk_save_objects([Item(title="i1", owner_id=1), Item(title="i2", owner_id=2)])
    db.commit()
    return db.query(db.query(Item).filter(Item.title == "i1").exists()).scalar()


def first_name(db: Session):
    if db.query(User).filter_by(name="ann").first() is not None and not db.query(User).get(77):
        return db.query(User.name).first()[0]


def names(db: Session):
    return {u.id: u.name for u in db.query(User)}, sum(u.age for u in db.query(User).all()), db.query(User).filter(User.id == 1).one().name
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

Base.metadata.create_all(engine)
app = FastAPI()


@app.post("/users/{name}")
def add(name: str, db: Session = Depends(get_db)):
    return {"id": crud.add_user(db, name).id}


@app.get("/users")
def users(db: Session = Depends(get_db)):
    return [user.name for user in crud.users(db)]


@app.get("/all")
def everything(db: Session = Depends(get_db)):
    crud.add_user(db, "cat", 5)
    crud.add_user(db, "dog", 6)
    return [crud.search(db), crud.search(db, "a", 1), crud.bulk(db), crud.joined(db), crud.older(db), crud.first_name(db), crud.names(db)]
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
