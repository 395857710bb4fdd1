"""Database engines and sessions.

The API works with async sessions. The reports came from an older, synchronous
application and still use plain ones on the same file.
"""

from collections.abc import AsyncIterator
from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import sessionmaker

from storefront.models import Base

async_session = sessionmaker(class_=AsyncSession, expire_on_commit=False)
report_session = sessionmaker()

engine: AsyncEngine | None = None
report_engine: Engine | None = None


async def connect(path: Path) -> None:
    """Open the engines, bind the session factories and create missing tables."""
    global engine, report_engine
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
    async_session.configure(bind=engine)
    report_engine = create_engine(f"sqlite:///{path}")
    report_session.configure(bind=report_engine)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


async def disconnect() -> None:
    if engine is not None:
        await engine.dispose()
    if report_engine is not None:
        report_engine.dispose()


async def get_db() -> AsyncIterator[AsyncSession]:
    async with async_session() as session:
        yield session
