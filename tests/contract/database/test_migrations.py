from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ostiary.database import Database, MigrationStatus, migrate, pending, status
from ostiary.errors import ConfigurationError
from tests.support.time import ManualClock

TWO = {
    "0001_first.sql": "CREATE TABLE first (a INTEGER, b TEXT) STRICT; -- one; two\n"
    "INSERT INTO first VALUES (1, 'x;y');",
    "0002_second.sql": "CREATE TABLE second (a BLOB) STRICT",
}
MIGRATE = """
import asyncio, sys
from ostiary.database import Database, migrate

async def main():
    db = await Database.open(sys.argv[1])
    sys.stdin.readline()
    print(len(await migrate(db)))
    await db.close()

print("ready", flush=True)
asyncio.run(main())
"""


@pytest.fixture
async def empty(empty_database_url: str) -> AsyncIterator[Database]:
    """An open database in which nothing has been migrated."""
    db = await Database.open(empty_database_url)
    yield db
    await db.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir()
    for name, text in TWO.items():
        (folder / name).write_text(text)
    (folder / "README.md").write_text("No migration.")
    return folder


async def test_every_missing_migration_is_applied_once_in_order(
    empty: Database, folder: Path, clock: ManualClock
) -> None:
    done = [MigrationStatus(1, "first", clock()), MigrationStatus(2, "second", clock())]
    assert await pending(empty, folder=folder) == [
        MigrationStatus(1, "first", None),
        MigrationStatus(2, "second", None),
    ]
    assert await migrate(empty, clock, folder=folder) == done
    clock.advance(1)
    assert await migrate(empty, clock, folder=folder) == []
    assert await status(empty, folder=folder) == done
    assert await pending(empty, folder=folder) == []
    assert await empty.fetch_value("SELECT b FROM first") == "x;y"


async def test_a_later_migration_is_applied_to_a_database_in_use(
    empty: Database, folder: Path, clock: ManualClock
) -> None:
    await migrate(empty, clock, folder=folder)
    (folder / "0003_third.sql").write_text("ALTER TABLE first ADD COLUMN c INTEGER;")
    assert await migrate(empty, clock, folder=folder) == [MigrationStatus(3, "third", clock())]
    assert await empty.fetch_value("SELECT COUNT(c) FROM first") == 0


async def test_a_migration_that_fails_leaves_nothing_of_itself(
    empty: Database, folder: Path, clock: ManualClock
) -> None:
    (folder / "0002_second.sql").write_text("CREATE TABLE second (a INTEGER); INSERT INTO nowhere VALUES (1);")
    with pytest.raises(Exception, match="nowhere"):
        await migrate(empty, clock, folder=folder)
    assert [step.number for step in await pending(empty, folder=folder)] == [2]
    (folder / "0002_second.sql").write_text(TWO["0002_second.sql"])
    assert [step.number for step in await migrate(empty, clock, folder=folder)] == [2]


async def test_a_file_that_was_changed_after_it_was_applied_is_named(
    empty: Database, folder: Path, clock: ManualClock
) -> None:
    await migrate(empty, clock, folder=folder)
    (folder / "0002_second.sql").write_text("CREATE TABLE second (a INTEGER) STRICT;")
    for question in (migrate(empty, clock, folder=folder), status(empty, folder=folder)):
        with pytest.raises(ConfigurationError, match=r"0002_second\.sql was changed"):
            await question


async def test_a_database_newer_than_the_code_is_refused(empty: Database, folder: Path, clock: ManualClock) -> None:
    await migrate(empty, clock, folder=folder)
    (folder / "0002_second.sql").unlink()
    for question in (migrate(empty, clock, folder=folder), pending(empty, folder=folder)):
        with pytest.raises(ConfigurationError, match=r"newer.*0002_second\.sql"):
            await question


async def test_of_processes_that_migrate_at_once_exactly_one_does(empty: Database, empty_database_url: str) -> None:
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", MIGRATE, empty_database_url, stdin=pipe, stdout=pipe)
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        await process.stdout.readline()
    outputs = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [process.returncode for process in processes] == [0] * 4
    assert sum(int(output) for output, _ in outputs) == len(await status(empty))
    assert await pending(empty) == []
