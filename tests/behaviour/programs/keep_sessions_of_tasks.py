# codemods: share_no_session, load_relationship, set_expire_on_commit
# level: none
# also-with: sqlalchemy-2.0
"""A session for each task, one task with a session, relationships that are loaded, values that are kept."""

import asyncio

from sqlalchemy import ForeignKey, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    addresses: Mapped[list["Address"]] = relationship()


class Address(Base):
    __tablename__ = "address"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))


engine = create_async_engine("sqlite+aiosqlite:///tasks.db")
maker = async_sessionmaker(engine, expire_on_commit=False)


async def one(uid: int):
    async with maker() as session:
        return (await session.get(User, uid)).id


async def addresses(session: AsyncSession):
    statement = select(User).options(selectinload(User.addresses)).order_by(User.id)
    users = (await session.execute(statement)).scalars().all()
    return [len(user.addresses) for user in users]


async def refreshed(session: AsyncSession):
    user = (await session.execute(select(User).where(User.id == 1))).scalar_one()
    await session.refresh(user, ["addresses"])
    return len(user.addresses)


async def main():
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    async with maker() as session:
        user = User(id=1, addresses=[Address(id=1), Address(id=2)])
        session.add_all([user, User(id=2)])
        await session.commit()
        kept = user.id
    async with maker() as session:
        counted, _ = await asyncio.gather(addresses(session), asyncio.sleep(0))
        loaded = await refreshed(session)
    found = await asyncio.gather(*[one(uid) for uid in (1, 2)])
    await engine.dispose()
    return kept, counted, loaded, found
