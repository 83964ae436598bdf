"""The database of the fixture `connection` through other clients."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import asyncpg
import psycopg
import pytest
import sqlalchemy as sa

Ask = Callable[[asyncpg.Connection], Awaitable[None]]


@pytest.fixture
def engine(connection: psycopg.Connection) -> Iterator[sa.Engine]:
    """SQLAlchemy's, over psycopg."""
    info = connection.info
    made = sa.create_engine(
        f"postgresql+psycopg://{info.user}@{info.host}:{info.port}/{info.dbname}"
    )
    yield made
    made.dispose()


@pytest.fixture
def by_asyncpg(connection: psycopg.Connection) -> Callable[[Ask], None]:
    """Runs what is asked of a client of asyncpg's."""
    info = connection.info

    async def run(ask: Ask) -> None:
        client = await asyncpg.connect(
            host=info.host, port=info.port, user=info.user, database=info.dbname
        )
        try:
            await ask(client)
        finally:
            await client.close()

    return lambda ask: asyncio.run(run(ask))
