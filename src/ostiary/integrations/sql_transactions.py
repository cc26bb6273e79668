"""Ostiary's writes in a transaction of the application's own: both are stored, or neither is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, NoReturn, cast

from sqlalchemy import BigInteger, LargeBinary, String, bindparam, text
from sqlalchemy.engine import CursorResult
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from ostiary.database import ForeignKeyViolation, Transaction, UniqueViolation
from ostiary.database.errors import FAILED
from ostiary.database.face import R, Value
from ostiary.database.rows import row_maker
from ostiary.database.sqlite import SQLiteDatabase
from ostiary.database.statements import numbered
from ostiary.errors import ConfigurationError, Unavailable

_PATIENCE = 5.0  # seconds to wait for another connection that is writing
_PAUSE = 0.005  # seconds between two tries
_TYPES: dict[type, Any] = {int: BigInteger(), str: String(), bytes: LargeBinary()}
_QUOTED = re.compile(r"""'[^']*'|"[^"]*"|--[^\n]*|/\*.*?\*/""", re.DOTALL)
_NUMBER = re.compile(r"\$(\d+)")
_UNIQUE = {"23505", "SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_ROWID"}
_FOREIGN_KEY = {"23503", "SQLITE_CONSTRAINT_FOREIGNKEY"}
# Classes of SQLSTATE: no connection, deadlocks, no resources, no lock, an operator; and what SQLite says of the same.
_OUT_OF_ORDER = ("08", "40", "53", "55P03", "57", "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_IOERR")


class JoinedTransaction(Transaction):
    """The transaction of an SQLAlchemy session on Ostiary's own database, which the session commits or rolls back.

    Until it does, no decision sees what was written; from then on every one does.

    >>> async with sessions.begin() as session:
    ...     session.add(Document(id="7"))
    ...     await ostiary.use.relations.write_in(JoinedTransaction(session), caller, write)

    An error inside leaves the session to be rolled back. One use for one transaction; another one needs another.
    """

    def __init__(self, session: Session | AsyncSession) -> None:
        super().__init__()
        self._session = session
        self._dialect = ""
        self._failed = False

    def after_commit(self, work: Callable[[], Awaitable[None]]) -> None:
        """Raises RuntimeError: only the session knows when it commits, and it waits for nobody."""
        raise RuntimeError("this cannot be part of a transaction of the application's own")

    async def execute(self, sql: str, /, **params: Value) -> int:
        result = await self._run(sql, params)
        return max(result.rowcount, 0)

    async def fetch_one(self, row: type[R], sql: str, /, **params: Value) -> R | None:
        result = await self._run(sql, params)
        values = result.fetchone()
        return None if values is None else row_maker(row, list(result.keys()))(values)

    async def fetch_all(self, row: type[R], sql: str, /, **params: Value) -> list[R]:
        result = await self._run(sql, params)
        make = row_maker(row, list(result.keys()))
        return [make(values) for values in result.fetchall()]

    async def fetch_tuple(self, sql: str, /, **params: Value) -> tuple[Value, ...] | None:
        values = (await self._run(sql, params)).fetchone()
        return None if values is None else tuple(values)

    async def fetch_value(self, sql: str, /, **params: Value) -> Any:
        values = (await self._run(sql, params)).fetchone()
        return None if values is None else values[0]

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        await self._begin()
        try:
            if isinstance(self._session, AsyncSession):
                async with self._session.begin_nested():
                    yield
            else:
                with self._session.begin_nested():
                    yield
        except BaseException:
            self._failed = False
            raise

    async def _run(self, sql: str, params: dict[str, Value]) -> CursorResult[Any]:
        if self._failed:
            raise RuntimeError(FAILED)
        await self._begin()
        try:
            return await self._send(_translated(sql, self._dialect), params)
        except DBAPIError as error:
            self._failed = True
            _raise(error)

    async def _send(self, sql: str, params: dict[str, Value]) -> CursorResult[Any]:
        types = ((name, value, _TYPES.get(type(value))) for name, value in params.items() if f":{name}" in sql)
        statement = text(sql).bindparams(*(bindparam(name, value, type_) for name, value, type_ in types))
        session = self._session
        result = await session.execute(statement) if isinstance(session, AsyncSession) else session.execute(statement)
        return cast("CursorResult[Any]", result)

    async def _begin(self) -> None:
        """Before the first statement: be sure that there is a transaction, and on SQLite that it may write."""
        if self._dialect:
            return
        dialect = self._session.get_bind().dialect.name
        if dialect == "sqlite":
            SQLiteDatabase.joined = True
            joined = await self._lock()
        elif dialect == "postgresql":
            number = "SELECT txid_current()"
            joined = await self._scalar(number) == await self._scalar(number)
        else:
            raise ConfigurationError([f"transactions: {dialect} is no database of Ostiary's"])
        if not joined:
            raise ConfigurationError(["transactions: this session commits each statement by itself"])
        self._dialect = dialect

    async def _lock(self) -> bool:
        """Take SQLite's one write lock, waiting outside of SQLite: the loop's own commit may be what has it now."""
        patience = await self._scalar("PRAGMA busy_timeout")
        await self._send("PRAGMA busy_timeout = 0", {})
        give_up_at = asyncio.get_running_loop().time() + _PATIENCE
        try:
            while (fault := await self._refused()) is not None:
                if fault != "SQLITE_BUSY" or asyncio.get_running_loop().time() >= give_up_at:
                    raise Unavailable(retry_after=1)
                await asyncio.sleep(_PAUSE)
        finally:
            await self._send(f"PRAGMA busy_timeout = {int(patience)}", {})
        return await self._in_transaction()

    async def _refused(self) -> str | None:
        """A write that changes nothing: ``None``, or SQLite's name for why it could not be."""
        try:
            await self._send("UPDATE revisions SET value = value WHERE topic = 'relations'", {})
        except OperationalError as error:
            name: str = getattr(error.orig, "sqlite_errorname", "")
            if not name.startswith("SQLITE_BUSY"):
                raise
            return name
        return None

    async def _in_transaction(self) -> bool:
        """Whether the driver is in a transaction; it begins one by itself, or leaves that to others."""
        if isinstance(self._session, AsyncSession):
            raw = await (await self._session.connection()).get_raw_connection()
            return bool(cast("Any", raw.driver_connection).in_transaction)
        return bool(cast("Any", self._session.connection().connection.driver_connection).in_transaction)

    async def _scalar(self, sql: str) -> Any:
        return (await self._send(sql, {})).scalar()


@lru_cache(maxsize=1024)
def _translated(sql: str, dialect: str) -> str:
    """One text of :mod:`ostiary.database.face` as SQLAlchemy reads it: every colon that names no parameter escaped."""
    if dialect != "postgresql":
        return _QUOTED.sub(lambda found: found[0].replace(":", r"\:"), sql)
    written, names = numbered(sql)
    return _NUMBER.sub(lambda found: f":{names[int(found[1]) - 1]}", written.replace(":", r"\:"))


def _raise(error: DBAPIError) -> NoReturn:
    """Raise what the rest of the house knows it by; a mistake in the SQL stays what it is."""
    state: str = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None) or ""
    if state in _UNIQUE:
        raise UniqueViolation from error
    if state in _FOREIGN_KEY:
        raise ForeignKeyViolation from error
    if error.connection_invalidated or state.startswith(_OUT_OF_ORDER):
        raise Unavailable(retry_after=1) from error
    raise error
