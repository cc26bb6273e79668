"""The small face that SQLite and PostgreSQL share.

One text of SQL serves both, with ``:name`` parameters. To be understood by both:

- a parameter whose type PostgreSQL cannot see from its place needs a cast: ``CAST(:after AS TEXT) IS NULL``. For
  integers write ``CAST(:x AS BIGINT)`` (PostgreSQL's ``INTEGER`` has 32 bits, too few for a time). There is no cast to
  bytes that both know: compare bytes with a column instead.
- ``SUM`` of a column is a decimal number on PostgreSQL: ``CAST(SUM(x) AS BIGINT)``.
- comparisons make ``true`` on PostgreSQL and ``1`` on SQLite, which are equal in Python.
- ``SELECT … /* FOR NO KEY UPDATE */`` in a transaction keeps the row as it is until the end: PostgreSQL reads the
  comment, and on SQLite a transaction has the whole database to itself.
- a list is a parameter that holds a JSON array of texts: ``IN (SELECT value FROM json_each(:ids))``.
- name the columns; ``SELECT *`` changes under a migration.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, TypeVar

import msgspec

from ostiary.errors import ConfigurationError

Value = str | int | bytes | None
"""What a parameter and a column hold. Integers have 64 bits, signed."""

R = TypeVar("R", bound=msgspec.Struct)


class Reader(ABC):
    """Reads. Each may raise :class:`~ostiary.errors.Unavailable` when the database is down or busy for too long.

    Columns go to the struct's fields of the same name, as stored: ``int``, ``str``, ``bytes`` or ``None``, nothing is
    converted. A field without a column needs a default.
    """

    @abstractmethod
    async def fetch_one(self, row: type[R], sql: str, /, **params: Value) -> R | None:
        """The first row, or ``None`` when there is none."""

    @abstractmethod
    async def fetch_all(self, row: type[R], sql: str, /, **params: Value) -> list[R]:
        """Every row."""

    @abstractmethod
    async def fetch_tuple(self, sql: str, /, **params: Value) -> tuple[Value, ...] | None:
        """The columns of the first row in their order, or ``None`` when there is none."""

    @abstractmethod
    async def fetch_value(self, sql: str, /, **params: Value) -> Any:
        """The first column of the first row, or ``None`` when there is no row."""


class Transaction(Reader):
    """Reads and writes that happen wholly or not at all. It sees its own changes.

    The fetches take ``INSERT``, ``UPDATE`` and ``DELETE … RETURNING`` too. Everything here may also raise
    :class:`UniqueViolation` and :class:`ForeignKeyViolation`. After an error the transaction accepts no more
    statements (PostgreSQL's rule, kept on SQLite as well) until the savepoint around the error has been left.
    """

    def __init__(self) -> None:
        self._after: list[Callable[[], Awaitable[None]]] = []

    @abstractmethod
    async def execute(self, sql: str, /, **params: Value) -> int:
        """Run one ``INSERT``, ``UPDATE`` or ``DELETE`` and return the number of rows that it changed."""

    @abstractmethod
    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """An exception inside undoes what was done inside, and propagates."""

    def after_commit(self, work: Callable[[], Awaitable[None]]) -> None:
        """Have ``work`` done once all of this is durable, and before :meth:`Database.transaction` is left.

        What it raises is raised there, and undoes nothing. It is not done where this, or the savepoint around it, is
        undone.
        """
        self._after.append(work)

    async def finish(self) -> None:
        """Do what was left until the commit; the database calls this."""
        for work in self._after:
            await work()

    async def bump(self, topic: str) -> None:
        """Count :meth:`Database.revision` of ``topic`` up by one. LookupError: there is no such topic."""
        if not await self.execute("UPDATE revisions SET value = value + 1 WHERE topic = :topic", topic=topic):
            raise LookupError(topic)


class Database(Reader):
    """An open database, used from one event loop. Its own fetches only read, and see what has been committed."""

    dialect: Literal["sqlite", "postgresql"]

    @staticmethod
    async def open(url: str, *, pool_size: int = 10) -> Database:
        """Open ``sqlite:////absolute/path``, ``sqlite:///relative/path`` or ``postgresql://…``; nothing is migrated.

        Args:
            url: which database; may hold a password and is never shown.
            pool_size: the most connections that PostgreSQL is asked for; one is kept open.

        Raises:
            ConfigurationError: the URL, the folder or the rights are wrong.
            Unavailable: the server does not answer.
        """
        kind = url.partition(":")[0]
        if kind == "sqlite":
            from ostiary.database.sqlite import open_sqlite

            return await open_sqlite(url)
        if kind in ("postgresql", "postgres"):
            from ostiary.database.postgresql import open_postgresql

            return await open_postgresql(url, pool_size)
        raise ConfigurationError(["the database URL must begin with sqlite:/// or postgresql://"])

    @abstractmethod
    def transaction(self, *, durable: bool = True) -> AbstractAsyncContextManager[Transaction]:
        """A transaction. Leaving it normally means that it is durable; an exception inside undoes all of it.

        The body awaits nothing but its own transaction: on SQLite every other writer waits for it.

        Args:
            durable: False for what may be lost when the machine stops, such as the count of a limit. It is not waited
                for the disk then, which costs most of a small transaction. Everybody else sees it all the same, and it
                outlives this process.

        Raises:
            Unavailable: it could not begin or commit. When the connection was lost during the commit itself, the
                outcome is not known.
            RuntimeError: a transaction inside a transaction of the same task; or an error was swallowed inside
                without a savepoint around it.
        """

    @abstractmethod
    def migration(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction beside which no other process migrates, and that no time limit cuts short."""

    async def revision(self, topic: str) -> int:
        """How often ``topic`` has been bumped, by this process or another, before this call. LookupError: unknown."""
        (revision,) = await self.revisions(topic)
        return revision

    @abstractmethod
    async def revisions(self, *topics: str) -> tuple[int, ...]:
        """The same of several topics, in their order, as of one and the same moment."""

    @abstractmethod
    def state(self) -> int | None:
        """A number that changes with every commit, ours or another process's; None where asking would cost a read."""

    @abstractmethod
    async def close(self) -> None:
        """Wait for running transactions, then close every connection."""
