# codemods: set_expire_on_commit
# level: unsafe
# expect: differs
"""What is read behind a commit raised `MissingGreenlet`."""

from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


engine = create_async_engine("sqlite+aiosqlite:///expired.db")
Session = async_sessionmaker(engine)


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
