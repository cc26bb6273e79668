"""SQLite: reads on one connection in the event loop, writes on another with group commit.

A transaction costs microseconds, a durable commit waits for the disk. So transactions run one after another, each in
a savepoint of its own, inside one SQLite transaction, the *batch*; then one ``COMMIT`` with its fsync makes all of them
durable. It runs in a thread, and those who come meanwhile make the next batch. Nobody gets an answer before the commit
of its batch, not even an error: that may rest on what another transaction of the batch has done.

Everything hangs on one queue, the *turn*. The first transaction of a batch sends the committer to its end: whoever is
waiting then gets into the batch, whoever comes later does not, so no batch grows without end.

A transaction that need not be durable joins a batch that has begun. Where none has, it is one by itself and committed
at once, without the disk and so without the thread: a fraction of the cost.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Literal, NoReturn

from ostiary.database.errors import FAILED, NESTED, OVER, ForeignKeyViolation, UniqueViolation
from ostiary.database.face import Database, R, Reader, Transaction, Value
from ostiary.database.rows import RowMakers
from ostiary.errors import ConfigurationError, Unavailable

_PATIENCE = 5.0  # seconds to wait for another process that is writing
_CACHE = 16_384  # KiB that reads may keep of the file: the upper part of every index, of a million sessions too
_LONGEST_PAUSE = 0.02  # seconds between two tries
_CHECKPOINT_AT = 1000  # pages in the write-ahead log
_UNIQUE = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_ROWID,
}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_OUT_OF_ORDER = {
    *_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
}


def _primary_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _raise(error: sqlite3.Error) -> NoReturn:
    """Raise what the rest of the house knows it by; a mistake in the SQL stays what it is."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if code in _UNIQUE:
        raise UniqueViolation from error
    if code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
        raise ForeignKeyViolation from error
    if _primary_code(error) in _OUT_OF_ORDER:
        raise Unavailable(retry_after=1) from error
    raise error


class _SQLiteReader(Reader):
    def __init__(self, connection: sqlite3.Connection, makers: RowMakers) -> None:
        self._connection = connection
        self._makers = makers

    def _run(self, sql: str, params: dict[str, Value]) -> sqlite3.Cursor:
        try:
            return self._connection.execute(sql, params)
        except sqlite3.Error as error:
            _raise(error)

    async def fetch_one(self, row: type[R], sql: str, /, **params: Value) -> R | None:
        cursor = self._run(sql, params)
        values = cursor.fetchone()
        return None if values is None else self._makers.get(row, sql, lambda: _columns(cursor))(values)

    async def fetch_all(self, row: type[R], sql: str, /, **params: Value) -> list[R]:
        cursor = self._run(sql, params)
        return list(map(self._makers.get(row, sql, lambda: _columns(cursor)), cursor.fetchall()))

    async def fetch_tuple(self, sql: str, /, **params: Value) -> tuple[Value, ...] | None:
        values: tuple[Value, ...] | None = self._run(sql, params).fetchone()
        return values

    async def fetch_value(self, sql: str, /, **params: Value) -> Any:
        values = self._run(sql, params).fetchone()
        return None if values is None else values[0]


def _columns(cursor: sqlite3.Cursor) -> list[str]:
    return [column[0] for column in cursor.description]


class _SQLiteTransaction(_SQLiteReader, Transaction):
    """One transaction of a batch. ``over`` and ``failed`` say why no statement is taken any more."""

    def __init__(self, connection: sqlite3.Connection, makers: RowMakers) -> None:
        _SQLiteReader.__init__(self, connection, makers)
        Transaction.__init__(self)
        self._failed = False
        self._over = False

    def _run(self, sql: str, params: dict[str, Value]) -> sqlite3.Cursor:
        if self._over:
            raise RuntimeError(OVER)
        if self._failed:
            raise RuntimeError(FAILED)
        try:
            return super()._run(sql, params)
        except Exception:
            self._failed = True
            raise

    async def execute(self, sql: str, /, **params: Value) -> int:
        return max(self._run(sql, params).rowcount, 0)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        self._run("SAVEPOINT nested", {})
        already = len(self._after)
        try:
            yield
            self._run("RELEASE nested", {})
        except BaseException:
            del self._after[already:]
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        try:
            self._connection.execute("ROLLBACK TO nested")
            self._connection.execute("RELEASE nested")
            self._failed = False
        except sqlite3.Error:
            # A full disk, for one, has made SQLite roll back everything already, and the savepoint is gone.
            self._failed = True
            self._connection.rollback()

    def end(self) -> None:
        self._over = True


