"""What the suite needs besides Python: where PostgreSQL, Redis and Chromium are, and what happens when one is not.

On a developer's machine a missing one skips the tests that need it, with the reason; in CI (``CI=true``) it fails them.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    import asyncpg

    from tests.support.restoring import Pristine

POSTGRES = os.environ.get("OSTIARY_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
REDIS = os.environ.get("OSTIARY_TEST_REDIS", "redis://127.0.0.1:6379/0")
CHROMIUM = os.environ.get("OSTIARY_TEST_CHROMIUM", "")

MIGRATED_AT = 1_767_225_600_000
"""When the databases that tests get were migrated: 2026-01-01T00:00:00Z."""

_PREFIX = "ostiary_test_"
_ABANDONED_AFTER = 3600

T = TypeVar("T")


def missing(what: str, where_to_say: str, cause: object) -> NoReturn:
    """End the test because ``what`` is not there; ``where_to_say`` is the variable that tells where it is."""
    reason = f"{what} is not there ({where_to_say}): {cause}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def own_name() -> str:
    """A name that no other run has, and that tells when it was made, so that what a killed run left can be found."""
    return f"{_PREFIX}{int(time.time())}_{secrets.token_hex(6)}"


def abandoned(name: str) -> bool:
    """Whether ``name`` was made by :func:`own_name` more than an hour ago."""
    made = name.removeprefix(_PREFIX).split("_")[0]
    return name.startswith(_PREFIX) and made.isdecimal() and int(made) < time.time() - _ABANDONED_AFTER


class Postgres:
    """A PostgreSQL server in which each test gets a database of its own.

    Fixtures are synchronous and may be asked for while a test's event loop runs, so the administrative connections
    live in a loop and thread of their own: one to the server, and one to each database that has been migrated, because
    the first look of a new connection into forty tables takes longer than all the rest of cleaning up.
    """

    def __init__(self, url: str) -> None:
        import asyncpg

        self._url = urlsplit(url)
        self._empty: list[str] = []
        self._migrated: list[str] = []
        self._pristine: dict[str, tuple[Pristine, asyncpg.Connection[asyncpg.Record]]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="postgres-admin", daemon=True)
        self._thread.start()
        try:
            self._connection = self._wait(asyncpg.connect(url, timeout=5))
        except BaseException:
            self._stop()
            raise
        self.drop_abandoned()

    def lend_empty(self) -> str:
        """The name of an empty database that nobody else uses until it is given back."""
        if self._empty:
            return self._empty.pop()
        name = own_name()
        self.execute(f"CREATE DATABASE {name}")
        return name

    def lend_migrated(self) -> str:
        """The same, with every migration applied. A commit does not wait for the disk: these are not to outlive it."""
        if self._migrated:
            return self._migrated.pop()
        name = self.lend_empty()
        self.execute(f"ALTER DATABASE {name} SET synchronous_commit TO off")
        self._wait(self._migrate(name))
        return name

    def take_back(self, name: str) -> None:
        """Have a database ready for the next test: to drop and make one costs a checkpoint each time."""
        if name not in self._pristine:
            self._wait(self._clear(name))
            self._empty.append(name)
        elif self._wait(self._restore(name)):
            self._migrated.append(name)
        else:
            self._wait(self._pristine.pop(name)[1].close())
            self.drop(name)

    def url(self, name: str) -> str:
        return self._url._replace(path="/" + name).geturl()

    async def _migrate(self, name: str) -> None:
        import asyncpg

        from ostiary.database import Database, migrate
        from tests.support.restoring import Pristine

        db = await Database.open(self.url(name))
        await migrate(db, lambda: MIGRATED_AT)
        await db.close()
        connection = await asyncpg.connect(self.url(name))
        self._pristine[name] = await Pristine.of(connection), connection

    async def _restore(self, name: str) -> bool:
        """Whether the database is as the migrations left it, again. The test may have ended the connection to it."""
        import asyncpg

        ended = (
            OSError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,  # it is being closed just now
            asyncpg.OperatorInterventionError,
            asyncpg.PostgresConnectionError,
        )
        pristine, connection = self._pristine[name]
        try:
            return await pristine.restore(connection)
        except ended:
            connection.terminate()
            connection = await asyncpg.connect(self.url(name))
            self._pristine[name] = pristine, connection
            return await pristine.restore(connection)

    async def _clear(self, name: str) -> None:
        import asyncpg

        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1"
        await self._connection.execute(query, name)
        connection = await asyncpg.connect(self.url(name))
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        await connection.close()

    def drop(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def drop_abandoned(self) -> None:
        """Drop what killed runs left. Of several workers that start at once, one does."""
        if self._wait(self._connection.fetchval("SELECT pg_try_advisory_lock(hashtext($1))", _PREFIX)):
            for name in filter(abandoned, self.databases()):
                self.drop(name)
            self.execute("SELECT pg_advisory_unlock_all()")

    def databases(self) -> list[str]:
        """The databases that this run may drop."""
        query = "SELECT datname FROM pg_database WHERE pg_has_role(datdba, 'MEMBER')"
        return [row["datname"] for row in self._wait(self._connection.fetch(query))]

    def execute(self, statement: str) -> None:
        self._wait(self._connection.execute(statement))

    def close(self) -> None:
        for _, connection in self._pristine.values():
            self._wait(connection.close())
        for name in self._empty + self._migrated:
            self.drop(name)
        self._wait(self._connection.close())
        self._stop()

    def _wait(self, work: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def find_chromium() -> Path | None:
    for name in [CHROMIUM] if CHROMIUM else ["chromium", "chromium-browser", "google-chrome"]:
        if found := shutil.which(name):
            return Path(found)
    return None
