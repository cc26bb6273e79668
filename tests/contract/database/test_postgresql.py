"""What only PostgreSQL has: a server that may be away, connections that break, transactions that run side by side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from ostiary.database import Database, connections, postgresql
from ostiary.errors import ConfigurationError, Unavailable
from tests.contract.database.samples import add_role, added_roles, store_role
from tests.support.services import Postgres


@pytest.fixture
async def db(postgres_url: str) -> AsyncIterator[Database]:
    """A migrated PostgreSQL database with one connection."""
    opened = await Database.open(postgres_url, pool_size=1)
    yield opened
    await opened.close()


def break_connections(server: Postgres, url: str) -> None:
    name = url.rpartition("/")[2]
    server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")


async def test_a_connection_that_broke_is_unavailable_once_and_then_replaced(
    db: Database, postgres_server: Postgres, postgres_url: str
) -> None:
    async def lose_the_connection() -> None:
        async with db.transaction() as tx:
            await add_role(tx, "lost")
            await asyncio.to_thread(break_connections, postgres_server, postgres_url)
            await add_role(tx, "never")

    with pytest.raises(Unavailable) as caught:
        await lose_the_connection()
    assert caught.value.__cause__ is not None
    await store_role(db, "kept")
    assert await added_roles(db) == ["kept"]


async def test_an_exception_in_the_body_is_not_hidden_by_a_broken_connection(
    db: Database, postgres_server: Postgres, postgres_url: str
) -> None:
    async def fail() -> None:
        async with db.transaction() as tx:
            await add_role(tx, "a")
            break_connections(postgres_server, postgres_url)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()


async def test_waiting_for_a_connection_ends(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_PATIENCE", 0.1)
    async with db.transaction() as tx:
        with pytest.raises(Unavailable):
            await asyncio.create_task(store_role(db, "waits"))
        await add_role(tx, "a")
    assert await added_roles(db) == ["a"]


async def test_of_more_readers_than_connections_each_gets_its_own_answer(postgres_url: str) -> None:
    db = await Database.open(postgres_url, pool_size=2)
    reads = [db.fetch_value("SELECT CAST(:n AS BIGINT) FROM (SELECT pg_sleep(0.001)) s", n=n) for n in range(50)]
    assert await asyncio.gather(*reads) == list(range(50))
    count = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'ostiary'"
    assert await db.fetch_value(count) == 2
    await db.close()
    with pytest.raises(Unavailable):
        await db.fetch_value("SELECT 1")


async def test_the_answer_to_a_read_that_was_cancelled_is_nobody_elses(db: Database) -> None:
    for _ in range(20):
        cancelled = asyncio.create_task(db.fetch_value("SELECT 'hers' FROM (SELECT pg_sleep(0.01)) s"))
        await asyncio.sleep(0.002)
        cancelled.cancel()
        assert await db.fetch_value("SELECT 'his'") == "his"


async def test_connections_that_broke_while_nobody_used_them_are_not_noticed(
    db: Database, postgres_server: Postgres, postgres_url: str
) -> None:
    await asyncio.to_thread(break_connections, postgres_server, postgres_url)
    await asyncio.sleep(0.05)  # for the end of the connection to arrive
    assert await added_roles(db) == []


async def test_a_statement_that_takes_too_long_is_unavailable(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "_STATEMENT", 0.1)
    with pytest.raises(Unavailable):
        await db.fetch_value("SELECT CAST(pg_sleep(30) AS TEXT)")
    assert await added_roles(db) == []


async def test_of_two_transactions_that_lock_each_other_out_one_is_unavailable(db: Database, postgres_url: str) -> None:
    await store_role(db, "a")
    await store_role(db, "b")
    other = await Database.open(postgres_url)
    both_hold_one = asyncio.Barrier(2)

    async def change(database: Database, names: str) -> None:
        async with database.transaction() as tx:
            await tx.execute("UPDATE roles SET updated_at = 1 WHERE name = :name", name=names[0])
            await both_hold_one.wait()
            await tx.execute("UPDATE roles SET updated_at = 1 WHERE name = :name", name=names[1])

    results = await asyncio.gather(change(db, "ab"), change(other, "ba"), return_exceptions=True)
    await other.close()
    assert sorted(type(result).__name__ for result in results) == ["NoneType", "Unavailable"]


async def test_a_server_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await Database.open("postgresql://postgres@127.0.0.1:1/postgres")


async def test_a_database_that_does_not_exist_is_a_fault_of_the_configuration(postgres_url: str) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        await Database.open(postgres_url + "_nowhere")


async def test_a_url_that_can_not_be_read_is_a_fault_of_the_configuration_and_its_password_is_not_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        await Database.open("postgresql://ostiary:hunter2@127.0.0.1:port/x")
    assert "hunter2" not in str(caught.value)
