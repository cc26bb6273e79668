"""The three places that sessions are kept in, each with an installation over it: ``file``, ``database``, ``memory``.

PostgreSQL and Redis are those of the test suite (``OSTIARY_TEST_POSTGRES``, ``OSTIARY_TEST_REDIS``); what is
not there is said and left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from bench.installation import UNLIMITED
from ostiary.settings import Settings, load

STORES = ("SQLite", "PostgreSQL", "Redis")
POSTGRES = os.environ.get("OSTIARY_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
REDIS = os.environ.get("OSTIARY_TEST_REDIS", "redis://127.0.0.1:6379/0")


@contextlib.contextmanager
def environment(store: str, folder: Path) -> Iterator[dict[str, str] | None]:
    """What ``ostiary serve`` needs in its environment to keep sessions there; None where the service is missing.

    Redis has SQLite beside it. Everything is new, and taken away afterwards.
    """
    name = f"ostiary_bench_{secrets.token_hex(6)}"
    environ = {
        "OSTIARY_ISSUER": "https://localhost",
        "OSTIARY_MASTER_KEY": "4f" * 32,
        "OSTIARY_DATABASE_URL": f"sqlite:///{folder / (name + '.db')}",
        "OSTIARY_MAIL_SENDER": "smtp",
        "OSTIARY_MAIL_HOST": "localhost",
        "OSTIARY_MAIL_FROM_ADDRESS": "bench@example.com",
        **{"OSTIARY_" + limit.upper().replace(".", "_"): value for limit, value in UNLIMITED.items()},
    }
    try:
        if store == "PostgreSQL":
            asyncio.run(_postgres(f"CREATE DATABASE {name}"))
            environ["OSTIARY_DATABASE_URL"] = urlsplit(POSTGRES)._replace(path="/" + name).geturl()
        if store == "Redis":
            _forget(name + ":")
            environ |= {
                "OSTIARY_REDIS_URL": REDIS,
                "OSTIARY_REDIS_PREFIX": name + ":",
                "OSTIARY_SESSIONS_STORE": "redis",
            }
    except Exception as cause:  # noqa: BLE001 - whatever it is, this machine does not have it
        print(f"{store} is not there, and left out: {cause}", flush=True)
        yield None
        return
    try:
        yield environ
    finally:
        if store == "PostgreSQL":
            asyncio.run(_postgres(f"DROP DATABASE {name} WITH (FORCE)"))
        if store == "Redis":
            _forget(name + ":")


def settings_of(environ: dict[str, str]) -> Settings:
    """The settings that the environment makes."""
    return load(environ)


async def _postgres(statement: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(POSTGRES, timeout=5)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _forget(prefix: str) -> None:
    import redis

    with redis.Redis.from_url(REDIS) as server:
        keys = []
        for key in server.scan_iter(prefix + "*", count=10_000):
            keys.append(key)
            if len(keys) == 10_000:
                server.unlink(*keys)
                keys.clear()
        if keys:
            server.unlink(*keys)
