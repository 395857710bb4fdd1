# codemods: replace_create_engine, replace_query_with_select
# level: any
# also-with: sqlalchemy-1.4 sqlalchemy-2.0
"""A layer of one module: sessions, a factory, a connection, a bulk insert, a union, callers up to an async function."""

from sqlalchemy import Column, Integer, String, create_engine, func, select
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session, declarative_base, sessionmaker

effects = []
engine = create_engine("sqlite:///layer.db")
maker = sessionmaker(engine)


Base = declarative_base()


class User(Base):
    __tablename__ = "user"
    id = Column(Integer, primary_key=True)
    name = Column(String)


def reset() -> None:
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)


def add(session: Session, name: str) -> User:
    user = User(name=name)
    session.add(user)
    session.flush()
    return user


def fill() -> list[int]:
    with maker() as session:
        added = [add(session, name) for name in ("ann", "bob")]
        session.bulk_insert_mappings(User, [{"id": 7, "name": "cyd"}])
        session.commit()
        return [user.id for user in added]


def names(least: int = 0) -> list[str]:
    with Session(engine) as session:
        statement = select(User).where(User.id > least).order_by(User.id)
        return [user.name for user in session.execute(statement).scalars()]


def both() -> int:
    with Session(engine) as session, session.begin():
        session.delete(session.get(User, 2))
        one = session.query(User).filter(User.id == 1)
        if one.first() is None:
            return 0
        return session.query(User).filter(User.id == 1).union(session.query(User)).count()


def fails() -> str:
    try:
        with maker.begin() as session:
            add(session, "lost")
            return session.execute(select(User).filter_by(id=99)).scalar_one().name
    except NoResultFound as error:
        return type(error).__name__


def count() -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(User)).scalar()


async def main():
    reset()
    effects.append(fill())
    effects.append(names())
    effects.append(names(least=1))
    effects.append(both())
    effects.append(fails())
    effects.append(count())
    engine.dispose()
