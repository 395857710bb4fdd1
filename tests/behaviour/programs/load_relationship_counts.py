# codemods: load_relationship
# level: unsafe
# expect: differs
# gives: [2]
# also-with: sqlalchemy-1.4 sqlalchemy-2.0
"""Relationships that were loaded when they were read, which raised."""

from sqlalchemy import Column, ForeignKey, Integer, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import declarative_base, relationship


Base = declarative_base()


class User(Base):
    __tablename__ = "user"
    id = Column(Integer, primary_key=True)
    addresses = relationship("Address")


class Address(Base):
    __tablename__ = "address"
    id = Column(Integer, primary_key=True)
    user_id = Column(ForeignKey("user.id"))


async def counts(session: AsyncSession):
    users = (await session.execute(select(User).order_by(User.id))).scalars().all()
    return [len(user.addresses) for user in users]


async def main():
    engine = create_async_engine("sqlite+aiosqlite:///relationships.db")
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as session:
        session.add(User(id=1, addresses=[Address(id=1), Address(id=2)]))
        await session.commit()
    async with AsyncSession(engine) as session:
        try:
            return await counts(session)
        except Exception as error:
            return type(error).__name__
        finally:
            await engine.dispose()
