"""What an attack test looks at: whether the refusal was a proper one, and whether anything was written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

import asyncpg
import httpx

from ostiary.app import Ostiary
from tests.support.time import ManualClock

PROBLEM = "application/problem+json"


def assert_refused(answer: httpx.Response, status: int, code: str, case: object = "") -> None:
    """A problem of this status and code, with a text for people, and nothing of our insides."""
    seen = (answer.status_code, answer.headers.get("content-type"), answer.text[:300])
    assert answer.status_code == status, (case, seen)
    assert answer.headers["content-type"] == PROBLEM, (case, seen)
    problem = answer.json()
    assert (problem["code"], problem["status"]) == (code, status), (case, seen)
    assert problem["title"], (case, seen)
    assert "Traceback" not in answer.text, (case, seen)
    assert ".py" not in answer.text, (case, seen)


async def contents(ostiary: Ostiary, *, besides: Iterable[str] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, read around the product; without the tables ``besides`` and what limits count."""
    return {table: rows for table, rows in (await _tables(ostiary)).items() if table not in {*besides, "limits"}}


async def counts(ostiary: Ostiary) -> list[tuple[Any, ...]]:
    """What limits have counted in the database; a refusal counts too."""
    return (await _tables(ostiary))["limits"]


def later(ostiary: Ostiary) -> None:
    """A millisecond goes by: of the mails of one instant none is the newest."""
    clock = ostiary.use.clock
    assert isinstance(clock, ManualClock)
    clock.advance(1)


async def _tables(ostiary: Ostiary) -> dict[str, list[tuple[Any, ...]]]:
    url = ostiary.use.settings.database.url
    if url.startswith("sqlite:///"):
        return _of_sqlite(url.removeprefix("sqlite:///"))
    return await _of_postgresql(url)


def _of_sqlite(path: str) -> dict[str, list[tuple[Any, ...]]]:
    connection = sqlite3.connect(path)
    try:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr) for name in names}
    finally:
        connection.close()


async def _of_postgresql(url: str) -> dict[str, list[tuple[Any, ...]]]:
    connection = await asyncpg.connect(url)
    try:
        names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {
            name: sorted((tuple(row) for row in await connection.fetch(f'SELECT * FROM "{name}"')), key=repr)
            for (name,) in names
        }
    finally:
        await connection.close()
