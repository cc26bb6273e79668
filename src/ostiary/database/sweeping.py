"""Deletes what has expired, in small bites, so that nobody waits for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from ostiary.database.face import Database, Transaction

_BITE = 500
"""What a sweep deletes at most; one that deletes fewer is through."""

Sweep = Callable[[Transaction, int], Awaitable[int]]
"""Deletes a bite of what has expired by now (milliseconds); returns how many rows went."""


class Sweeper:
    """One pass over everything that expires."""

    def __init__(self, db: Database, sweeps: Sequence[Sweep], due: Callable[[int], Awaitable[int]]) -> None:
        """``due``: carries out what was put off until now; returns how much."""
        self._db = db
        self._sweeps = sweeps
        self._due = due

    async def __call__(self, now: int) -> int:
        """Returns how many rows went."""
        swept = await self._due(now)
        for sweep in self._sweeps:
            gone = _BITE
            while gone >= _BITE:
                async with self._db.transaction() as tx:
                    gone = await sweep(tx, now)
                swept += gone
        return swept