class _Batch:
    """The transactions that share one commit."""

    def __init__(self, *, durable: bool) -> None:
        self.durable = durable
        self._finished = asyncio.Event()
        self._failure: BaseException | None = None

    def finish(self, failure: BaseException | None) -> None:
        self._failure = failure
        self._finished.set()

    def is_finished(self) -> bool:
        return self._finished.is_set()

    async def wait(self) -> None:
        """Return when the batch is durable. Unavailable: it is not, and nothing of it has happened."""
        await self._finished.wait()
        if self._failure is not None:
            raise Unavailable(retry_after=1) from self._failure


class SQLiteDatabase(_SQLiteReader, Database):
    """See :meth:`Database.open`."""

    dialect: Literal["sqlite"] = "sqlite"
    joined = False
    """Whether connections of this process that are not ours commit, too, within a turn of the event loop."""

    def __init__(self, reader: sqlite3.Connection, writer: sqlite3.Connection, synchronous: str) -> None:
        super().__init__(reader, RowMakers())
        self._writer = writer
        self._synchronous = synchronous
        self._syncs: bool | None = None
        self._thread = ThreadPoolExecutor(1, "ostiary-commit")
        self._turn = asyncio.Lock()  # first come, first served
        self._inside: asyncio.Task[Any] | None = None
        self._batch: _Batch | None = None
        self._committer: asyncio.Task[None] | None = None
        self._state: int | None = None
        self._data_version = -1
        self._revisions: dict[str, int] = {}

    @asynccontextmanager
    async def transaction(self, *, durable: bool = True) -> AsyncIterator[Transaction]:
        task = asyncio.current_task()
        if self._inside is not None and self._inside is task:
            raise RuntimeError(NESTED)
        give_up_at = asyncio.get_running_loop().time() + _PATIENCE
        failure: Exception | None = None
        async with self._turn:
            batch = self._batch or await self._begin(give_up_at, durable=durable)
            tx = _SQLiteTransaction(self._writer, self._makers)
            self._inside = task
            try:
                async with tx.savepoint():
                    yield tx
            except Exception as error:  # noqa: BLE001 - raised below, when what it rests on is durable
                failure = error
            finally:
                self._inside = None
                tx.end()
                if not self._writer.in_transaction:
                    self._finish(batch, failure or RuntimeError("SQLite rolled back the batch"))
                elif not batch.durable:
                    self._commit_at_once(batch)
        await batch.wait()
        if failure is not None:
            raise failure
        await tx.finish()

    def migration(self) -> AbstractAsyncContextManager[Transaction]:
        return self.transaction()

    async def _begin(self, give_up_at: float, *, durable: bool) -> _Batch:
        """Begin a batch; called with the turn. Waits for another process without blocking the loop."""
        loop = asyncio.get_running_loop()
        self._sync(durable=durable)
        pause = 0.001
        while True:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                break
            except sqlite3.Error as error:
                if _primary_code(error) not in _BUSY or loop.time() >= give_up_at:
                    _raise(error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        self._batch = _Batch(durable=durable)
        if durable:
            self._send_committer(self._batch)
        return self._batch

    def _sync(self, *, durable: bool) -> None:
        """Have the next commits wait for the disk, or not. A checkpoint waits for it in any case."""
        if durable is not self._syncs:
            self._writer.execute(f"PRAGMA synchronous = {self._synchronous if durable else 'NORMAL'}")
            self._writer.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_AT if durable else 0}")
            self._syncs = durable

    def _commit_at_once(self, batch: _Batch) -> None:
        try:
            self._writer.execute("COMMIT")
        except sqlite3.Error as failure:
            self._close(batch, failure)
        else:
            self._close(batch, None)

    def _send_committer(self, batch: _Batch) -> None:
        def again(committer: asyncio.Task[None]) -> None:
            # Whoever cancels every task of the loop must not strand the transactions that wait for this commit.
            if committer.cancelled():
                self._send_committer(batch)

        self._committer = asyncio.create_task(self._commit(batch))
        self._committer.add_done_callback(again)

    async def _commit(self, batch: _Batch) -> None:
        """Take the turn and start the commit; its end, :meth:`_committed`, gives the turn back."""
        await self._turn.acquire()
        if batch.is_finished():
            self._turn.release()
            return
        commit = asyncio.get_running_loop().run_in_executor(self._thread, self._writer.execute, "COMMIT")
        commit.add_done_callback(lambda done: self._committed(batch, done.exception()))

    def _committed(self, batch: _Batch, failure: BaseException | None) -> None:
        self._close(batch, failure)
        self._turn.release()

    def _close(self, batch: _Batch, failure: BaseException | None) -> None:
        if failure is not None:
            with suppress(sqlite3.Error):
                self._writer.rollback()
        self._finish(batch, failure)

    def _finish(self, batch: _Batch, failure: BaseException | None) -> None:
        self._state = None
        self._batch = None
        batch.finish(failure)

    def state(self) -> int:
        # The data version changes with every commit of another connection, our own writer's among them. It is asked
        # once in a turn of the event loop: who tells us of another process's commit does so through a socket, which
        # is read in the turn after. Our own commits are known of here; those that are not, see `joined`.
        state = self._state
        if state is None or SQLiteDatabase.joined:
            state = self._state = self._run("PRAGMA data_version", {}).fetchone()[0]
            asyncio.get_running_loop().call_soon(self._forget_state)
        return state

    def _forget_state(self) -> None:
        self._state = None

    async def revisions(self, *topics: str) -> tuple[int, ...]:
        version = self.state()
        if version != self._data_version:
            self._revisions = dict(self._run("SELECT topic, value FROM revisions", {}).fetchall())
            self._data_version = version
        return tuple([self._revisions[topic] for topic in topics])

    async def close(self) -> None:
        while self._batch is not None:
            with suppress(Unavailable):
                await self._batch.wait()
        async with self._turn:
            self._connection.close()
            self._writer.close()
            self._thread.shutdown()


