"""Password hashing: Argon2id (RFC 9106) in PHC strings, at most one hash a core at a time.

Each hash takes 20 ms of CPU and 19 MiB, so what waits is bounded: a flood of sign-ins is answered 503 at once instead
of piling up work and memory that nobody will wait for.

Hashes that came with imported accounts (``foreign_hashes``) are verified in the same queue, and never made.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec

from ostiary.crypto.argon2 import Argon2Hash, parse_argon2
from ostiary.crypto.foreign_hashes import ForeignHash, UnusableHash, is_kept, parse_kept
from ostiary.errors import Unavailable

_SALT_LENGTH = 16
_HASH_LENGTH = 32
_UNSEEN = 0.01  # of the time of a hash: less is lost in what else varies

T = TypeVar("T")


class PasswordHasher:
    """Hashes and verifies passwords off the event loop.

    Args:
        memory_kib: memory of one hash, in KiB.
        passes: passes over that memory.
        max_queue: how many may wait behind those that run, one on each usable core.
    """

    def __init__(self, memory_kib: int = 19456, passes: int = 2, lanes: int = 1, max_queue: int = 32) -> None:
        # Nobody knows a password for random bytes, so verifying against them costs the same and always fails.
        self._nobody = Argon2Hash(
            "argon2id",
            memory_kib,
            passes,
            lanes,
            secrets.token_bytes(_SALT_LENGTH),
            secrets.token_bytes(_HASH_LENGTH),
        )
        self._usual: float | None = None
        """Seconds of CPU that a hash of ours takes here, as last measured."""
        cores = len(os.sched_getaffinity(0))
        self._threads = ThreadPoolExecutor(cores, thread_name_prefix="argon2id")
        self._places = threading.Semaphore(cores + max_queue)

    async def hash(self, password: str) -> str:
        """``password``, already normalised, as a PHC string with the current parameters and a new salt.

        Raises:
            Unavailable: too many hashes are waiting; nothing was computed.
        """
        fresh = msgspec.structs.replace(self._nobody, salt=secrets.token_bytes(_SALT_LENGTH))
        return await self._run(lambda: msgspec.structs.replace(fresh, hash=fresh.derive(_encode(password))).phc)

    async def verify(self, kept: str | None, password: str, as_typed: str | None = None) -> bool:
        """Whether ``kept`` was made from ``password``, which is already normalised.

        ``None`` (there is no account or it has no password), and what is not a hash that we know or asks for a
        hostile amount of work, take the time of a real verification and are never right.

        Args:
            as_typed: the password before it was normalised. Other systems hashed what their browser sent, and most
                left it as it was; so an imported hash is tried with this first, and then, where that differs, with the
                normal form, which those made it of that follow NIST SP 800-63B-4 section 3.1.1.2 as we do.

        Raises:
            Unavailable: too many hashes are waiting; nothing was computed.
        """
        if kept is not None and is_kept(kept):
            foreign = _parse_foreign(kept)
            if foreign is not None:
                tries = dict.fromkeys(map(_encode, (password if as_typed is None else as_typed, password)))
                return await self._run(lambda: self._matches_foreign(foreign, list(tries)))
        parsed = self._parse(kept) or self._nobody
        return await self._run(lambda: self._matches(parsed, _encode(password)))

    def outdated(self, kept: str) -> bool:
        """Whether ``kept`` has other parameters than a hash made now, or came with an imported account."""
        parsed = self._parse(kept)
        return parsed is None or _parameters(parsed) != _parameters(self._nobody)

    def _parse(self, kept: str | None) -> Argon2Hash | None:
        """A hash of ours, unless it is dearer than what the settings ask for and than what any may be."""
        parsed = parse_argon2(kept or "")
        if parsed is None or parsed.variant != "argon2id" or (parsed.dear and parsed.cost != self._nobody.cost):
            return None
        return parsed

    def _matches(self, parsed: Argon2Hash, password: bytes) -> bool:
        start = time.thread_time()
        right = parsed.matches(password)
        if parsed.cost == self._nobody.cost:
            self._usual = time.thread_time() - start
        return right

    def _matches_foreign(self, foreign: ForeignHash, tries: list[bytes]) -> bool:
        start = time.thread_time()
        if any(foreign.matches(each) for each in tries):
            return True
        self._spend_the_rest(start, tries[0])
        return False

    def _spend_the_rest(self, start: float, password: bytes) -> None:
        """After a wrong password, spend what is missing to the time of a hash of ours; ``start`` by the thread's clock.

        So who tries passwords does not learn by a fast answer that there is an account, with a hash from elsewhere.
        """
        if self._usual is None:
            self._matches(self._nobody, password)
            return
        # Memory of half the size does not take exactly half the time, so what is still missing is looked at once more.
        while (missing := 1 - (time.thread_time() - start) / self._usual) > _UNSEEN:
            less = max(int(self._nobody.memory_kib * missing), 8 * self._nobody.lanes)
            msgspec.structs.replace(self._nobody, memory_kib=less).matches(password)

    async def _run(self, work: Callable[[], T]) -> T:
        if not self._places.acquire(blocking=False):
            raise Unavailable("Too many sign-ins at once; try again in a second.", retry_after=1)
        running = self._threads.submit(work)
        # On the thread's future: if the caller is cancelled, its place is free only when the thread is.
        running.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(running)


def _encode(password: str) -> bytes:
    # A lone surrogate is refused long before; should one come, it is a wrong password and not a crash.
    return password.encode("utf-8", "surrogatepass")


def _parse_foreign(kept: str) -> ForeignHash | None:
    try:
        return parse_kept(kept)
    except UnusableHash:
        return None


def _parameters(parsed: Argon2Hash) -> tuple[int, int, int, int, int]:
    return *parsed.cost, len(parsed.salt), len(parsed.hash)
