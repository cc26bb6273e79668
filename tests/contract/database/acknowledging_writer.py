"""Stores roles in the database of the URL given, 32 at a time, and prints each name when it has been acknowledged."""

from __future__ import annotations

import asyncio
import itertools
import sys

from ostiary.database import Database
from tests.contract.database.samples import store_role


async def main(url: str) -> None:
    db = await Database.open(url)
    numbers = itertools.count()

    async def write() -> None:
        for number in numbers:
            await store_role(db, f"{number:06}")
            sys.stdout.write(f"{number:06}\n")
            sys.stdout.flush()

    await asyncio.gather(*(write() for _ in range(32)))


asyncio.run(main(sys.argv[1]))
