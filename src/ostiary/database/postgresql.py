"""PostgreSQL by asyncpg: prepared statements kept by each connection, READ COMMITTED."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal, NoReturn

import msgspec

from ostiary.database.errors import FAILED, NESTED, OVER, ForeignKeyViolation, UniqueViolation
from ostiary.database.face import Database, R, Reader, Transaction, Value
from ostiary.database.rows import RowMakers
from ostiary.database.statements import numbered
from ostiary.errors import ConfigurationError, Unavailable

try:
    import asyncpg

    from ostiary.database.connections import Connection, Connections
except ImportError as error:
    raise ConfigurationError(["PostgreSQL needs a driver: pip install 'ostiary[postgres]'"]) from error


_STATEMENT = 10.0  # seconds that a statement may take
_MIGRATION = 3600.0  # seconds that a statement of a migration, or waiting for another process's, may take
_MIGRATION_LOCK = 0x6F737469617279  # "ostiary"; advisory locks are numbers
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_BEGIN_NOT_DURABLE = f"{_BEGIN}; SET LOCAL synchronous_commit TO off"

_DRIVER = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
_OUT_OF_ORDER = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.PostgresSystemError,
    asyncpg.InternalClientError,  # the server has just closed the connection and asyncpg is about to notice
)
_WRONG_SETTINGS = (
    ValueError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)


def _raise(error: Exception, connection: Connection | None) -> NoReturn:
    """Raise what the rest of the house knows it by; a mistake in the SQL stays what it is."""
    if isinstance(error, asyncpg.UniqueViolationError):
        raise UniqueViolation from error
    if isinstance(error, asyncpg.ForeignKeyViolationError):
        raise ForeignKeyViolation from error
    if isinstance(error, asyncpg.InFailedSQLTransactionError):
        raise RuntimeError(FAILED) from error
    # A closed connection and a parameter of the wrong type are both an InterfaceError.
    closed = isinstance(error, asyncpg.InterfaceError) and (connection is None or connection.is_closed())
    if closed or isinstance(error, _OUT_OF_ORDER):
        raise Unavailable(retry_after=1) from error
    raise error


class _Revision(msgspec.Struct, frozen=True):
    topic: str
    value: int


class _PostgreSQLReader(Reader):
    def __init__(self, makers: RowMakers) -> None:
        self._makers = makers

    @abstractmethod
    async def _run(self, method: str, sql: str, params: dict[str, Value]) -> Any:
        """Call this method of an asyncpg connection."""

    async def fetch_one(self, row: type[R], sql: str, /, **params: Value) -> R | None:
        record = await self._run("fetchrow", sql, params)
        return None if record is None else self._makers.get(row, sql, lambda: list(record.keys()))(record)

    async def fetch_all(self, row: type[R], sql: str, /, **params: Value) -> list[R]:
        records = await self._run("fetch", sql, params)
        if not records:
            return []
        return list(map(self._makers.get(row, sql, lambda: list(records[0].keys())), records))

    async def fetch_tuple(self, sql: str, /, **params: Value) -> tuple[Value, ...] | None:
        record = await self._run("fetchrow", sql, params)
        return None if record is None else tuple(record)

    async def fetch_value(self, sql: str, /, **params: Value) -> Any:
        return await self._run("fetchval", sql, params)


async def _call(connection: Connection, method: str, sql: str, params: dict[str, Value], limit: float) -> Any:
    statement, names = numbered(sql)
    arguments = [params[name] for name in names]
    try:
        return await getattr(connection, method)(statement, *arguments, timeout=limit)
    except _DRIVER as error:
        if isinstance(error, asyncpg.InternalClientError | TimeoutError):  # its answer may still come
            connection.terminate()
        _raise(error, connection)


class _PostgreSQLTransaction(_PostgreSQLReader, Transaction):
    def __init__(self, connection: Connection, makers: RowMakers, limit: float) -> None:
        _PostgreSQLReader.__init__(self, makers)
        Transaction.__init__(self)
        self._connection = connection
        self._limit = limit
        self._over = False

    async def _run(self, method: str, sql: str, params: dict[str, Value]) -> Any:
        if self._over:
            raise RuntimeError(OVER)
        return await _call(self._connection, method, sql, params, self._limit)

    async def execute(self, sql: str, /, **params: Value) -> int:
        tag = await self._run("execute", sql, params)  # "INSERT 0 1", "UPDATE 3", "CREATE TABLE"
        count: str = tag.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        await self.execute("SAVEPOINT nested")
        already = len(self._after)
        try:
            yield
            await self.execute("RELEASE nested")
        except BaseException:
            del self._after[already:]
            await self.execute("ROLLBACK TO nested")
            await self.execute("RELEASE nested")
            raise

    async def begin(self, *, durable: bool) -> None:
        await self.execute(_BEGIN if durable else _BEGIN_NOT_DURABLE)

    async def commit(self) -> None:
        # PostgreSQL answers the COMMIT of a failed transaction with success, and rolls back.
        if await self._run("execute", "COMMIT", {}) != "COMMIT":
            raise RuntimeError(FAILED)

    async def roll_back(self) -> None:
        """Undo everything. When even that fails, the end of the connection makes the server do it."""
        if self._connection.is_closed():
            return
        try:
            await self._connection.execute("ROLLBACK", timeout=_STATEMENT)
        except _DRIVER:
            self._connection.terminate()
        except asyncio.CancelledError:
            self._connection.terminate()
            raise

    def end(self) -> None:
        self._over = True


class PostgreSQLDatabase(_PostgreSQLReader, Database):
    """See :meth:`Database.open`."""

    dialect: Literal["postgresql"] = "postgresql"

    def __init__(self, connections: Connections) -> None:
        super().__init__(RowMakers())
        self._connections = connections
        self._inside: set[asyncio.Task[Any] | None] = set()

    async def _acquire(self) -> Connection:
        try:
            return await self._connections.take()
        except _DRIVER as error:
            _raise(error, None)

    async def _run(self, method: str, sql: str, params: dict[str, Value]) -> Any:
        connection = await self._acquire()
        try:
            return await _call(connection, method, sql, params, _STATEMENT)
        except asyncio.CancelledError:
            connection.terminate()  # its answer is still to come, and nobody else's
            raise
        finally:
            self._connections.give_back(connection)

    def transaction(self, *, durable: bool = True) -> AbstractAsyncContextManager[Transaction]:
        return self._transaction(_STATEMENT, durable=durable)

    @asynccontextmanager
    async def migration(self) -> AsyncIterator[Transaction]:
        async with self._transaction(_MIGRATION) as tx:
            await tx.fetch_value("SELECT CAST(pg_advisory_xact_lock(:number) AS TEXT)", number=_MIGRATION_LOCK)
            yield tx

    @asynccontextmanager
    async def _transaction(self, limit: float, *, durable: bool = True) -> AsyncIterator[_PostgreSQLTransaction]:
        task = asyncio.current_task()
        if task in self._inside:
            raise RuntimeError(NESTED)
        connection = await self._acquire()
        tx = _PostgreSQLTransaction(connection, self._makers, limit)
        self._inside.add(task)
        try:
            await tx.begin(durable=durable)
            yield tx
            await tx.commit()
        except BaseException:
            await tx.roll_back()
            raise
        finally:
            self._inside.discard(task)
            tx.end()
            self._connections.give_back(connection)
        await tx.finish()

    def state(self) -> None:
        return None

    async def revisions(self, *topics: str) -> tuple[int, ...]:
        rows = await self.fetch_all(_Revision, "SELECT topic, value FROM revisions")
        found = {row.topic: row.value for row in rows}
        return tuple(found[topic] for topic in topics)

    async def close(self) -> None:
        await self._connections.close()


async def open_postgresql(url: str, pool_size: int) -> PostgreSQLDatabase:
    """As :meth:`Database.open`."""
    connections = Connections(url, pool_size)
    try:
        connections.give_back(await connections.take())
    except _WRONG_SETTINGS as error:
        raise ConfigurationError([f"PostgreSQL can not be used: {error}"]) from error
    except _DRIVER as error:
        _raise(error, None)
    return PostgreSQLDatabase(connections)
