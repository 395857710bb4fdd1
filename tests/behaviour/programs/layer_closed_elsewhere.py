# codemods: replace_create_engine
# level: unsafe
# also-with: sqlalchemy-1.4 sqlalchemy-2.0
"""What the program runs stands in a package, whose modules know the one that makes the engine by other names."""

from shop.jobs import fill, report

if __name__ == "__main__":
    fill(["ann", "bob"])
    print(report())
# file: shop/__init__.py
# file: shop/database.py
from sqlalchemy import create_engine
from sqlalchemy.orm import declarative_base, sessionmaker

engine = create_engine("sqlite:///shop.db")
make_session = sessionmaker(bind=engine)
Base = declarative_base()
# file: shop/jobs.py
from . import tables
from .database import make_session
from .models import User


def fill(names):
    tables.make()
    with make_session() as session:
        session.add_all([User(name=name) for name in names])
        session.commit()


def report():
    with make_session() as session:
        return [user.name for user in session.query(User).order_by(User.id)]
# file: shop/models.py
from sqlalchemy import Column, Integer, String

from .database import Base


class User(Base):
    __tablename__ = "users"
    id = Column(Integer, primary_key=True)
    name = Column(String)
# file: shop/tables.py
from . import database


def make():
    database.Base.metadata.drop_all(database.engine)
    database.Base.metadata.create_all(database.engine)
