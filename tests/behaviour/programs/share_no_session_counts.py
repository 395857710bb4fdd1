# codemods: share_no_session
# level: unsafe
# expect: differs
# gives: [2, 1, 0]
# also-with: sqlalchemy-2.0
"""Tasks that meet in one session raise; with a session each, they count."""

import asyncio

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)


engine = create_async_engine("sqlite+aiosqlite:///shared.db")
maker = async_sessionmaker(engine)


async def count(session: AsyncSession, least: int):
    statement = select(func.count()).select_from(User).where(User.id > least)
    return await session.scalar(statement)


async def counts():
    async with maker() as session:
        return await asyncio.gather(*[count(session, least) for least in range(3)])


async def main():
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with maker.begin() as session:
        session.add_all([User(id=1), User(id=2)])
    await engine.dispose()
    try:
        return await counts()
    except Exception as error:
        return type(error).__name__
    finally:
        await engine.dispose()
