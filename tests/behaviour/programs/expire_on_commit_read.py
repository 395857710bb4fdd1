# codemods: set_expire_on_commit
# level: unsafe
# expect: differs
# gives: 'ann'
# also-with: sqlalchemy-1.4 sqlalchemy-2.0
"""What is read behind a commit raised `MissingGreenlet`."""

from sqlalchemy import Column, Integer, String
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import declarative_base, sessionmaker


Base = declarative_base()


class User(Base):
    __tablename__ = "user"
    id = Column(Integer, primary_key=True)
    name = Column(String)


engine = create_async_engine("sqlite+aiosqlite:///expired.db")
Session = sessionmaker(engine, class_=AsyncSession)


async def create(name):
    async with Session() as session:
        user = User(name=name)
        session.add(user)
        await session.commit()
        return user.name


async def main():
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    try:
        return await create("ann")
    except Exception as error:
        return type(error).__name__
    finally:
        await engine.dispose()
