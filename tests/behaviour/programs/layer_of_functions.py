# codemods: replace_create_engine
# level: unsafe
# also-with: sqlalchemy-2.0
"""An engine and a factory that functions make, over several files, and a function that is given the engine."""

from app import main as application


def main():
    application.main()


if __name__ == "__main__":
    main()
# file: app/__init__.py
# file: app/database.py
from functools import lru_cache

from sqlalchemy import create_engine
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session, declarative_base, sessionmaker

Base = declarative_base()


@lru_cache(maxsize=1)
def get_engine() -> Engine:
    return create_engine("sqlite:///functions.db", echo=False)


def make_factory(engine: Engine) -> sessionmaker[Session]:
    return sessionmaker(bind=engine, autoflush=False)


def get_session() -> Session:
    return make_factory(get_engine())()
# file: app/models.py
from sqlalchemy import Column, Integer, String

from app.database import Base


class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    name = Column(String)
# file: app/queries.py
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from app.models import User


def names(engine: Engine) -> list[str]:
    with Session(engine) as session:
        return [user.name for user in session.execute(select(User).order_by(User.id)).scalars()]


def count(engine):
    with engine.connect() as connection:
        return connection.execute(text("select count(*) from users")).scalar()
# file: app/main.py
from app.database import Base, get_engine, get_session
from app.models import User
from app.queries import count, names


def main():
    engine = get_engine()
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    with get_session() as session:
        session.add_all([User(name="ann"), User(name="bob")])
        session.commit()
    print(names(engine), count(engine), count(get_engine()))
    engine.dispose()
