# codemods: replace_create_engine
# level: unsafe
"""A program with SQLModel in one file; relationships that are loaded with their objects."""

from sqlmodel import Field, Relationship, Session, SQLModel, create_engine, delete, or_, select, update


class Team(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str


class Hero(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(index=True)
    age: int | None = None
    team_id: int | None = Field(default=None, foreign_key="team.id")
    team: Team | None = Relationship(sa_relationship_kwargs={"lazy": "joined"})


engine = create_engine("sqlite:///program.db", echo=False)


def create_db_and_tables():
    SQLModel.metadata.drop_all(engine)
    SQLModel.metadata.create_all(engine)


def create_heroes():
    with Session(engine) as session:
        force = Team(name="Z-Force")
        session.add(force)
        session.commit()
        session.add(Hero(name="Deadpond", age=30, team_id=force.id))
        session.add_all([Hero(name="Rusty", age=48), Hero(name="Tarantula", age=32)])
        session.commit()


def select_heroes():
    with Session(engine) as session:
        statement = select(Hero, Team).join(Team, isouter=True).order_by(Hero.id)
        for hero, team in session.exec(statement):
            print(hero.name, team and team.name)
        older = session.exec(select(Hero).where(or_(Hero.age > 40, Hero.name == "Deadpond"))).all()
        print([hero.age for hero in older], session.exec(select(Hero.name).where(Hero.id == 7)).first())


def change():
    with Session(engine) as session:
        hero = session.exec(select(Hero).where(Hero.name == "Rusty")).one()
        hero.age = 49
        session.add(hero)
        session.commit()
        session.refresh(hero)
        print(hero.age)
        done = session.exec(delete(Hero).where(Hero.name == "Tarantula"))
        session.commit()
        print(done.rowcount, len(session.exec(select(Hero)).all()))


def main():
    create_db_and_tables()
    create_heroes()
    select_heroes()
    change()


if __name__ == "__main__":
    main()
