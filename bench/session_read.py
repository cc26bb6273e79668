"""What does it cost to read a session in process, and does that grow with the number of sessions?

Each session is read once, so that nothing is found in memory; on SQLite, where what nobody has changed since is not
read again, the second time too. Baseline: the driver with the same statement (Redis: GET), and nothing
around it. From 10^3 to 10^6 sessions, eight reads under way at one time on both sides.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import uvloop

from bench.figures import line, plain
from bench.sample_sessions import sample_session
from bench.stores import REDIS, STORES, environment, settings_of
from ostiary.accounts import Account
from ostiary.app import Ostiary
from ostiary.base.clock import system_clock
from ostiary.base.tokens import digest
from ostiary.sessions import Session, SqlSessions
from ostiary.sessions.model import NO_DATA, Stored
from ostiary.sessions.redis import RedisSessions
from ostiary.settings import Settings

SIZES = (1_000, 10_000, 100_000, 1_000_000)
READS = 500
ROUNDS = 7
AT_ONCE = 8
"""Reads under way at one time, as in a server that is busy."""
_USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
_COLUMNS = (*Session.__struct_fields__, "idle_expires_at")

Read = Callable[[int], Awaitable[object]]


def session_of(number: int, now: int) -> Session:
    """The session whose secret is ``secret-<number>``; ten of them are of one account."""
    return sample_session(
        id_=f"ses_{number:026d}",
        id_hash=digest(f"secret-{number}"),
        account_id=f"acc_{number // 10:026d}",
        began=now,
        now=now,
        address=f"203.0.113.{number % 256}",
        user_agent=_USER_AGENT,
    )


async def fill(ostiary: Ostiary, store: str, start: int, end: int) -> None:
    """Add the sessions from ``start`` up to ``end``, and their accounts, by the driver's fastest way."""
    now = system_clock()
    accounts = [
        (f"acc_{number:026d}", "user", "active", "", now, now) for number in range((start + 9) // 10, (end + 9) // 10)
    ]
    columns = ("id", "kind", "status", "name", "created_at", "updated_at")
    url = ostiary.use.settings.database.url
    if store == "PostgreSQL":
        await _copy(url, "accounts", columns, accounts)
        await _copy(url, "sessions", _COLUMNS, _rows(start, end, now))
        return
    _insert(url, "accounts", columns, accounts)
    if store == "SQLite":
        _insert(url, "sessions", _COLUMNS, _rows(start, end, now))
        return
    if ostiary.use.redis is None:
        raise RuntimeError("there is no Redis")
    redis = RedisSessions(ostiary.use.redis, ostiary.use.db, Account.__struct_fields__)
    for begin in range(start, end, 1000):
        await redis.put([Stored(session_of(number, now), NO_DATA) for number in range(begin, min(begin + 1000, end))])


def _rows(start: int, end: int, now: int) -> Iterator[tuple[Any, ...]]:
    for number in range(start, end):
        session = session_of(number, now)
        row = msgspec.structs.astuple(session)
        yield (*(int(value) if isinstance(value, bool) else value for value in row), session.idle_expires_at)


def _insert(url: str, table: str, columns: Sequence[str], rows: Any) -> None:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        marks = ", ".join("?" for _ in columns)
        connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
    # So many at once leave a log that is as long as the database; no server that runs has one.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


async def _copy(url: str, table: str, columns: Sequence[str], rows: Any) -> None:
    import asyncpg

    connection = await asyncpg.connect(url)
    await connection.copy_records_to_table(table, records=rows, columns=columns)
    await connection.execute(f"VACUUM ANALYZE {table}")
    await connection.close()


@asynccontextmanager
async def drivers_own(ostiary: Ostiary, store: str) -> AsyncIterator[Read]:
    """The driver, reading a session's key by itself."""
    url = ostiary.use.settings.database.url
    statement = SqlSessions(ostiary.use.db, Account.__struct_fields__).statement
    if store == "SQLite":
        file = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)

        async def read(number: int) -> object:
            return file.execute(statement, {"id_hash": digest(f"secret-{number}")}).fetchone()

        yield read
        file.close()
    elif store == "PostgreSQL":
        import asyncpg

        free = [await asyncpg.connect(url) for _ in range(AT_ONCE)]
        numbered = statement.replace(":id_hash", "$1")

        async def fetch(number: int) -> object:
            connection = free.pop()
            found: object = await connection.fetchrow(numbered, digest(f"secret-{number}"))
            free.append(connection)
            return found

        yield fetch
        for connection in free:
            await connection.close()
    else:
        from redis.asyncio import Redis

        redis = Redis.from_url(REDIS)
        prefix = ostiary.use.settings.redis.prefix.encode()
        yield lambda number: redis.get(prefix + b"s:" + digest(f"secret-{number}"))
        await redis.aclose()


def main(sizes: Sequence[int]) -> None:
    for store in STORES:
        with tempfile.TemporaryDirectory() as folder, environment(store, Path(folder)) as environ:
            if environ is not None:
                uvloop.run(_measure(store, settings_of(environ), sizes))


async def _measure(store: str, settings: Settings, sizes: Sequence[int]) -> None:
    found = []
    filled = 0
    async with await Ostiary.open(settings, migrate_first=True) as ostiary, drivers_own(ostiary, store) as own:
        for size in sizes:
            await fill(ostiary, store, filled, size)
            filled = size
            os.sync()  # what is still to be written would be written beside the reads
            found.append(await _compare(store, ostiary, own, size))
    growth, by_itself = (last / first for first, last in zip(found[0], found[-1], strict=True))
    line(
        f"{store}: at {sizes[-1]:,} beside {sizes[0]:,}",
        f"{growth:.2f} x",
        f"the driver by itself {by_itself:.2f} x",
        growth / by_itself,
        "at most 1.20 x",
        growth <= 1.2,
    )


async def _compare(store: str, ostiary: Ostiary, own: Read, size: int) -> tuple[float, float]:
    sessions, now = ostiary.use.sessions, system_clock()

    async def ours(number: int) -> object:
        return await sessions.find(f"secret-{number}", now)

    first, again, baseline, ratios = [], [], [], []
    for _ in range(ROUNDS):
        numbers = random.sample(range(size), READS)
        async with ostiary.use.db.transaction() as tx:
            await tx.bump("keys")  # whatever was found before is read again
        first.append(await _microseconds(ours, numbers))
        again.append(await _microseconds(ours, numbers))
        baseline.append(await _microseconds(own, numbers))
        ratios.append(first[-1] / baseline[-1])
    ratio = median(ratios)
    line(
        f"session read, {store}, {size:,} sessions",
        f"{median(first):.1f} us",
        f"the driver by itself {median(baseline):.1f} us",
        ratio,
        "at most 1.50 x",
        ratio <= 1.5,
    )
    if store == "SQLite" and size == SIZES[0]:
        plain("the same again, nothing committed since", f"{median(again):.1f} us", "", True)
    return median(first), median(baseline)


async def _microseconds(read: Read, numbers: Sequence[int]) -> float:
    async def some(mine: Sequence[int]) -> None:
        for number in mine:
            if await read(number) is None:
                raise RuntimeError("a session was not found")

    start = time.perf_counter()
    await asyncio.gather(*(some(numbers[first::AT_ONCE]) for first in range(AT_ONCE)))
    return (time.perf_counter() - start) / len(numbers) * 1e6


if __name__ == "__main__":
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else SIZES[-1]
    main([size for size in SIZES if size <= largest])
