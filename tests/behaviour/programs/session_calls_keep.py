# codemods: await_session_call
# level: none
# also-with: sqlalchemy-1.4 sqlalchemy-2.0
"""Coroutines that are stored, gathered or awaited elsewhere, and methods that need no await."""

import asyncio

from sqlalchemy import Column, Integer, String, select, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import declarative_base, sessionmaker


Base = declarative_base()


class User(Base):
    __tablename__ = "user"
    id = Column(Integer, primary_key=True)
    name = Column(String)


async def later(coroutine):
    return await coroutine


async def names(session: AsyncSession):
    pending = session.execute(select(User.name).order_by(User.id))
    result = await pending
    return result.scalars().all()


async def main():
    engine = create_async_engine("sqlite+aiosqlite:///session_calls.db")
    maker = sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
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
