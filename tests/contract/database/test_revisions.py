# ruff: noqa: PT012 - a transaction that fails is a block of several statements
from __future__ import annotations

import pytest

from ostiary.database import Database


async def bump(db: Database, topic: str = "authorization") -> None:
    async with db.transaction() as tx:
        await tx.bump(topic)


async def test_a_bump_counts_its_topic_and_no_other(database: Database) -> None:
    await bump(database)
    await bump(database)
    assert (await database.revision("authorization"), await database.revision("keys")) == (2, 0)


async def test_a_bump_that_was_undone_does_not_count(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.transaction() as tx:
            await tx.bump("keys")
            raise ZeroDivisionError
    assert await database.revision("keys") == 0


async def test_a_bump_elsewhere_is_seen_by_the_next_question(database: Database, database_url: str) -> None:
    other = await Database.open(database_url)
    try:
        for expected in range(1, 20, 2):
            await bump(other)
            assert await database.revision("authorization") == expected
            await bump(database)
            assert await other.revision("authorization") == expected + 1
    finally:
        await other.close()


async def test_a_topic_that_does_not_exist_is_an_error(database: Database) -> None:
    with pytest.raises(LookupError):
        await database.revision("weather")
    with pytest.raises(LookupError):
        await bump(database, "weather")
