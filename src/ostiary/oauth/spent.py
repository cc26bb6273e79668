"""What counts once: the ``jti`` of assertions and proofs, remembered until they would not be taken anyway."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from ostiary.database import Transaction


class Spend(msgspec.Struct, frozen=True):
    """One to be spent: who made it, its ``jti``, and until when it would be good (milliseconds)."""

    kind: str
    maker: str
    jti: str
    until: int


async def spend(tx: Transaction, each: Spend) -> bool:
    """Spend it; False where it is spent already. One conditional statement."""
    return (
        await tx.execute(
            "INSERT INTO spent_assertions (hash, expires_at) VALUES (:hash, :until) ON CONFLICT DO NOTHING",
            hash=hashlib.sha256(f"{each.kind}\0{each.maker}\0{each.jti}".encode()).digest(),
            until=each.until,
        )
        == 1
    )


async def spend_all(tx: Transaction, spends: Iterable[Spend]) -> bool:
    """Spend each; False as soon as one is spent already."""
    for each in spends:
        if not await spend(tx, each):
            return False
    return True


async def sweep_spent(tx: Transaction, now: int, limit: int = 500) -> int:
    """Forget up to ``limit`` that have expired; returns how many."""
    return await tx.execute(
        "DELETE FROM spent_assertions WHERE hash IN"
        " (SELECT hash FROM spent_assertions WHERE expires_at <= :now ORDER BY expires_at LIMIT :limit)",
        now=now,
        limit=limit,
    )
