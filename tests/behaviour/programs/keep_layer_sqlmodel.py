# codemods: replace_create_engine
# level: none
"""Relationships of SQLModel that are loaded when they are read, and columns that the database computes in an update."""

from app import crud
from app.db import make


def main():
    make()
    print(crud.fill(), crud.names())


if __name__ == "__main__":
    main()
# file: app/__init__.py
# file: app/db.py
from sqlmodel import Session, SQLModel, create_engine

engine = create_engine("sqlite:///lazy.db")


def make():
    SQLModel.metadata.drop_all(engine)
    SQLModel.metadata.create_all(engine)


def session():
    return Session(engine)
# file: app/models.py
from sqlmodel import Field, Relationship, SQLModel


class Team(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str
    heroes: list["Hero"] = Relationship(back_populates="team")


class Hero(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str
    team_id: int | None = Field(default=None, foreign_key="team.id")
    team: Team | None = Relationship(back_populates="heroes")
# file: app/crud.py
from sqlmodel import select

from app.db import session
from app.models import Hero, Team


def fill() -> int:
    with session() as open:
        open.add(Hero(name="Deadpond", team=Team(name="Z-Force")))
        open.commit()
        return len(open.exec(select(Hero)).all())


def names() -> list[str]:
    with session() as open:
        return [hero.team.name for hero in open.exec(select(Hero)).all()]
