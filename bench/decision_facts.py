"""Facts in bulk, for the questions about decisions: rows by the driver into a database that has been migrated."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

from bench.installation import open_in, settings_in
from ostiary.authorization.authorizer import Authorizer
from ostiary.base.clock import system_clock
from ostiary.database import Database

SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
MODEL = """
types:
  folder:
    relations:
      viewer: [user, group#member]
    permissions:
      read: viewer
  document:
    relations:
      folder: [folder]
      owner: [user]
    permissions:
      read: owner or folder.read
"""


def account_id(number: int) -> str:
    return f"acc_{number:026d}"


@contextlib.asynccontextmanager
async def authorizer_in(folder: Path, *, remembered: int = 1) -> AsyncIterator[Authorizer]:
    """Whoever decides over the database in ``folder``; by default the next subject pushes out what was read of one."""
    db = await Database.open(settings_in(folder).database.url)
    try:
        yield Authorizer(db, system_clock, remembered=remembered)
    finally:
        await db.close()


def database_in(folder: Path) -> Path:
    """The file of the installations that :mod:`bench.installation` makes."""
    return folder / "bench.db"


async def migrate(folder: Path) -> None:
    """Make the database."""
    await (await open_in(folder)).close()


@contextlib.contextmanager
def filling(database: Path) -> Iterator[sqlite3.Connection]:
    """A connection whose rows are all there in the end, in one transaction that no disk is waited for."""
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -200000")
    connection.execute("BEGIN")
    yield connection
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def add_accounts(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    connection.executemany(
        "INSERT INTO accounts (id, kind, status, name, created_at, updated_at) VALUES (?, 'user', 'active', '', 0, 0)",
        ((account_id(number),) for number in numbers),
    )


def add_roles(connection: sqlite3.Connection, roles: int) -> None:
    """``roles`` roles, ``role7`` holding ``type7.read``, ``type7.write`` and ``type7.delete``."""
    connection.executemany(
        "INSERT INTO roles (name, description, builtin, created_at, updated_at) VALUES (?, '', 0, 0, 0)",
        ((f"role{number}",) for number in range(roles)),
    )
    connection.executemany(
        "INSERT INTO role_permissions (role, permission) VALUES (?, ?)",
        (
            (f"role{number}", f"type{number}.{action}")
            for number in range(roles)
            for action in ("read", "write", "delete")
        ),
    )


def add_assignments(connection: sqlite3.Connection, assignments: Iterable[tuple[int, int]]) -> None:
    """Pairs of an account's number and a role's, everywhere."""
    connection.executemany(
        "INSERT INTO role_assignments (id, account_id, role, resource_type, resource_id, created_at)"
        " VALUES (?, ?, ?, '', '', 0)",
        ((f"asg_{account}_{role}", account_id(account), f"role{role}") for account, role in assignments),
    )


def add_relations(connection: sqlite3.Connection, tuples: Iterable[tuple[str, str, str]]) -> None:
    """Tuples by their stored keys: object, relation, subject."""
    connection.executemany("INSERT INTO relations (object, relation, subject, created_at) VALUES (?, ?, ?, 0)", tuples)


def add_model(connection: sqlite3.Connection) -> None:
    """:data:`MODEL`, which applies from then on."""
    connection.execute(
        "INSERT INTO authorization_models (name, version, text, applied_at) VALUES ('', 1, ?, 0)", (MODEL,)
    )
