# codemods: replace_create_engine
# level: any
# also-with: sqlalchemy-1.4 sqlalchemy-2.0
"""A synchronous engine that is asked for its tables: by an assignment, by a return, and where the table is not there."""

from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import NoSuchTableError

effects = []
engine = create_engine("sqlite:///inspected.db")


def reset() -> None:
    with engine.begin() as connection:
        connection.execute(text("drop table if exists user"))
        connection.execute(text("create table user (id integer primary key, name text)"))


def tables() -> list[str]:
    return inspect(engine).get_table_names()


def columns(table: str) -> list[str]:
    found = inspect(engine).get_columns(table)
    return [column["name"] for column in found]


async def main():
    reset()
    effects.append(tables())
    effects.append(columns("user"))
    try:
        columns("nobody")
    except NoSuchTableError as error:
        effects.append(str(error))
    engine.dispose()
