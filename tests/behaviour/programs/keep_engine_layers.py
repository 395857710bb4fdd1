# codemods: replace_create_engine
# level: none
"""Layers that cannot move: a relationship that is loaded when it is read, a session that gets out of sight, tables made at import."""

import functools

from sqlalchemy import ForeignKey, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

engine = create_engine("sqlite:///kept_layer.db")


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


Base.metadata.drop_all(engine)
Base.metadata.create_all(engine)


def lazily():
    with Session(engine) as session:
        session.add(User(id=1, addresses=[Address(id=1)]))
        session.commit()
        user = session.get(User, 1)
        return len(user.addresses)


def handed_on():
    with Session(engine) as session:
        run = functools.partial(session.scalars, select(User.id))
        return run().all()


async def main():
    found = lazily(), handed_on()
    engine.dispose()
    return found
