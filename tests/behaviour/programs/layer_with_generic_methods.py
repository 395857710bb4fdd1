# codemods: replace_create_engine
# level: unsafe
# also-with: sqlalchemy-2.0
"""Methods of a generic class that are given the session, and objects of it that modules share."""

from fastapi.testclient import TestClient
from app.main import app


def main():
    with TestClient(app) as c:
        print(c.post("/users/ann").json(), c.post("/users/bob").json(), c.get("/users").json())
        print(c.get("/by/bob").json(), c.delete("/users/1").json(), c.delete("/users/1").json(), c.get("/users").json())


if __name__ == "__main__":
    main()
# file: app/__init__.py
# file: app/crud.py
from typing import Any, Generic, List, Optional, Type, TypeVar

from sqlalchemy.orm import Session

from app.database import Base
from app.models import User

ModelType = TypeVar("ModelType", bound=Base)


class CRUDBase(Generic[ModelType]):
    def __init__(self, model: Type[ModelType]):
        self.model = model

    def get(self, db: Session, id: Any) -> Optional[ModelType]:
        return db.query(self.model).filter(self.model.id == id).first()

    def get_multi(self, db: Session, *, skip: int = 0, limit: int = 100) -> List[ModelType]:
        return db.query(self.model).offset(skip).limit(limit).all()

    def create(self, db: Session, *, data: dict) -> ModelType:
        obj = self.model(**data)
        db.add(obj)
        db.commit()
        db.refresh(obj)
        return obj

    def remove(self, db: Session, *, id: int) -> ModelType:
        obj = db.query(self.model).get(id)
        db.delete(obj)
        db.commit()
        return obj


class CRUDUser(CRUDBase[User]):
    def by_name(self, db: Session, *, name: str) -> Optional[User]:
        return db.query(User).filter(User.name == name).first()


user = CRUDUser(User)
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
from app.database import Base, engine, get_db

Base.metadata.create_all(engine)
app = FastAPI()


@app.post("/users/{name}")
def add(name: str, db: Session = Depends(get_db)):
    return {"id": crud.user.create(db, data={"name": name}).id}


@app.get("/users")
def users(db: Session = Depends(get_db)):
    return [user.name for user in crud.user.get_multi(db)]


@app.delete("/users/{uid}")
def remove(uid: int, db: Session = Depends(get_db)):
    if not crud.user.get(db, uid):
        return None
    return crud.user.remove(db, id=uid).name


@app.get("/by/{name}")
def by(name: str, db: Session = Depends(get_db)):
    found = crud.user.by_name(db, name=name)
    return found and found.id
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