async def open_sqlite(url: str, *, synchronous: Literal["FULL", "NORMAL"] = "FULL") -> SQLiteDatabase:
    """As :meth:`Database.open`. ``synchronous="NORMAL"`` gives up durability; it is there to be measured against."""
    path = _path(url)
    give_up_at = asyncio.get_running_loop().time() + _PATIENCE
    while True:
        try:
            return _connect(path, synchronous)
        except sqlite3.Error as error:
            if _primary_code(error) not in _BUSY:
                raise ConfigurationError([f"{path} can not be used as an SQLite database: {error}"]) from error
            if asyncio.get_running_loop().time() >= give_up_at:
                raise Unavailable(retry_after=1) from error
        await asyncio.sleep(_LONGEST_PAUSE)


def _path(url: str) -> Path:
    if sqlite3.sqlite_version_info < (3, 37):
        raise ConfigurationError([f"SQLite 3.37 or newer is needed, this Python has {sqlite3.sqlite_version}"])
    text = url.removeprefix("sqlite:///")
    if text in (url, "", ":memory:"):
        raise ConfigurationError(["an SQLite URL is sqlite:///relative/path or sqlite:////absolute/path"])
    path = Path(text)
    if not path.parent.is_dir():
        raise ConfigurationError([f"the folder {path.parent} for the database does not exist; make it first"])
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ConfigurationError([f"the folder {path.parent} for the database is not writable"])
    if path.exists() and not (path.is_file() and os.access(path, os.R_OK | os.W_OK)):
        raise ConfigurationError([f"the database {path} is not a file that can be read and written"])
    return path


def _connect(path: Path, synchronous: str) -> SQLiteDatabase:
    # SQLite gives its own files (-wal, -shm) the mode of this one. An existing one must not be opened here: closing
    # it would drop the locks of every connection that this process has to it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    writer = _connection(path)
    try:
        if writer.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
            raise ConfigurationError([f"the file system of {path} does not support SQLite's write-ahead log"])
        writer.execute("PRAGMA foreign_keys = ON")
        reader = _connection(path)
        reader.execute("PRAGMA query_only = ON")
        reader.execute(f"PRAGMA cache_size = -{_CACHE}")
    except BaseException:
        writer.close()
        raise
    return SQLiteDatabase(reader, writer, synchronous)


def _connection(path: Path) -> sqlite3.Connection:
    # No waiting inside SQLite: it would block the event loop. The threads take turns, so the check may be off.
    return sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=512)
