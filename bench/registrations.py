"""How many durable registrations a second, 32 in parallel, with the password hash left out?

Baseline: the same with ``synchronous=NORMAL``, which acknowledges what a power cut can take away.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import uvloop

from bench.figures import in_turn_async, line
from bench.installation import settings_in
from ostiary.app import Ostiary
from ostiary.authentication import RegistrationRequest
from ostiary.credentials import Passwords
from ostiary.database import migrate
from ostiary.database.sqlite import open_sqlite

PARALLEL = 32
EACH = 40
ROUNDS = 7


async def main() -> None:
    with tempfile.TemporaryDirectory() as full, tempfile.TemporaryDirectory() as normal:
        durable = await _open(Path(full), "FULL")
        careless = await _open(Path(normal), "NORMAL")
        ours, baseline, ratio = await in_turn_async(lambda: _rate(durable), lambda: _rate(careless), ROUNDS)
        await durable.close()
        await careless.close()
    line(
        "registrations, 32 in parallel, durable",
        f"{ours:,.0f}/s",
        f"synchronous=NORMAL {baseline:,.0f}/s",
        ratio,
        "at least 0.80 x",
        ratio >= 0.8,
    )


_numbers = itertools.count()


async def _rate(ostiary: Ostiary) -> float:
    start = time.perf_counter()
    await asyncio.gather(*(_register(ostiary) for _ in range(PARALLEL)))
    return PARALLEL * EACH / (time.perf_counter() - start)


async def _register(ostiary: Ostiary) -> None:
    for _ in range(EACH):
        request = RegistrationRequest(f"person{next(_numbers)}@example.com", "left out")
        await ostiary.use.registration(ostiary.operator(), request)


async def _open(folder: Path, synchronous: Literal["FULL", "NORMAL"]) -> Ostiary:
    settings = settings_in(folder)
    db = await open_sqlite(settings.database.url, synchronous=synchronous)
    await migrate(db)
    ostiary = await Ostiary.over(db, settings)
    ostiary.use.registration._passwords = _Unhashed()
    return ostiary


class _Unhashed(Passwords):
    def __init__(self) -> None:
        """It needs nothing of what passwords need."""

    async def new(self, password: str, own_words: Iterable[str | None]) -> str:
        return "left out"


if __name__ == "__main__":
    uvloop.run(main())
