# codemods: offload_session
# level: safe
# also-with: sqlalchemy-2.0
"""Reading, writing, a failure inside and names that are used behind the block; a file as the database."""

from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

effects = []


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


engine = create_engine("sqlite:///offloaded.db")
maker = sessionmaker(engine)


async def add(*names):
    with maker.begin() as session:
        session.add_all([User(name=name) for name in names])


async def names():
    with maker() as session:
        found = session.scalars(select(User.name).order_by(User.id)).all()
        count = len(found)
    return count, found


async def rename(uid, name):
    with Session(engine) as session:
        user = session.get(User, uid)
        if user is None:
            raise LookupError(uid)
        user.name = name
        session.commit()
        return user.id, user.name


async def main():
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    await add("ann", "bob")
    effects.append(await names())
    effects.append(await rename(1, "cyd"))
    try:
        await rename(99, "none")
    except LookupError as error:
        effects.append(repr(error))
    effects.append(await names())
    engine.dispose()
