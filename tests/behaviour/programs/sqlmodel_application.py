# codemods: replace_create_engine
# level: unsafe
"""SQLModel and FastAPI over several files: the engine, the dependency, the models, the routes, a lifespan that makes the tables."""

from fastapi.testclient import TestClient
from app.main import app


def main():
    with TestClient(app) as client:
        made = [client.post("/heroes/", json={"name": name, "secret_name": name[::-1], "age": age}).json()
                for name, age in [("Deadpond", 30), ("Rusty", 48), ("Spider", None)]]
        print(made)
        print(client.get("/heroes/", params={"limit": 2}).json())
        print(client.get("/heroes/older", params={"than": 40}).json())
        print(client.patch("/heroes/3", json={"age": 16}).json())
        print(client.get("/heroes/count").json(), client.get("/heroes/9").status_code)
        print(client.delete("/heroes/1").json(), client.get("/heroes/names").json())


if __name__ == "__main__":
    main()
# file: app/__init__.py
# file: app/db.py
from collections.abc import Generator

from sqlmodel import Session, SQLModel, create_engine

engine = create_engine("sqlite:///heroes.db", connect_args={"check_same_thread": False})


def create_db_and_tables() -> None:
    SQLModel.metadata.drop_all(engine)
    SQLModel.metadata.create_all(engine)


def get_session() -> Generator[Session, None, None]:
    with Session(engine) as session:
        yield session
# file: app/models.py
from datetime import datetime, timezone

from sqlmodel import Field, SQLModel


class HeroBase(SQLModel):
    name: str = Field(index=True)
    age: int | None = Field(default=None, index=True)


class Hero(HeroBase, table=True):
    id: int | None = Field(default=None, primary_key=True)
    secret_name: str
    changed: datetime | None = Field(
        default=None, sa_column_kwargs={"onupdate": lambda: datetime.now(timezone.utc)}
    )


class HeroPublic(HeroBase):
    id: int


class HeroCreate(HeroBase):
    secret_name: str


class HeroUpdate(SQLModel):
    name: str | None = None
    age: int | None = None
# file: app/crud.py
from sqlmodel import Session, col, func, select

from app.models import Hero, HeroCreate


def create_hero(*, session: Session, hero_create: HeroCreate) -> Hero:
    hero = Hero.model_validate(hero_create, update={"secret_name": hero_create.secret_name.upper()})
    session.add(hero)
    session.commit()
    session.refresh(hero)
    return hero


def heroes_older(session: Session, than: int) -> list[Hero]:
    statement = select(Hero).where(col(Hero.age) > than).order_by(col(Hero.id))
    return list(session.exec(statement))


def count(session: Session) -> int:
    return session.exec(select(func.count()).select_from(Hero)).one()
# file: app/deps.py
from typing import Annotated

from fastapi import Depends, HTTPException
from sqlmodel import Session

from app.db import get_session
from app.models import Hero

SessionDep = Annotated[Session, Depends(get_session)]


def get_hero(hero_id: int, session: SessionDep) -> Hero:
    hero = session.get(Hero, hero_id)
    if not hero:
        raise HTTPException(status_code=404, detail="Hero not found")
    return hero


HeroDep = Annotated[Hero, Depends(get_hero)]
# file: app/heroes.py
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlmodel import select

from app import crud
from app.deps import HeroDep, SessionDep
from app.models import Hero, HeroCreate, HeroPublic, HeroUpdate

router = APIRouter(prefix="/heroes")


@router.post("/", response_model=HeroPublic)
def create_hero(*, session: SessionDep, hero: HeroCreate) -> Any:
    return crud.create_hero(session=session, hero_create=hero)


@router.get("/", response_model=list[HeroPublic])
def read_heroes(session: SessionDep, offset: int = 0, limit: Annotated[int, Query(le=100)] = 100):
    heroes = session.exec(select(Hero).order_by(Hero.id).offset(offset).limit(limit)).all()
    return heroes


@router.get("/older")
def older(session: SessionDep, than: int) -> list[HeroPublic]:
    return [HeroPublic.model_validate(hero) for hero in crud.heroes_older(session, than)]


@router.get("/count")
def count_heroes(session: SessionDep) -> int:
    return crud.count(session)


@router.get("/names")
def names(session: SessionDep) -> list[tuple[int, str]]:
    return [(uid, name) for uid, name in session.exec(select(Hero.id, Hero.name).order_by(Hero.name))]


@router.get("/{hero_id}", response_model=HeroPublic)
def read_hero(hero: HeroDep):
    return hero


@router.patch("/{hero_id}", response_model=HeroPublic)
def update_hero(hero: HeroDep, changes: HeroUpdate, session: SessionDep):
    hero.sqlmodel_update(changes.model_dump(exclude_unset=True))
    session.add(hero)
    session.commit()
    session.refresh(hero)
    return hero


@router.delete("/{hero_id}")
def delete_hero(hero: HeroDep, session: SessionDep):
    session.delete(hero)
    session.commit()
    return {"ok": True}
# file: app/main.py
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app.db import create_db_and_tables
from app.heroes import router


@asynccontextmanager
async def lifespan(app: FastAPI):
    create_db_and_tables()
    yield


app = FastAPI(lifespan=lifespan)
app.include_router(router)
