"""Limits counted in the database: one conditional statement each, all that an event counts on in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ostiary.authentication.limits.model import Counted, Limits
from ostiary.database import Database, Reader, Transaction


class _OneTooMany(Exception):
    """Undoes a transaction."""

    def __init__(self, wait: int) -> None:
        super().__init__()
        self.wait = wait


class _Row(msgspec.Struct):
    key_hash: bytes


class SqlLimits(Limits):
    """See :class:`Limits`. What was counted last may be lost when the machine stops, so no count waits for the disk."""

    def __init__(self, db: Database, secret: bytes) -> None:
        super().__init__(secret)
        self._db = db

    async def _count(self, counted: Sequence[Counted], now: int) -> int:
        try:
            async with self._db.transaction(durable=False) as tx:
                longest = max([await self._wait(tx, each, now) for each in counted])
                if longest > 0:
                    raise _OneTooMany(longest)  # so none of them is counted
        except _OneTooMany as error:
            return error.wait
        return 0

    async def _wait(self, tx: Transaction, counted: Counted, now: int) -> int:
        """Count one; or return how long it has to wait."""
        due = await tx.fetch_value(
            "INSERT INTO limits (key_hash, due) VALUES (:key_hash, :fresh)"
            " ON CONFLICT (key_hash) DO UPDATE"
            " SET due = CASE WHEN limits.due > :now THEN limits.due + :interval ELSE :fresh END"
            " WHERE limits.due <= :latest RETURNING due",
            key_hash=counted.key_hash,
            now=now,
            interval=counted.interval,
            fresh=now + counted.interval,
            latest=now + counted.burst,
        )
        if due is not None:
            return 0
        return await _read_due(tx, counted.key_hash) - counted.burst - now

    async def _due(self, counted: Counted) -> int:
        return await _read_due(self._db, counted.key_hash)

    async def _take_back(self, counted: Sequence[Counted]) -> None:
        async with self._db.transaction(durable=False) as tx:
            for each in counted:
                await tx.execute(
                    "UPDATE limits SET due = due - :interval WHERE key_hash = :key_hash",
                    interval=each.interval,
                    key_hash=each.key_hash,
                )

    async def _forget(self, counted: Sequence[Counted]) -> None:
        async with self._db.transaction(durable=False) as tx:
            for each in counted:
                await tx.execute("DELETE FROM limits WHERE key_hash = :key_hash", key_hash=each.key_hash)

    async def sweep(self, tx: Transaction, now: int, limit: int = 500) -> int:
        """Delete up to ``limit`` keys whose count is that of none by ``now`` (milliseconds); returns how many."""
        now *= 1000
        rows = await tx.fetch_all(
            _Row, "SELECT key_hash FROM limits WHERE due <= :now ORDER BY due LIMIT :limit", now=now, limit=limit
        )
        for key_hash in sorted(row.key_hash for row in rows):  # one by one, in the order in which others lock them
            await tx.execute(
                "DELETE FROM limits WHERE key_hash = :key_hash AND due <= :now", key_hash=key_hash, now=now
            )
        return len(rows)


async def _read_due(reader: Reader, key_hash: bytes) -> int:
    due: int | None = await reader.fetch_value("SELECT due FROM limits WHERE key_hash = :key_hash", key_hash=key_hash)
    return due or 0
