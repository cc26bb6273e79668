# ruff: noqa: PT012 - a transaction that fails is a block of several statements
"""Transactions that need not survive a power cut: as whole as any other, and not waited for the disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ostiary.database import Database
from ostiary.database.sqlite import SQLiteDatabase, open_sqlite
from ostiary.errors import Unavailable
from tests.contract.database.samples import add_role, added_roles, store_role

NORMAL, FULL = 1, 2


async def store_passing(db: Database, name: str) -> None:
    async with db.transaction(durable=False) as tx:
        await add_role(tx, name)


async def test_it_is_there_for_another_connection_when_it_is_left(database: Database, database_url: str) -> None:
    await store_passing(database, "a")
    other = await Database.open(database_url)
    assert await added_roles(other) == ["a"]
    await other.close()


async def test_an_exception_undoes_all_of_it(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.transaction(durable=False) as tx:
            await add_role(tx, "a")
            raise ZeroDivisionError
    await store_passing(database, "b")
    assert await added_roles(database) == ["b"]


async def test_among_durable_ones_at_once_each_is_there(database: Database, database_url: str) -> None:
    stores = [(store_role, store_passing)[n % 2](database, f"{n:03}") for n in range(200)]
    await asyncio.gather(*stores)
    other = await Database.open(database_url)
    assert len(await added_roles(other)) == 200
    await other.close()


async def test_cancelled_in_its_body_it_is_undone(database: Database) -> None:
    inside = asyncio.Event()

    async def linger() -> None:
        async with database.transaction(durable=False) as tx:
            await add_role(tx, "a")
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(linger())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await store_passing(database, "b")
    assert await added_roles(database) == ["b"]


async def test_postgresql_is_told_for_this_transaction_alone(empty_postgres_url: str) -> None:
    db = await Database.open(empty_postgres_url, pool_size=1)
    for durable, setting in ((True, "on"), (False, "off"), (True, "on")):
        async with db.transaction(durable=durable) as tx:
            assert await tx.fetch_value("SELECT current_setting('synchronous_commit')") == setting
    await db.close()


@pytest.fixture
async def sqlite(sqlite_url: str) -> AsyncIterator[SQLiteDatabase]:
    opened = await open_sqlite(sqlite_url)
    yield opened
    await opened.close()


async def test_on_sqlite_a_durable_one_still_reaches_the_disk(sqlite: SQLiteDatabase) -> None:
    for durable, synchronous in ((True, FULL), (False, NORMAL), (True, FULL)):
        async with sqlite.transaction(durable=durable) as tx:
            assert await tx.fetch_value("PRAGMA synchronous") == synchronous


async def test_on_sqlite_a_durable_one_begins_no_batch_that_is_not(sqlite: SQLiteDatabase) -> None:
    levels: list[int] = []

    async def look(*, durable: bool) -> None:
        async with sqlite.transaction(durable=durable) as tx:
            level = await tx.fetch_value("PRAGMA synchronous")
        if durable:
            levels.append(level)

    await asyncio.gather(*(look(durable=n % 3 == 0) for n in range(60)))
    assert levels == [FULL] * 20


async def test_on_sqlite_it_makes_no_checkpoint_in_the_loop(sqlite: SQLiteDatabase, sqlite_url: str) -> None:
    """Which waits for the disk. The next durable one makes it, in a thread."""
    log = Path(sqlite_url.removeprefix("sqlite:///") + "-wal")

    def pages() -> int:
        return log.stat().st_size // 4096

    for n in range(1000):
        await store_passing(sqlite, f"{n:04}")
    assert pages() > 1500
    await store_role(sqlite, "durable")
    before = pages()
    for n in range(20):
        await store_passing(sqlite, f"again {n}")
    assert pages() == before, "the log begins from its start again"


async def test_on_sqlite_a_commit_that_fails_is_told(sqlite: SQLiteDatabase) -> None:
    async with sqlite.transaction() as tx:
        await tx.execute("CREATE TABLE late (role TEXT REFERENCES roles (name) DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(Unavailable):
        async with sqlite.transaction(durable=False) as tx:
            await add_role(tx, "a")
            await tx.execute("INSERT INTO late (role) VALUES ('nobody')")
    await store_passing(sqlite, "b")
    assert await added_roles(sqlite) == ["b"]
