"""SQLite databases that have been migrated: once in a process, and copied for each test that wants one."""

from __future__ import annotations

import asyncio
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from ostiary.database import Database, migrate
from tests.support.services import MIGRATED_AT


def new_sqlite(file: Path) -> str:
    """Make a database in which every migration has been applied, and nothing else done; its URL."""
    file.touch(0o600, exist_ok=False)
    file.write_bytes(_migrated())
    return f"sqlite:///{file}"


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as thread:
        file = Path(folder) / "migrated.db"
        thread.submit(lambda: asyncio.run(_migrate(file))).result()  # the loop of a test may be running here
        return file.read_bytes()


async def _migrate(file: Path) -> None:
    db = await Database.open(f"sqlite:///{file}")
    await migrate(db, lambda: MIGRATED_AT)
    await db.close()
