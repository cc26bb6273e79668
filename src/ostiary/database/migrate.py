"""Numbered migrations, ``migrations/NNNN_name.sql``: each in one transaction, in order, by exactly one process.

They are written in SQLite's types and translated for PostgreSQL. What has been applied is remembered with its
checksum: a file that was edited afterwards means that this database is not what the code believes it to be.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec

from ostiary.base.clock import Clock, system_clock
from ostiary.database.face import Database, Reader, Transaction
from ostiary.database.statements import for_postgresql
from ostiary.errors import ConfigurationError

MIGRATIONS: Traversable = files("ostiary.database") / "migrations"
_FILE_NAME = re.compile(r"(\d{4})_(\w+)\.sql")
_TABLE = """CREATE TABLE IF NOT EXISTS migrations (
    number INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT"""
_TABLE_EXISTS = {
    "sqlite": "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'migrations'",
    "postgresql": "SELECT to_regclass('migrations') IS NOT NULL",
}


class MigrationStatus(msgspec.Struct, frozen=True):
    number: int
    name: str
    applied_at: int | None
    """Milliseconds since the epoch; ``None``: not yet."""


class _Migration(msgspec.Struct, frozen=True):
    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


class _Applied(msgspec.Struct, frozen=True):
    number: int
    name: str
    checksum: str
    applied_at: int


async def migrate(
    db: Database, clock: Clock = system_clock, *, folder: Traversable = MIGRATIONS
) -> list[MigrationStatus]:
    """Apply what is missing and return it, in order; two processes may call this at once.

    Raises:
        ConfigurationError: an applied file has changed, or the database is newer than this code.
    """
    known = _read(folder)
    done = []
    while (step := await _apply_next(db, clock, known)) is not None:
        done.append(step)
    return done


async def status(db: Database, *, folder: Traversable = MIGRATIONS) -> list[MigrationStatus]:
    """Every migration of this code, in order. ConfigurationError: as in :func:`migrate`."""
    known = _read(folder)
    applied = await _applied(db, known) if await db.fetch_value(_TABLE_EXISTS[db.dialect]) else {}
    return [MigrationStatus(m.number, m.name, applied.get(m.number)) for m in known]


async def pending(db: Database, *, folder: Traversable = MIGRATIONS) -> list[MigrationStatus]:
    """What :func:`migrate` would apply. ConfigurationError: as there."""
    return [step for step in await status(db, folder=folder) if step.applied_at is None]


async def require_migrated(db: Database) -> None:
    """Go on only with a database that is up to date. Raises ConfigurationError."""
    if missing := len(await pending(db)):
        behind = "1 migration" if missing == 1 else f"{missing} migrations"
        raise ConfigurationError([f"the database is {behind} behind: run `ostiary migrate`, or serve with --migrate"])


async def _apply_next(db: Database, clock: Clock, known: list[_Migration]) -> MigrationStatus | None:
    async with db.migration() as tx:
        await _run(tx, db.dialect, _TABLE)
        applied = await _applied(tx, known)
        following = next((m for m in known if m.number not in applied), None)
        if following is None:
            return None
        await _run(tx, db.dialect, following.text)
        now = clock()
        await tx.execute(
            "INSERT INTO migrations (number, name, checksum, applied_at) VALUES (:number, :name, :checksum, :now)",
            number=following.number,
            name=following.name,
            checksum=following.checksum,
            now=now,
        )
        return MigrationStatus(following.number, following.name, now)


async def _run(tx: Transaction, dialect: str, script: str) -> None:
    for statement in _split(for_postgresql(script) if dialect == "postgresql" else script):
        await tx.execute(statement)


async def _applied(reader: Reader, known: list[_Migration]) -> dict[int, int]:
    """The time each migration was applied at, by number."""
    rows = await reader.fetch_all(_Applied, "SELECT number, name, checksum, applied_at FROM migrations ORDER BY number")
    checksums = {m.number: m.checksum for m in known}
    faults = []
    for row in rows:
        file = f"{row.number:04}_{row.name}.sql"
        if row.number not in checksums:
            faults.append(f"the database is newer than this version of Ostiary: it has the migration {file}")
        elif row.checksum != checksums[row.number]:
            faults.append(f"the migration {file} was changed after it had been applied to this database")
    if faults:
        raise ConfigurationError(faults)
    return {row.number: row.applied_at for row in rows}


def _read(folder: Traversable) -> list[_Migration]:
    named = ((_FILE_NAME.fullmatch(file.name), file) for file in folder.iterdir())
    migrations = [_Migration(int(name[1]), name[2], file.read_text(encoding="utf-8")) for name, file in named if name]
    return sorted(migrations, key=lambda m: m.number)


def _split(script: str) -> Iterator[str]:
    """The statements of a script; a semicolon in a literal, a comment or a trigger's body ends none."""
    *pieces, rest = script.split(";")
    statement = ""
    for piece in pieces:
        statement += piece + ";"
        if sqlite3.complete_statement(statement):
            yield statement.strip()
            statement = ""
    if rest := (statement + rest).strip():
        yield rest
