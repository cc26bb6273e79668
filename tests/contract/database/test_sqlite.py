"""What only SQLite has: group commit, files, other processes with locks."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ostiary.database import Database, UniqueViolation, migrate
from ostiary.database import sqlite as module
from ostiary.database.sqlite import SQLiteDatabase, open_sqlite
from ostiary.errors import ConfigurationError, Unavailable
from tests.contract.database.samples import add_role, added_roles, store_role

LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
"""


@pytest.fixture
async def db(empty_sqlite_url: str) -> AsyncIterator[SQLiteDatabase]:
    """A migrated SQLite database."""
    opened = await open_sqlite(empty_sqlite_url)
    await migrate(opened)
    yield opened
    await opened.close()


@pytest.fixture
def file(empty_sqlite_url: str) -> Path:
    """Where ``db`` is."""
    return Path(empty_sqlite_url.removeprefix("sqlite:///"))


def commits(db: SQLiteDatabase) -> list[str]:
    """A list that every commit from now on is added to."""
    seen: list[str] = []
    db._writer.set_trace_callback(lambda sql: seen.append(sql) if sql == "COMMIT" else None)
    return seen


async def violate_at_commit(db: SQLiteDatabase, name: str) -> None:
    async with db.transaction() as tx:
        await add_role(tx, name)
        await tx.execute("INSERT INTO late (role) VALUES ('nobody')")


@pytest.fixture
async def _late(db: SQLiteDatabase) -> None:
    """A table whose foreign key is checked only by the commit, and so can make one fail."""
    async with db.transaction() as tx:
        await tx.execute("CREATE TABLE late (role TEXT REFERENCES roles (name) DEFERRABLE INITIALLY DEFERRED)")


async def test_parallel_transactions_share_a_commit(db: SQLiteDatabase) -> None:
    seen = commits(db)
    await asyncio.gather(*(store_role(db, f"{n:03}") for n in range(500)))
    assert len(seen) <= 3
    assert len(await added_roles(db)) == 500


async def test_transactions_that_arrive_during_a_commit_share_the_next_one(db: SQLiteDatabase) -> None:
    seen = commits(db)

    async def store_many(worker: int) -> None:
        for n in range(20):
            await store_role(db, f"{worker:02}{n:02}")

    await asyncio.gather(*map(store_many, range(32)))
    assert len(await added_roles(db)) == 640
    assert 20 <= len(seen) <= 100


async def test_one_transaction_alone_is_committed_before_it_returns(db: SQLiteDatabase, file: Path) -> None:
    await store_role(db, "a")
    with sqlite3.connect(file) as other:
        assert other.execute("SELECT COUNT(*) FROM roles WHERE name = 'a'").fetchone() == (1,)
    other.close()


async def test_every_commit_reaches_the_disk(db: SQLiteDatabase) -> None:
    assert db._writer.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert db._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.usefixtures("_late")
async def test_when_the_commit_fails_nobody_in_the_batch_is_told_that_it_worked(db: SQLiteDatabase) -> None:
    results = await asyncio.gather(
        store_role(db, "a"), violate_at_commit(db, "b"), store_role(db, "c"), return_exceptions=True
    )
    assert [type(result) for result in results] == [Unavailable] * 3
    assert await added_roles(db) == []
    await store_role(db, "d")
    assert await added_roles(db) == ["d"]


@pytest.mark.usefixtures("_late")
async def test_an_error_that_rests_on_what_was_never_committed_is_not_told(db: SQLiteDatabase) -> None:
    results = await asyncio.gather(violate_at_commit(db, "a"), store_role(db, "a"), return_exceptions=True)
    assert not isinstance(results[1], UniqueViolation)
    assert isinstance(results[1], Unavailable)


async def test_when_sqlite_itself_rolls_back_the_batch_all_of_it_is_unavailable(db: SQLiteDatabase) -> None:
    async def roll_back_everything() -> None:
        async with db.transaction() as tx:
            with pytest.raises(UniqueViolation):
                async with tx.savepoint():
                    await tx.execute("INSERT OR ROLLBACK INTO role_permissions VALUES ('administrator', 'ostiary.*')")
            await add_role(tx, "outside of any transaction")

    results = await asyncio.gather(
        store_role(db, "a"), roll_back_everything(), store_role(db, "b"), return_exceptions=True
    )
    assert [type(result) for result in results] == [Unavailable, Unavailable, type(None)]
    assert await added_roles(db) == ["b"]


