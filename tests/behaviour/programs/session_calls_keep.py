# codemods: await_session_call
# level: none
"""Coroutines that are stored, gathered or awaited elsewhere, and methods that need no await."""

import asyncio

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


async def later(coroutine):
    return await coroutine


async def names(session: AsyncSession):
    pending = session.execute(select(User.name).order_by(User.id))
    result = await pending
    return result.scalars().all()


async def main():
    engine = create_async_engine("sqlite+aiosqlite:///session_calls.db")
    maker = async_sessionmaker(engine, expire_on_commit=False)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with maker() as session:
        session.add_all([User(id=1, name="ann"), User(id=2, name="bob")])
        with session.no_autoflush:
            assert session.in_transaction() is False or session.new
        await later(session.commit())
        await asyncio.wait_for(session.commit(), 5)
        found = await names(session)
        (one,) = await asyncio.gather(session.get(User, 1))
        session.expunge_all()
    async with engine.connect() as connection:
        total = (await connection.execute(text("select count(*) from user"))).scalar_one()
    async with maker.begin() as session:
        await session.delete(await session.get(User, 2))
    async with maker() as session:
        left = await names(session)
    await engine.dispose()
    return found, one.name, total, left
