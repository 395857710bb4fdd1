"""Compares legacy queries of SQLAlchemy with what asyncup makes of them, row by row, over a real database.

    python tests/behaviour/queries.py --tool PATH/TO/asyncup --python PYTHON [--python PYTHON ...]
    ... --only SUBSTRING       only the forms whose text contains it
    ... -v                     also print each rewritten form

PYTHON is an interpreter with SQLAlchemy and aiosqlite; the version it has is the one that the rewritten
programs depend on. Each form below is the body of a function that is given a session. It becomes a program
of its own three times: as it is, rewritten for the same session, and rewritten for an `AsyncSession`; each
with models that stand in the program, and with models that are imported. All must give the same values or
exceptions. Every form must be rewritten, those marked `-` for asynchronous sessions only (by `run_sync`).

Environments for the older lines of SQLAlchemy are made with `environment.py --requirements FILE`, where FILE
is one of the `sqlalchemy-*.txt` beside this file.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

MODELS = '''
from sqlalchemy import Column, ForeignKey, Integer, String
from sqlalchemy.orm import declarative_base, relationship

Base = declarative_base()


class User(Base):
    __tablename__ = "user"
    id = Column(Integer, primary_key=True)
    name = Column(String)
    age = Column(Integer)
    addresses = relationship("Address", back_populates="user", order_by="Address.id")


class Address(Base):
    __tablename__ = "address"
    id = Column(Integer, primary_key=True)
    email = Column(String)
    user_id = Column(ForeignKey("user.id"))
    user = relationship("User", back_populates="addresses")


class Pair(Base):
    __tablename__ = "pair"
    left = Column(Integer, primary_key=True)
    right = Column(Integer, primary_key=True)
    note = Column(String)
'''

# An eager relationship: each of its queries joins, and its rows come once for each address.
EAGER = '''

class Eager(Base):
    __tablename__ = "eager"
    id = Column(Integer, primary_key=True)
    name = Column(String)
    parts = relationship("Part", lazy="joined", order_by="Part.id")


class Part(Base):
    __tablename__ = "part"
    id = Column(Integer, primary_key=True)
    eager_id = Column(ForeignKey("eager.id"))
'''

HEADER = '''
from sqlalchemy import and_, case, cast, desc, distinct, func, literal, or_, text, Float, String
from sqlalchemy.orm import aliased, contains_eager, joinedload, selectinload, undefer
'''

SEED = '''
from sqlalchemy import create_engine
from sqlalchemy.orm import Session as SyncSession


def seed(url):
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    with SyncSession(engine) as session:
        session.add_all([
            User(id=1, name="ann", age=30), User(id=2, name="bob", age=20),
            User(id=3, name="cyd", age=20), User(id=4, name=None, age=None),
        ])
        session.flush()
        emails = [("a1", 1), ("a2", 1), ("a3", 1), ("b1", 2)]
        session.add_all([Address(id=i, email=e, user_id=u) for i, (e, u) in enumerate(emails, 1)])
        session.add_all([Pair(left=1, right=1, note="one"), Pair(left=1, right=2, note="two")])
        if "Eager" in globals():
            session.add_all([Eager(id=1, name="x"), Eager(id=2, name="y")])
            session.flush()
            session.add_all([Part(id=1, eager_id=1), Part(id=2, eager_id=1), Part(id=3, eager_id=2)])
        session.commit()
    engine.dispose()


def show(value):
    if isinstance(value, Base):
        loaded = [type(value).__name__, *(getattr(value, c.name) for c in type(value).__table__.primary_key)]
        for name in ("addresses", "parts", "user"):
            if name in value.__dict__:
                related = value.__dict__[name]
                loaded.append([show(one) for one in related] if isinstance(related, list) else show(related))
        return loaded
    if isinstance(value, (list, tuple, set)) or hasattr(value, "_mapping"):
        return [type(value).__name__ if isinstance(value, set) else "rows", *[show(one) for one in value]]
    return repr(value)


def failed(error):
    return "raised " + type(error).__name__
'''

RUN_SYNC = '''
seed("sqlite:///%(name)s.db")
engine = create_engine("sqlite:///%(name)s.db")
with SyncSession(engine) as session:
    for form in forms:
        try:
            print(form.__name__, show(form(session)))
        except Exception as error:
            print(form.__name__, failed(error))
        session.rollback()
        session.expunge_all()
engine.dispose()
'''

RUN_ASYNC = '''
import asyncio
from sqlalchemy.ext.asyncio import create_async_engine

seed("sqlite:///%(name)s.db")


async def main():
    engine = create_async_engine("sqlite+aiosqlite:///%(name)s.db")
    async with AsyncSession(engine) as session:
        for form in forms:
            try:
                print(form.__name__, show(await form(session)))
            except Exception as error:
                print(form.__name__, failed(error))
            await session.rollback()
            session.expunge_all()
    await engine.dispose()


asyncio.run(main())
'''

# One form a line, or an indented block. A leading `-`: only asynchronous sessions are rewritten; `*`: only synchronous ones are. Lines with `Eager` are
# for imported models alone.
FORMS = r'''
return session.query(User).all()
return session.query(User).order_by(User.id).all()
return session.query(User).order_by(desc(User.id)).all()
return session.query(User).order_by(User.age, User.id.desc()).all()
return session.query(User).filter(User.age == 20).order_by(User.id).all()
return session.query(User).filter(User.age == 20, User.name == "bob").all()
return session.query(User).filter(User.age == 20).filter(User.name == "cyd").all()
return session.query(User).filter(and_(User.age == 20, User.id > 2)).all()
return session.query(User).filter(or_(User.age == 30, User.id == 3)).order_by(User.id).all()
return session.query(User).filter(~User.name.in_(["ann"])).order_by(User.id).all()
return session.query(User).filter(User.name.is_(None)).all()
return session.query(User).filter(User.name.like("%n%")).all()
return session.query(User).filter_by(age=20).order_by(User.id).all()
return session.query(User).filter_by(age=20, name="bob").all()
return session.query(User).where(User.id == 2).all()
return session.query(User).filter().order_by(User.id).all()
return list(session.query(User).order_by(User.id))
return tuple(session.query(User).order_by(User.id))
return [user.name for user in session.query(User).order_by(User.id)]
return {user.id: user.name for user in session.query(User)}
return [*session.query(User).order_by(User.id)]
return sorted(session.query(User.id))
return [name for (name,) in session.query(User.name).order_by(User.id)]
return dict(session.query(User.id, User.name).order_by(User.id))
return session.query(User).order_by(User.id).first()
return session.query(User).filter_by(id=99).first()
return session.query(User).order_by(User.id).limit(3).first()
return session.query(User).order_by(User.id).offset(1).first()
return session.query(User.name).order_by(User.id).first()
return session.query(User.name, User.age).order_by(User.id).first()
return session.query(User.name).filter_by(id=99).first()
return session.query(User).filter_by(id=1).one()
return session.query(User).filter_by(id=99).one()
return session.query(User).one()
return session.query(User.name).filter_by(id=1).one()
return session.query(User.name, User.age).filter_by(id=1).one()
return session.query(User.name).one()
return session.query(User).filter_by(id=1).one_or_none()
return session.query(User).filter_by(id=99).one_or_none()
return session.query(User).filter_by(age=20).one_or_none()
return session.query(User.id).filter_by(age=20).one_or_none()
return session.query(User.name).filter_by(id=1).scalar()
return session.query(User.name).filter_by(id=99).scalar()
return session.query(User.name).filter_by(id=4).scalar()
return session.query(User.name).filter_by(age=20).scalar()
return session.query(User).filter_by(id=1).scalar()
return session.query(User.name, User.age).filter_by(id=1).scalar()
return session.query(func.count(User.id)).scalar()
return session.query(func.count()).select_from(User).scalar()
return session.query(func.max(User.age)).scalar()
return session.query(func.max(User.age).label("top")).filter(User.age < 25).scalar()
return session.query(func.sum(User.age)).filter(User.id > 99).scalar()
return session.query(func.count(distinct(User.age))).scalar()
return session.query(func.count(User.id)).group_by(User.age).scalar()
return session.query(func.min(User.age), func.max(User.age)).one()
return session.query(func.min(User.age), func.max(User.age)).all()
return session.query(User.age, func.count()).group_by(User.age).order_by(User.age).all()
return session.query(User.age, func.count().label("n")).group_by(User.age).having(func.count() > 1).all()
return session.query(User.age).distinct().order_by(User.age).all()
return session.query(distinct(User.age)).order_by(User.age).all()
return session.query(User.name.label("n")).order_by(User.id).all()[0].n
return session.query(User.name, User.age).order_by(User.id).all()
return session.query(User, User.name).order_by(User.id).all()
return session.query(User.name + "!").filter_by(id=1).scalar()
return session.query(cast(User.age, Float)).filter(User.id == 1).scalar()
return session.query(case((User.age > 25, "old"), else_="young")).order_by(User.id).all()
return session.query(literal(1), User.id).order_by(User.id).all()
return session.query(User.id == 1).order_by(User.id).all()
return session.query(User).get(1)
return session.query(User).get(99)
return session.query(User).get(ident=2)
return session.query(Pair).get((1, 2))
return session.query(Pair).get({"left": 1, "right": 1})
return session.query(User).options(selectinload(User.addresses)).get(1)
return session.query(User).options(joinedload(User.addresses)).get(1)
return session.query(User).populate_existing().get(1)
return session.query(User).with_for_update().get(1)
return session.query(User).with_for_update(read=True).get(1)
return session.query(User).count()
return session.query(User).filter(User.age == 20).count()
return session.query(User).filter_by(age=20).count()
return session.query(User).join(Address).count()
return session.query(User).join(Address).distinct().count()
return session.query(User).limit(2).count()
return session.query(User.age).distinct().count()
return session.query(User.age, func.count()).group_by(User.age).count()
return session.query(User, Address).count()
return session.query(User).options(joinedload(User.addresses)).count()
return session.query(session.query(User).filter(User.age == 20).exists()).scalar()
return session.query(session.query(User).filter(User.age == 99).exists()).scalar()
return session.query(User).filter(session.query(Address).filter(Address.user_id == User.id).exists()).order_by(User.id).all()
return session.query(literal(True)).filter(session.query(User).filter_by(id=1).exists()).scalar()
return session.query(User).filter(User.id.in_(session.query(Address.user_id))).order_by(User.id).all()
return session.query(User).filter(User.id.notin_(session.query(Address.user_id))).order_by(User.id).all()
return session.query(User).filter(User.age == session.query(func.max(User.age)).scalar_subquery()).all()
return session.query(User.name, session.query(func.count(Address.id)).filter(Address.user_id == User.id).correlate(User).scalar_subquery()).order_by(User.id).all()
return session.query(User.name, session.query(func.count(Address.id)).filter(Address.user_id == User.id).correlate(User).label("n")).order_by(User.id).all()
    sub = session.query(Address.user_id, func.count().label("n")).group_by(Address.user_id).subquery()
    return session.query(User.name, sub.c.n).join(sub, sub.c.user_id == User.id).order_by(User.id).all()
    sub = session.query(Address.user_id, func.count().label("n")).group_by(Address.user_id).subquery("totals")
    return session.query(User, sub.c.n).outerjoin(sub, sub.c.user_id == User.id).order_by(User.id).all()
    part = session.query(User.id).filter(User.age == 20).cte("young")
    return session.query(part.c.id).order_by(part.c.id).all()
    other = aliased(User, session.query(User).filter(User.age == 20).subquery())
    return session.query(other).order_by(other.id).all()
return session.query(User).join(Address).order_by(User.id).all()
return session.query(User).join(Address, Address.user_id == User.id).order_by(User.id).all()
return session.query(User).join(User.addresses).order_by(User.id).all()
return session.query(User).join(Address).filter(Address.email == "a1").all()
return session.query(User).join(Address).filter(User.id == 1).one()
return session.query(User).join(Address).filter(User.id == 1).one_or_none()
return session.query(User).join(Address).filter(User.id == 1).scalar()
return session.query(User).join(Address).order_by(User.id).first()
return [user.id for user in session.query(User).join(Address).order_by(User.id)]
return session.query(User).outerjoin(Address).order_by(User.id).all()
return session.query(User).join(Address, isouter=True).order_by(User.id).all()
return session.query(User).outerjoin(User.addresses).filter(Address.id.is_(None)).order_by(User.id).all()
return session.query(User.name).join(Address).order_by(User.id).all()
return session.query(User.name, Address.email).join(Address).order_by(Address.id).all()
return session.query(User, Address).join(Address).order_by(Address.id).all()
return session.query(User, Address).join(User.addresses).order_by(Address.id).first()
return session.query(User, Address).filter(User.id == Address.user_id).order_by(Address.id).all()
return session.query(User).filter(User.id == Address.user_id).order_by(User.id).all()
return session.query(User).select_from(Address).join(Address.user).order_by(User.id).all()
return session.query(User.name).select_from(Address).join(User).order_by(Address.id).all()
return session.query(User, func.count(Address.id)).outerjoin(Address).group_by(User.id).order_by(User.id).all()
    other = aliased(User)
    return session.query(User.id, other.id).join(other, other.age == User.age).order_by(User.id, other.id).all()
    other = aliased(User)
    return session.query(other).filter(other.age == 20).order_by(other.id).all()
    other = aliased(Address)
    return session.query(User).join(other, other.user_id == User.id).order_by(User.id).all()
return session.query(User).join(Address).filter_by(email="b1").all()
return session.query(User).options(joinedload(User.addresses)).order_by(User.id).all()
return session.query(User).options(joinedload(User.addresses)).filter_by(id=1).one()
return session.query(User).options(joinedload(User.addresses)).order_by(User.id).first()
return list(session.query(User).options(joinedload(User.addresses)).order_by(User.id))
return session.query(User).options(joinedload(User.addresses)).order_by(User.id).limit(2).all()
return session.query(User).options(selectinload(User.addresses)).order_by(User.id).all()
return session.query(User).join(User.addresses).options(contains_eager(User.addresses)).order_by(User.id, Address.id).all()
return session.query(Address).options(joinedload(Address.user)).order_by(Address.id).all()
return session.query(User, User.name).options(joinedload(User.addresses)).order_by(User.id).all()
return session.query(User).order_by(User.id).limit(2).all()
return session.query(User).order_by(User.id).limit(2).offset(1).all()
return session.query(User).order_by(User.id).slice(1, 3).all()
return session.query(User).order_by(User.id)[1:3]
return session.query(User).order_by(User.id)[:2]
return session.query(User).order_by(User.id)[2:]
return session.query(User).order_by(User.id)[1]
return session.query(User).order_by(User.id)[99]
return session.query(User.name).order_by(User.id)[0]
return session.query(User).with_entities(User.name).order_by(User.id).all()
return session.query(User).filter(User.age == 20).with_entities(func.count()).scalar()
return session.query(User).join(Address).with_entities(User.name, Address.email).order_by(Address.id).all()
return session.query(User).add_columns(User.name).order_by(User.id).all()
return session.query(User.id).add_columns(User.name, User.age).order_by(User.id).all()
return session.query(User).add_columns(Address.email).join(Address).order_by(Address.id).all()
return session.query(User).populate_existing().order_by(User.id).all()
return session.query(User).autoflush(False).order_by(User.id).all()
return session.query(User).execution_options(tag="x").order_by(User.id).all()
return session.query(User).with_for_update().order_by(User.id).all()
return session.query(User).filter(text("age > :low")).params(low=25).all()
return session.query(User).prefix_with("DISTINCT").order_by(User.id).all()
return session.query(User).with_hint(User, "x", "other").order_by(User.id).all()
return session.query(User).from_statement(text("select * from user order by id desc")).all()
return session.query(User).order_by(None).order_by(User.id).all()
return session.query(User).filter(User.age == 20).update({User.age: User.age + 1}, synchronize_session=False)
return session.query(User).filter(User.age == 20).update({"age": 21})
return session.query(User).filter_by(age=20).update({"age": 21}, "fetch")
return session.query(User).filter_by(age=99).update(values={"age": 21}, synchronize_session="evaluate")
return session.query(User).update({"age": 5})
    session.query(User).filter(User.id == 1).update({"name": "new"}, synchronize_session=False)
    return session.query(User.name).filter(User.id == 1).scalar()
    user = session.query(User).get(1)
    session.query(User).filter(User.id == 1).update({"name": "new"})
    return user.name
return session.query(Address).filter_by(email="b1").delete()
return session.query(Address).filter(Address.user_id == 1).delete("fetch")
return session.query(Address).filter(Address.user_id == 1).delete(synchronize_session=False)
return session.query(Address).delete()
    session.query(Address).filter(Address.user_id == 1).delete()
    return session.query(Address).count()
    query = session.query(User)
    query = query.filter(User.age == 20)
    total = query.count()
    return total, query.order_by(User.id).offset(0).limit(1).all()
    query = session.query(User.name)
    if query is not None:
        query = query.filter(User.age == 20)
    return query.order_by(User.id).all()
    query = session.query(User).join(Address)
    names = [user.name for user in query.order_by(User.id)]
    return names, query.filter(User.id == 1).one(), query.count()
    found = session.query(User).filter(User.id == 2)
    first = found.first()
    changed = found.update({"age": 44}, synchronize_session=False)
    gone = found.delete(synchronize_session=False)
    return first.id, changed, gone
    base = session.query(User).filter(User.age == 20)
    other = base.filter(User.id > 2)
    return base.count(), other.count(), other.first()
    ids = session.query(Address.user_id)
    return session.query(User).filter(User.id.in_(ids)).order_by(User.id).all()
    names = []
    for user in session.query(User).filter(User.age == 20).order_by(User.id):
        names.append(user.name)
    return names
return [user.name for user in session.query(User).order_by(User.id).yield_per(2)]
return [name for (name,) in session.query(User.name).order_by(User.id).yield_per(1)]
return session.query(Eager).order_by(Eager.id).all()
return session.query(Eager).filter_by(id=1).one()
return session.query(Eager).order_by(Eager.id).first()
return session.query(Eager).get(1)
return list(session.query(Eager).order_by(Eager.id))
return session.query(Eager).order_by(Eager.id)[0:1]
return session.query(Eager).count()
return session.query(Eager, Eager.name).order_by(Eager.id).all()
- return session.query(User).filter(User.id == 1).union(session.query(User).filter(User.id == 2)).order_by(User.id).all()
- return session.query(User).filter(User.id == 1).union_all(session.query(User).filter(User.id == 2)).count()
- return session.query(User).except_(session.query(User).filter(User.age == 20)).order_by(User.id).all()
- return session.query(User).intersect(session.query(User).filter(User.age == 20)).order_by(User.id).all()
'''


def forms():
    """Mark and body of each form."""
    found, block = [], []
    for line in [*FORMS.strip("\n").split("\n"), ""]:
        if line.startswith("    "):
            block.append(line[4:])
            if line.startswith("    return"):
                found.append(("", "\n".join(block)))
                block = []
        elif line:
            mark, body = (line[0], line[2:]) if line[0] in "-*" else ("", line)
            found.append((mark, body))
    return found


def program(bodies, is_async, imported):
    session = "AsyncSession" if is_async else "Session"
    where = "sqlalchemy.ext.asyncio" if is_async else "sqlalchemy.orm"
    define = "async def" if is_async else "def"
    imports = "from models import Address, Base, Eager, Pair, Part, User"
    models = imports if imported else MODELS
    text = "%s\nfrom %s import %s\n%s\n" % (HEADER.strip(), where, session, models)
    for number, body in bodies:
        text += "\n\n%s form_%d(session: %s):\n%s\n" % (
            define,
            number,
            session,
            textwrap.indent(body, "    "),
        )
    return text


def with_runner(text, is_async, bodies, name):
    names = ", ".join("form_%d" % number for number, _ in bodies)
    run = (RUN_ASYNC if is_async else RUN_SYNC) % {"name": name}
    return "%s\n%s\nforms = [%s]\n%s" % (text, SEED, names, run)


def run(python, folder, path):
    done = subprocess.run(
        [python, "-W", "ignore", str(path)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=300,
        text=True,
    )
    if done.returncode:
        raise SystemExit("%s cannot be run:\n%s" % (path, done.stderr[-3000:]))
    lines = [line.split(" ", 1) for line in done.stdout.splitlines()]
    return {int(name.removeprefix("form_")): shown for name, shown in lines}


def versions(python):
    code = "import sqlalchemy, sys; print(sqlalchemy.__version__, sys.version_info[1])"
    done = subprocess.run([python, "-c", code], stdout=subprocess.PIPE, check=True, text=True)
    return done.stdout.split()


def compare(options, python, imported):
    """How many forms were compared, and what is wrong."""
    version, minor = versions(python)
    chosen = [
        (number, mark, body)
        for number, (mark, body) in enumerate(forms(), 1)
        if options.only in body and (imported or "Eager" not in body)
    ]
    folder = Path(tempfile.mkdtemp(prefix="asyncup-queries-"))
    wrong = []
    try:
        (folder / "requirements.txt").write_text("sqlalchemy==%s\n" % version)
        (folder / "models.py").write_text(MODELS + EAGER)
        everything = [(number, body) for number, _, body in chosen]
        before = folder / "before.py"
        before.write_text(with_runner(program(everything, False, imported), False, everything, "before"))
        expected = run(python, folder, before)
        for is_async in (False, True):
            skip = "*" if is_async else "-"
            bodies = [(number, body) for number, mark, body in chosen if mark != skip]
            kind = "asynchronous" if is_async else "synchronous"
            path = folder / ("after_%s.py" % kind)
            path.write_text(program(bodies, is_async, imported))
            apply(options, path, minor)
            text = path.read_text()
            if options.verbose:
                print(text)
            for function in re.split(r"\n\n\n(?=(?:async )?def form_)", text)[1:]:
                number = int(re.search(r"form_(\d+)", function).group(1))
                if ".query(" in function and "run_sync" not in function:
                    wrong.append("%s: not rewritten: %s" % (kind, function.strip()))
                    bodies = [entry for entry in bodies if entry[0] != number]
            path.write_text(with_runner(text, is_async, bodies, path.stem))
            got = run(python, folder, path)
            for number, body in bodies:
                if got.get(number) != expected[number]:
                    wrong.append(
                        "%s: %s\n    was %s\n    is  %s" % (kind, body, expected[number], got.get(number))
                    )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return version, len(chosen), wrong


def apply(options, path, minor):
    command = [options.tool, "apply", "--no-cache", "--isolated", "--unsafe-fixes"]
    command += ["--select", "replace_query_with_select", "--target-version", "py3" + minor]
    done = subprocess.run(
        [*command, str(path)],
        cwd=path.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        text=True,
    )
    if done.returncode not in (0, 1):
        raise SystemExit("%s\nended with %d: %s" % (" ".join(command), done.returncode, done.stdout[-3000:]))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tool", required=True)
    parser.add_argument("--python", required=True, action="append")
    parser.add_argument("--only", default="")
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    options.tool = str(Path(shutil.which(options.tool) or options.tool).resolve())
    failed = False
    # A virtual environment's python is a link that must stay one.
    for python in [str(Path(shutil.which(python) or python).absolute()) for python in options.python]:
        for imported in (False, True):
            version, count, wrong = compare(options, python, imported)
            kind = "imported" if imported else "own"
            for text in wrong:
                print("WRONG SQLAlchemy %s, %s models, %s" % (version, kind, text))
            print("SQLAlchemy %s, %s models: %d forms, %d wrong" % (version, kind, count, len(wrong)))
            failed |= bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