async def test_cancelling_every_other_task_of_the_loop_strands_no_transaction(db: SQLiteDatabase) -> None:
    mine = asyncio.all_tasks()
    for round_ in range(5):
        writers = [asyncio.create_task(store_role(db, f"{round_}{n}")) for n in range(5)]
        for _ in range(round_):
            await asyncio.sleep(0)
        for task in asyncio.all_tasks() - mine - set(writers):
            task.cancel()
        async with asyncio.timeout(5):
            await asyncio.gather(*writers)
    assert len(await added_roles(db)) == 25


async def test_closing_waits_for_what_is_being_written(db: SQLiteDatabase, empty_sqlite_url: str) -> None:
    writers = [asyncio.create_task(store_role(db, f"{n:02}")) for n in range(20)]
    await asyncio.sleep(0)
    await db.close()
    await asyncio.gather(*writers)
    other = await Database.open(empty_sqlite_url)
    assert len(await added_roles(other)) == 20
    await other.close()


async def test_waiting_for_a_process_that_writes_blocks_nothing_and_ends(
    db: SQLiteDatabase, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = asyncio.subprocess.PIPE
    locker = await asyncio.create_subprocess_exec(sys.executable, "-c", LOCK, str(file), stdin=pipe, stdout=pipe)
    assert locker.stdout is not None
    await locker.stdout.readline()

    monkeypatch.setattr(module, "_PATIENCE", 0.3)
    loop = asyncio.get_running_loop()
    started = loop.time()
    writers = asyncio.gather(*(store_role(db, str(n)) for n in range(10)), return_exceptions=True)
    longest = 0.0
    while not writers.done():
        before = loop.time()
        assert await added_roles(db) == []
        await asyncio.sleep(0.001)
        longest = max(longest, loop.time() - before)
    assert [type(result) for result in await writers] == [Unavailable] * 10
    assert 0.3 <= loop.time() - started < 2
    assert longest < 0.2

    monkeypatch.undo()
    waiting = asyncio.create_task(store_role(db, "after"))
    await asyncio.sleep(0)
    await locker.communicate(b"release\n")
    await waiting
    assert await added_roles(db) == ["after"]


async def test_what_was_acknowledged_survives_sigkill(db: SQLiteDatabase, file: Path, empty_sqlite_url: str) -> None:
    writer = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.contract.database.acknowledging_writer",
        empty_sqlite_url,
        stdout=asyncio.subprocess.PIPE,
    )
    assert writer.stdout is not None
    acknowledged = [(await writer.stdout.readline()).decode().strip() for _ in range(300)]
    writer.kill()
    rest, _ = await writer.communicate()
    acknowledged += [line.decode() for line in rest.splitlines() if len(line) == 6]

    assert set(acknowledged) <= set(await added_roles(db))
    with sqlite3.connect(file) as other:
        assert other.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    other.close()
    await store_role(db, "afterwards")


async def test_nobody_else_can_read_the_files(db: SQLiteDatabase, file: Path) -> None:
    await store_role(db, "a")
    files = sorted(file.parent.glob(file.name + "*"))
    assert [found.name for found in files] == [file.name + end for end in ("", "-shm", "-wal")]
    assert [stat.S_IMODE(found.stat().st_mode) for found in files] == [0o600] * 3


async def test_a_relative_path_starts_at_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    await (await Database.open("sqlite:///here.db")).close()
    assert (tmp_path / "here.db").is_file()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:x.db", "mysql://x", ""])
async def test_a_url_of_no_known_form_is_a_fault_of_the_configuration(url: str) -> None:
    with pytest.raises(ConfigurationError, match="URL"):
        await Database.open(url)


async def test_a_path_that_can_not_be_a_database_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("This is no database. " * 100)
    for path, reason in {"nowhere/x.db": "does not exist", ".": "not a file", "text": "not a database"}.items():
        with pytest.raises(ConfigurationError, match=reason):
            await Database.open(f"sqlite:///{tmp_path}/{path}")
