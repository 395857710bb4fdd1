# codemods: set_expire_on_commit, load_relationship
# level: none
# also-with: sqlalchemy-2.0
"""Reads that fail whatever the factory says: behind a rollback, behind `expire`, and of a relationship that was never loaded."""

from sqlalchemy import ForeignKey
from sqlalchemy.exc import MissingGreenlet, StatementError
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

effects = []
engine = create_async_engine("sqlite+aiosqlite://")
maker = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    addresses: Mapped[list["Address"]] = relationship()


class Address(Base):
    __tablename__ = "address"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))


async def written() -> str:
    async with maker() as session:
        user = User(id=1, name="ann")
        session.add(user)
        await session.commit()
        try:
            return f"{user.name} {len(user.addresses)}"
        except (MissingGreenlet, StatementError):
            return "not loaded"


async def rolled_back() -> str:
    async with maker() as session:
        user = await session.get(User, 1)
        await session.rollback()
        try:
            return user.name
        except (MissingGreenlet, StatementError):
            return "not loaded"


async def renewed() -> str:
    async with maker() as session:
        user = await session.get(User, 1)
        session.expire(user)
        await session.refresh(user, ["name", "addresses"])
        return f"{user.name} {len(user.addresses)}"


async def main():
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    effects.append(await written())
    effects.append(await rolled_back())
    effects.append(await renewed())
    await engine.dispose()
