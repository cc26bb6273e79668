"""How many accounts a minute does an import make on SQLite, from a file of JSON Lines with bcrypt hashes?

Baseline: the rows of as many accounts, ready-made, by the driver's ``executemany`` into the same tables, in
transactions of the same size and durability.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
import tempfile
import time
from pathlib import Path

import uvloop

from bench.figures import in_turn_async, line
from bench.installation import open_in
from ostiary.accounts.import_row import ImportDefaults
from ostiary.accounts.importing import BATCH
from ostiary.app import Ostiary
from ostiary.base.ids import new_id
from ostiary.cli.accounts_import import read_lines
from ostiary.cli.import_file import ImportFile

EACH = 5_000
ROUNDS = 5
HASH = "$2b$12$" + "abcdefghijklmnopqrstuu" + "0123456789abcdefghijklmnopqrstu"

_numbers = itertools.count()


async def main() -> None:
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        ostiary = await open_in(Path(first))
        await (await open_in(Path(second))).close()
        plain = sqlite3.connect(Path(second) / "bench.db", isolation_level=None)
        plain.execute("PRAGMA synchronous = FULL")

        async def import_them() -> float:
            return await _import(ostiary, _write(Path(first)))

        async def insert_them() -> float:
            return _insert(plain)

        ours, baseline, ratio = await in_turn_async(import_them, insert_them, ROUNDS)
        plain.close()
        await ostiary.close()
    line(
        "accounts imported a minute, SQLite",
        f"{ours:,.0f}",
        f"rows ready-made, executemany {baseline:,.0f}",
        ratio,
        "at least 10,000",
        ours >= 10_000,
    )


async def _import(ostiary: Ostiary, file: Path) -> float:
    start = time.perf_counter()
    with ImportFile(file, "jsonl") as accounts:
        lines = read_lines(accounts, ImportDefaults(), ostiary.use.clock())
        done = await ostiary.use.account_import(ostiary.operator(), lines)
    if done.created != EACH:
        raise RuntimeError(f"{done.refused} lines were refused")
    return EACH / (time.perf_counter() - start) * 60


def _write(folder: Path) -> Path:
    file = folder / "people.jsonl"
    with file.open("w") as opened:
        for number in itertools.islice(_numbers, EACH):
            members = {
                "email": f"person{number}@example.com",
                "email_verified": True,
                "username": f"person-{number}",
                "name": f"Person {number}",
                "password_hash": HASH,
                "created_at": "2020-01-01T00:00:00Z",
            }
            opened.write(json.dumps(members) + "\n")
    return file


def _insert(plain: sqlite3.Connection) -> float:
    rows = [_row(number) for number in itertools.islice(_numbers, EACH)]
    start = time.perf_counter()
    for first in range(0, EACH, BATCH):
        some = rows[first : first + BATCH]
        plain.execute("BEGIN IMMEDIATE")
        plain.executemany(
            "INSERT INTO accounts (id, kind, status, email, email_key, email_verified_at, username, username_key, name,"
            " created_at, updated_at, import_mark) VALUES (?, 'user', 'active', ?, ?, 1, ?, ?, ?, 1, 1, ?)",
            some,
        )
        plain.executemany("INSERT INTO passwords VALUES (?, ?, 1)", [(row[0], "imported" + HASH) for row in some])
        plain.execute("COMMIT")
    return EACH / (time.perf_counter() - start) * 60


def _row(number: int) -> tuple[str | bytes, ...]:
    email, username = f"person{number}@example.com", f"person-{number}"
    return new_id("acc", 1), email, email, username, username, f"Person {number}", bytes(16)


if __name__ == "__main__":
    uvloop.run(main())
