"""The generic cell rate algorithm, counted together: so many at once, then one each so often (ITU-T I.371)."""

from __future__ import annotations

import hashlib
import hmac
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, Self

import msgspec

from ostiary.errors import RateLimited
from ostiary.settings import Rate

_SECOND = 1_000_000
_MILLISECOND = 1_000


class Limit(msgspec.Struct, frozen=True):
    """How often one kind of event may happen to one key.

    Attributes:
        name: tells its keys from those of other limits.
        interval: one event each so often, in the long run (microseconds).
        burst: how far events may be ahead of that (microseconds).
    """

    name: str
    interval: int
    burst: int

    @classmethod
    def at(cls, name: str, rate: Rate) -> Self:
        """``rate.count`` events at once, and in the long run as many in ``rate.seconds``."""
        interval = -(-rate.seconds * _SECOND // rate.count)
        return cls(name, interval, (rate.count - 1) * interval)


class Hit(NamedTuple):
    """One event: what limits it, and whose it is. The key may be what a stranger typed, of any length."""

    limit: Limit
    key: str


class Counted(NamedTuple):
    """A hit as a store knows it: of the key only a keyed hash, times in microseconds."""

    key_hash: bytes
    interval: int
    burst: int


class Limits(ABC):
    """Counts events for all processes at once; exact, however many ask at the same time.

    A key costs one number: the time at which its last event would be due if events came evenly. Everything here may
    raise ``Unavailable``: it was not counted then, and whoever asked must refuse. Not to be called in a transaction.
    """

    def __init__(self, secret: bytes) -> None:
        """``secret`` keys the hashes, which are of what people typed: a name, or a password in the wrong field."""
        self._secret = secret

    async def hit(self, *hits: Hit, now: int) -> None:
        """Count one event on each of these limits, or on none.

        Args:
            now: milliseconds, by the caller's clock.

        Raises:
            RateLimited: it is one too many for some; ``retry_after`` says when all of them would take it.
        """
        if wait := await self._count(self._counted(hits), now * _MILLISECOND):
            raise RateLimited(retry_after=-(-wait // _SECOND))

    async def is_spent(self, hit: Hit, now: int) -> bool:
        """Whether one event more at ``now`` (milliseconds) would be refused; counts nothing."""
        [counted] = self._counted([hit])
        return await self._due(counted) > now * _MILLISECOND + counted.burst

    async def take_back(self, *hits: Hit) -> None:
        """Uncount an event on each of these: it was let through and then not carried out."""
        await self._take_back(self._counted(hits))

    async def forget(self, *hits: Hit, now: int) -> None:
        """Start afresh with these keys: whoever it is has proved it.

        What has counted one event only, as for who is right at once, stays as it is, a read instead of a write, unless
        the limit takes no other.
        """
        at = now * _MILLISECOND
        several = [each for each in self._counted(hits) if await self._due(each) > at + min(each.interval, each.burst)]
        if several:
            await self._forget(several)

    @abstractmethod
    async def _count(self, counted: Sequence[Counted], now: int) -> int:
        """Count on all, or on none and return the longest time to wait (microseconds)."""

    @abstractmethod
    async def _due(self, counted: Counted) -> int:
        """When the last event would be due (microseconds); anything past where there is none."""

    @abstractmethod
    async def _take_back(self, counted: Sequence[Counted]) -> None: ...

    @abstractmethod
    async def _forget(self, counted: Sequence[Counted]) -> None: ...

    def _counted(self, hits: Sequence[Hit]) -> list[Counted]:
        # In the order of their keys: whoever locks several does so in one order, and nobody waits in a circle.
        return sorted(Counted(self._hash(limit, key), limit.interval, limit.burst) for limit, key in hits)

    def _hash(self, limit: Limit, key: str) -> bytes:
        text = f"{limit.name}:{key}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._secret, text, hashlib.sha256)[:16]
