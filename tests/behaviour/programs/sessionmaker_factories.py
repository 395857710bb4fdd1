# codemods: replace_sessionmaker
# level: safe
# also-with: sqlalchemy-2.0
"""Factories with positional and named engines, a class of their own, `configure`, `begin`, annotations and a test of the class."""

import asyncio

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

effects = []


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Tracing(AsyncSession):
    async def commit(self) -> None:
        effects.append("commit")
        await super().commit()


engine = create_async_engine("sqlite+aiosqlite:///factories.db")
Plain: sessionmaker[AsyncSession] = sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
Named = sessionmaker(class_=AsyncSession, bind=engine, autoflush=False)
Traced = sessionmaker(engine, class_=Tracing, info={"kind": "traced"})
Late = sessionmaker(class_=AsyncSession)


def describe(maker: sessionmaker) -> bool:
    return isinstance(maker, sessionmaker)


async def main():
    Late.configure(bind=engine)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with Plain() as session:
        user = User(id=1, name="ann")
        session.add(user)
        await session.commit()
        effects.append(user.name)
    async with Named.begin() as session:
        session.add(User(id=2, name="bob"))
    async with Traced() as session:
        session.add(User(id=3, name="cyd"))
        await session.commit()
        effects.append(session.info)
    async with Late() as session:
        rows = (await session.scalars(select(User.name).order_by(User.id))).all()
        kinds = [type(session).__name__, session.sync_session.autoflush]
    await engine.dispose()
    await asyncio.sleep(0)
    return rows, kinds, describe(Plain), describe(Traced)
