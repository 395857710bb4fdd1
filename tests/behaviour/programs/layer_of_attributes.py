# codemods: replace_create_engine
# level: unsafe
# also-with: sqlalchemy-2.0
"""An engine and a factory that an object keeps, over several files."""

from app import main as application


def main():
    application.main()


if __name__ == "__main__":
    main()
# file: app/__init__.py
# file: app/database.py
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import declarative_base, sessionmaker

Base = declarative_base()


@event.listens_for(Engine, "connect")
def foreign_keys(connection, record):
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


class Database:
    def __init__(self, path: str) -> None:
        self.engine = create_engine("sqlite:///" + path)
        self.sessions = sessionmaker(self.engine)

    def create_tables(self) -> None:
        Base.metadata.drop_all(self.engine)
        Base.metadata.create_all(self.engine)

    def shut_down(self) -> None:
        self.engine.dispose()
# file: app/models.py
from sqlalchemy import Column, Integer, String

from app.database import Base


class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    name = Column(String)
# file: app/users.py
from sqlalchemy import select, text

from app.database import Database
from app.models import User


class Users:
    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, name: str) -> int:
        with self.database.sessions() as session:
            user = User(name=name)
            session.add(user)
            session.commit()
            return user.id

    def names(self) -> list[str]:
        with self.database.sessions() as session:
            return list(session.scalars(select(User.name).order_by(User.id)))

    def pragma(self) -> int:
        with self.database.engine.connect() as connection:
            return connection.execute(text("PRAGMA foreign_keys")).scalar()
# file: app/main.py
from app.database import Database
from app.users import Users


def main():
    database = Database("attributes.db")
    database.create_tables()
    users = Users(database)
    print(users.add("ann"), users.add("bob"), users.names(), users.pragma())
    database.shut_down()
