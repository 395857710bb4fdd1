# codemods: await_session_call
# level: safe
# expect: differs
"""Commits, flushes and deletes that were never awaited: now the rows are written and deleted."""

import asyncio
import warnings

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

warnings.simplefilter("ignore", RuntimeWarning)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


async def main():
    engine = create_async_engine("sqlite+aiosqlite:///session_calls.db")
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as session:
        session.add_all([User(id=1, name="ann"), User(id=2, name="bob")])
        session.commit()
    async with AsyncSession(engine) as session:
        rows = list(await session.scalars(select(User.name).order_by(User.id)))
    await engine.dispose()
    await asyncio.sleep(0)
    return rows
