"""Fixtures of the whole suite: databases, Redis, a browser, and time that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from ostiary.app import Ostiary
from tests.support import services
from tests.support.installation import LiveServer, new_client, settings_for_test
from tests.support.sqlite import new_sqlite
from tests.support.time import ManualClock

if TYPE_CHECKING:
    from ostiary.database import Database

pytest_plugins = ["tests.support.alone", "tests.support.reporting", "tests.support.rsa_keys"]


@pytest.fixture
def clock() -> ManualClock:
    """Time that stands still at 2026-01-01T00:00:00Z until the test calls ``clock.advance(milliseconds)``."""
    return ManualClock(1_767_225_600_000)


@pytest.fixture
def empty_sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'ostiary.db'}"


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite database with every migration applied."""
    return new_sqlite(tmp_path / "ostiary.db")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[services.Postgres]:
    import asyncpg

    try:
        server = services.Postgres(services.POSTGRES)
    except (OSError, TimeoutError, asyncpg.PostgresError) as cause:
        services.missing("PostgreSQL", "OSTIARY_TEST_POSTGRES", cause)
    yield server
    server.close()


@pytest.fixture
def empty_postgres_url(postgres_server: services.Postgres) -> Iterator[str]:
    """The URL of an empty PostgreSQL database that only this test has."""
    name = postgres_server.lend_empty()
    yield postgres_server.url(name)
    postgres_server.take_back(name)


@pytest.fixture
def postgres_url(postgres_server: services.Postgres) -> Iterator[str]:
    """The URL of a PostgreSQL database with every migration applied, that only this test has."""
    name = postgres_server.lend_migrated()
    yield postgres_server.url(name)
    postgres_server.take_back(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, once for each kind."""
    fixture = {"sqlite": "empty_sqlite_url", "postgresql": "empty_postgres_url"}[request.param]
    url: str = request.getfixturevalue(fixture)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database with every migration applied, once for each kind."""
    fixture = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
    url: str = request.getfixturevalue(fixture)
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database with every migration applied, once for each kind; ``database_url`` is its URL."""
    from ostiary.database import Database

    opened = await Database.open(database_url)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
async def ostiary(database_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    """An installation in this process, once on each database, whose time is ``clock``."""
    opened = await Ostiary.open(settings_for_test(database_url), clock=clock)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
async def server(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    """An installation in this process, on SQLite, whose time is ``clock``: for what no database decides."""
    opened = await Ostiary.open(settings_for_test(sqlite_url), clock=clock)
    try:
        yield opened
    finally:
        await opened.close()


SESSION_STORES = ["sqlite", "postgresql", "redis"]


@pytest.fixture(params=SESSION_STORES)
def session_store(request: pytest.FixtureRequest) -> dict[str, object]:
    """Settings by which sessions are kept in one store, once for each; Redis has SQLite beside it."""
    if request.param == "redis":
        return {
            "database_url": request.getfixturevalue("sqlite_url"),
            "sessions__store": "redis",
            "redis__url": request.getfixturevalue("redis_url"),
            "redis__prefix": request.getfixturevalue("redis_prefix"),
        }
    fixture = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
    return {"database_url": request.getfixturevalue(fixture)}


OpenInstallation = Callable[..., Awaitable[Ostiary]]


@pytest.fixture
async def installation(session_store: dict[str, object], clock: ManualClock) -> AsyncIterator[OpenInstallation]:
    """Opens an installation with other settings, sessions in each store; all of one test share what they keep."""
    opened: list[Ostiary] = []

    async def open_one(**changed: object) -> Ostiary:
        settings = settings_for_test(**{**session_store, **changed})  # type: ignore[arg-type]
        opened.append(await Ostiary.open(settings, clock=clock))
        return opened[-1]

    yield open_one
    for each in opened:
        await each.close()


@pytest.fixture
async def client(ostiary: Ostiary) -> AsyncIterator[httpx.AsyncClient]:
    """A client of ``ostiary`` with cookies of its own."""
    async with new_client(ostiary) as opened:
        yield opened


@pytest.fixture
def live_server(tmp_path: Path) -> Iterator[LiveServer]:
    """An installation on a port, for browsers and for what needs real connections."""
    with LiveServer(tmp_path) as server:
        yield server


@pytest.fixture(scope="session")
def _redis_without_leftovers() -> str:
    import redis

    try:
        with redis.Redis.from_url(services.REDIS, socket_timeout=5) as server:
            for key in server.scan_iter("ostiary_test_*", count=1000):
                if services.abandoned(key.partition(b":")[0].decode()):
                    server.delete(key)
    except redis.RedisError as cause:
        services.missing("Redis", "OSTIARY_TEST_REDIS", cause)
    return services.REDIS


@pytest.fixture
def redis_url(_redis_without_leftovers: str) -> str:
    """The URL of the Redis server; keys go under ``redis_prefix``."""
    return _redis_without_leftovers


@pytest.fixture
def redis_prefix(redis_url: str) -> Iterator[str]:
    """A prefix, ending in a colon, for every key that the test makes; what is under it is removed afterwards."""
    import redis

    prefix = services.own_name() + ":"
    yield prefix
    with redis.Redis.from_url(redis_url) as server:
        for key in server.scan_iter(prefix + "*", count=1000):
            server.delete(key)


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """The system's Chromium."""
    found = services.find_chromium()
    if found is None:
        services.missing("Chromium", "OSTIARY_TEST_CHROMIUM", "no chromium on PATH")
    return found
