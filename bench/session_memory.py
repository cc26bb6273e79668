"""How many bytes does a session take in each store, at 100 000 of them?

Each is of an account of its own, came from a usual desktop browser, every other one by IPv6, and keeps no data. In
Redis it is counted with its share of what lists an account's sessions. Baseline of Redis: the same session as plain
JSON under the same key, and the same list.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import secrets
import sqlite3
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from bench.figures import line, plain
from bench.sample_sessions import sample_session
from bench.stores import REDIS, environment, settings_of
from ostiary.accounts import Account
from ostiary.base.clock import DAY, system_clock
from ostiary.base.ids import new_id
from ostiary.database import Database, migrate
from ostiary.sessions import Session, SqlSessions
from ostiary.sessions.model import NO_DATA, Stored

COUNT = 100_000
BATCH = 500
GOAL = 300

_WINDOWS, _MAC, _LINUX = "Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64"
_BLINK = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
_FIREFOX = "Mozilla/5.0 ({}; rv:{}.0) Gecko/20100101 Firefox/{}.0"
_SAFARI = "Mozilla/5.0 ({}) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{}.{} Safari/605.1.15"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for store in ("SQLite", "PostgreSQL"):
            with environment(store, Path(folder)) as environ:
                if environ is not None:
                    url = settings_of(environ).database.url
                    size = uvloop.run(_in_sql(url))
                    plain(f"a session in {store}", f"{size:,.0f} bytes", "-", reached=True)
    try:
        uvloop.run(_in_redis())
    except Exception as cause:  # noqa: BLE001 - whatever it is, this machine does not have it
        print(f"Redis is not there, and left out: {cause}", flush=True)


async def _in_sql(url: str) -> float:
    db = await Database.open(url)
    try:
        await migrate(db)
        sessions = _sessions(random.Random(1))
        store = SqlSessions(db, Account.__struct_fields__)
        batches = [list(itertools.islice(sessions, BATCH)) for _ in range(COUNT // BATCH)]
        for batch in batches:
            await _put_accounts(db, batch)
        before = await _size(db, url)
        for batch in batches:
            await store.put([Stored(session, NO_DATA) for session in batch])
        return (await _size(db, url) - before) / COUNT
    finally:
        await db.close()


async def _put_accounts(db: Database, sessions: list[Session]) -> None:
    async with db.transaction() as tx:
        for session in sessions:
            await tx.execute(
                "INSERT INTO accounts (id, kind, status, name, created_at, updated_at)"
                " VALUES (:id, 'user', 'active', '', 0, 0)",
                id=session.account_id,
            )


async def _size(db: Database, url: str) -> int:
    """Bytes of PostgreSQL's table of sessions with its indexes, or of SQLite's file, which has more in it."""
    if db.dialect == "postgresql":
        found: int = await db.fetch_value("SELECT pg_total_relation_size('sessions')")
        return found
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [(pages, bytes_each)] = connection.execute(
            "SELECT page_count, page_size FROM pragma_page_count, pragma_page_size"
        )
    return int(pages * bytes_each)


async def _in_redis() -> None:
    from ostiary.database.redis import Redis
    from ostiary.sessions.redis import RedisSessions

    # As long as the default prefix: what a key costs goes by its length.
    redis = await Redis.open(REDIS, secrets.token_hex(2)[:3] + ":")
    db = await Database.open("sqlite:///" + tempfile.mkdtemp() + "/unused.db")
    try:
        store, sessions = RedisSessions(redis, db, ()), _sessions(random.Random(1))
        before = await _used(redis)
        for _ in range(COUNT // BATCH):
            await store.put([Stored(session, NO_DATA) for session in itertools.islice(sessions, BATCH)])
        grown = (await _used(redis) - before) / COUNT
        usage = [one async for one in _usage(redis, b"s:")], [one async for one in _usage(redis, b"a:")]
        ours = sum(map(sum, usage)) / COUNT
        baseline = await _as_json(redis, _sessions(random.Random(1))) + sum(usage[1]) / COUNT
        _print(ours, baseline, usage, grown)
    finally:
        await _clear(redis)
        await redis.close()
        await db.close()


def _print(ours: float, baseline: float, usage: tuple[list[int], list[int]], grown: float) -> None:
    line(
        "a session in Redis, with its place in the list",
        f"{ours:,.0f} bytes",
        f"as JSON {baseline:,.0f} bytes",
        ours / baseline,
        f"at most {GOAL} bytes",
        ours <= GOAL,
    )
    plain(
        "… without that place, the largest", f"{max(usage[0]):,} bytes", f"at most {GOAL} bytes", max(usage[0]) <= GOAL
    )
    plain("… by what Redis has grown", f"{grown:,.0f} bytes", "-", reached=True)


async def _used(redis: Any) -> int:
    info: bytes = await redis.execute("INFO", "memory")
    return int(dict(entry.split(b":", 1) for entry in info.splitlines() if b":" in entry)[b"used_memory"])


async def _usage(redis: Any, kind: bytes) -> AsyncIterator[int]:
    async for keys in redis.scan(redis.prefix + kind):
        for size in await redis.pipeline([("MEMORY", "USAGE", key) for key in keys]):
            yield size


async def _as_json(redis: Any, sessions: Any) -> float:
    """The mean of a thousand, each deleted again."""
    total = 0
    for session in itertools.islice(sessions, 1000):
        key = redis.prefix + b"j:" + session.id_hash
        value = msgspec.json.encode(msgspec.structs.asdict(session))
        total += (await redis.pipeline([("SET", key, value, "PX", DAY), ("MEMORY", "USAGE", key), ("DEL", key)]))[1]
    return total / 1000


async def _clear(redis: Any) -> None:
    async for keys in redis.scan(redis.prefix):
        await redis.execute("UNLINK", *keys)


def _sessions(random_source: random.Random) -> Any:
    now = system_clock()
    for number in itertools.count():
        version = random_source.randint(128, 147)
        system = random_source.choice((_WINDOWS, _WINDOWS, _WINDOWS, _MAC, _LINUX))
        user_agent = random_source.choice(
            (
                _BLINK.format(system, version),
                _BLINK.format(system, version),
                _BLINK.format(_WINDOWS, version) + f" Edg/{version}.0.0.0",
                _FIREFOX.format(system.replace("10_15_7", "10.15"), version, version),
                _SAFARI.format(_MAC, random_source.randint(17, 26), random_source.randint(0, 6)),
            )
        )
        by_4 = ".".join(str(random_source.randint(1, 254)) for _ in range(4))
        by_6 = "2001:db8:" + ":".join(f"{random_source.randint(4096, 65535):x}" for _ in range(6))
        began = now - random_source.randint(0, DAY)
        yield sample_session(
            id_=new_id("ses", began),
            id_hash=random_source.randbytes(32),
            account_id=new_id("acc", began),
            began=began,
            now=now,
            address=by_4 if number % 2 else by_6,
            user_agent=user_agent,
        )


if __name__ == "__main__":
    main()
