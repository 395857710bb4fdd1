# codemods: replace_create_engine
# level: unsafe
"""A layer of SQLModel that uvicorn serves: requests at the same time, each with a session of its own."""

import threading
import time

import httpx
import uvicorn
from app.main import app


def main():
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for name in ("ann", "bob"):
            print(sorted(client.post("/users", json={"name": name}).json().items()))
        print(client.get("/users").json(), client.get("/users/7").status_code)
        found = []
        asking = [threading.Thread(target=lambda: found.append(httpx.get(f"{client.base_url}/users/1").json()["name"])) for _ in range(8)]
        for one in asking:
            one.start()
        for one in asking:
            one.join()
        print(found)
    server.should_exit = True
    thread.join()
    print("served")


if __name__ == "__main__":
    main()
# file: app/__init__.py
# file: app/db.py
from sqlmodel import Session, SQLModel, create_engine

engine = create_engine("sqlite:///served.db", connect_args={"check_same_thread": False})


def get_session():
    with Session(engine) as session:
        yield session
# file: app/main.py
from fastapi import Depends, FastAPI, HTTPException
from sqlmodel import Field, Session, SQLModel, select

from app.db import engine, get_session


class User(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    name: str


SQLModel.metadata.drop_all(engine)
SQLModel.metadata.create_all(engine)
app = FastAPI()


@app.post("/users")
def add(user: User, session: Session = Depends(get_session)) -> User:
    session.add(user)
    session.commit()
    session.refresh(user)
    return user


@app.get("/users")
def names(session: Session = Depends(get_session)) -> list[str]:
    return [user.name for user in session.exec(select(User).order_by(User.id))]


@app.get("/users/{user_id}")
def one(user_id: int, session: Session = Depends(get_session)) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise HTTPException(404)
    return user
