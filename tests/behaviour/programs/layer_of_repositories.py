# codemods: replace_create_engine
# level: unsafe
# also-with: sqlalchemy-2.0
"""Objects that keep the session: a generic base class in a module of its own, classes that FastAPI makes, a dataclass, sessions that one object
hands to the next."""

from fastapi.testclient import TestClient
from app.main import app


def main():
    with TestClient(app) as c:
        print(c.post("/users/ann").json(), c.post("/users/bob").json(), c.get("/users").json())
        print(c.get("/users/2").json(), c.get("/users/7").status_code, c.get("/count").json())
        print(c.put("/users/1/cyd").json(), c.get("/users").json())


if __name__ == "__main__":
    main()
# file: app/__init__.py
# file: app/base.py
from typing import Generic, Optional, Type, TypeVar

from sqlalchemy.orm import Session

T = TypeVar("T")


class Repository(Generic[T]):
    model: Type[T]

    def __init__(self, session: Session) -> None:
        self.session = session

    def get(self, id: int) -> Optional[T]:
        return self.session.get(self.model, id)

    def add(self, **values) -> T:
        row = self.model(**values)
        self.session.add(row)
        self.session.commit()
        self.session.refresh(row)
        return row
# file: app/repositories.py
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.base import Repository
from app.models import User


class UserRepository(Repository[User]):
    model = User

    def names(self):
        return [user.name for user in self.session.query(User).order_by(User.id)]


@dataclass
class Counter:
    db: Session

    def users(self) -> int:
        return self.db.execute(select(func.count()).select_from(User)).scalar_one()
# file: app/service.py
from app.repositories import Counter, UserRepository


class UserService:
    def __init__(self, repository: UserRepository):
        self.repository = repository

    def rename(self, id: int, name: str) -> bool:
        user = self.repository.get(id)
        if user is None:
            return False
        user.name = name
        self.repository.session.commit()
        return True

    def count(self) -> int:
        return Counter(self.repository.session).users()
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
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from sqlalchemy.orm import Session

from app.database import Base, engine, get_db
from app.repositories import UserRepository
from app.service import UserService

Base.metadata.create_all(engine)
app = FastAPI()


def get_users(db: Annotated[Session, Depends(get_db)]) -> UserRepository:
    return UserRepository(db)


def get_service(users: UserRepository = Depends(get_users)) -> UserService:
    return UserService(users)


@app.post("/users/{name}")
def add(name: str, users: UserRepository = Depends(get_users)):
    return {"id": users.add(name=name).id}


@app.get("/users")
def names(db: Session = Depends(get_db)):
    return UserRepository(db).names()


@app.get("/users/{uid}")
def user(uid: int, users: UserRepository = Depends(get_users)):
    found = users.get(uid)
    if not found:
        raise HTTPException(404)
    return found.name


@app.put("/users/{uid}/{name}")
def rename(uid: int, name: str, service: UserService = Depends(get_service)):
    return service.rename(uid, name)


@app.get("/count")
def count(service: UserService = Depends(get_service)):
    return service.count()
# file: app/models.py
from sqlalchemy import Column, Integer, String

from app.database import Base


class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    name = Column(String)
