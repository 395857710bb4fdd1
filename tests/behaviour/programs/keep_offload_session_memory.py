# codemods: offload_session
# level: none
"""A database in memory belongs to its thread; an `await` in the block keeps it on the loop."""

import asyncio

from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


memory = create_engine("sqlite://")
named = create_engine("sqlite:///:memory:")
file = create_engine("sqlite:///kept.db")


async def add(name):
    with Session(memory) as session:
        session.add(User(name=name))
        session.commit()


async def names():
    with Session(memory) as session:
        return session.scalars(select(User.name)).all()


async def slowly():
    with Session(file) as session:
        await asyncio.sleep(0)
        return session.scalars(select(1)).all()


async def main():
    Base.metadata.create_all(memory)
    await add("ann")
    with named.connect() as connection:
        one = connection.execute(select(1)).scalar()
    found = await names(), one, await slowly()
    file.dispose()
    return found
