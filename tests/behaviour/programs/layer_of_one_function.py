# codemods: replace_create_engine
# level: unsafe
# also-with: sqlalchemy-2.0
"""Engines that functions make for themselves: closed where the functions end, however they do."""

from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine


def prepare(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("create table if not exists users (name text)"))
        connection.execute(text("delete from users"))


def insert(name: str = "ann") -> int:
    engine = create_engine("sqlite:///one.db")
    prepare(engine)
    with engine.begin() as connection:
        connection.execute(text("insert into users values (:name)"), {"name": name})
    with engine.connect() as connection:
        found = connection.execute(text("select name from users")).scalars().all()
    print(found)
    if found != ["ann"]:
        return 1
    return 0


if __name__ == "__main__":
    print("left", insert(), insert("bob"))
