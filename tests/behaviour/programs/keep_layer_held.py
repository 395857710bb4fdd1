# codemods: replace_create_engine
# level: none
"""The session that an object keeps is read of something of which nothing is known."""

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
# file: app/database.py
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, sessionmaker

engine = create_engine("sqlite:///./test.db", connect_args={"check_same_thread": False})
SessionLocal = sessionmaker(bind=engine)


class Base(DeclarativeBase):
    pass


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
from app.service import Service
from app.database import Base, engine, get_db

Base.metadata.create_all(engine)
app = FastAPI()


@app.post("/users/{name}")
def add(name: str, db: Session = Depends(get_db)):
    return {"id": crud.add_user(db, name).id}


@app.get("/users")
def users(db: Session = Depends(get_db)):
    return shown(Service(db))


def shown(service):
    return service.names() + [crud.get_user(service.db, 1).name]
# file: app/models.py
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.database import Base


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    age: Mapped[int] = mapped_column(default=0)


class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
# file: app/service.py
from sqlalchemy.orm import Session

from app import crud


class Service:
    def __init__(self, db: Session):
        self.db = db

    def names(self):
        return [user.name for user in crud.users(self.db)]
