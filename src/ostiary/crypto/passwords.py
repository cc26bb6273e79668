"""Password hashing: Argon2id (RFC 9106) in PHC strings, at most one hash a core at a time.

Each hash takes 20 ms of CPU and 19 MiB, so what waits is bounded: a flood of sign-ins is answered 503 at once instead
of piling up work and memory that nobody will wait for.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import re
import secrets
import threading
from base64 import b64decode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from ostiary.errors import Unavailable

_SALT_LENGTH = 16
_HASH_LENGTH = 32
# What a stored hash may ask for: about half a second. Imported hashes are dearer than ours; a hostile row is refused.
_MAX_MEMORY_KIB = 256 * 1024
_MAX_WORK = 1024 * 1024  # KiB times passes

_PHC = re.compile(
    r"\$argon2id\$v=19\$m=([1-9][0-9]{0,8}),t=([1-9][0-9]{0,8}),p=([1-9][0-9]{0,8})"
    r"\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})"
)

T = TypeVar("T")


class _Parsed(msgspec.Struct, frozen=True):
    memory_kib: int
    passes: int
    lanes: int
    salt: bytes
    hash: bytes

    def matches(self, password: bytes) -> bool:
        return hmac.compare_digest(_argon2id(self, len(self.hash)).derive(password), self.hash)


class PasswordHasher:
    """Hashes and verifies passwords off the event loop.

    Args:
        memory_kib: memory of one hash, in KiB.
        passes: passes over that memory.
        max_queue: how many may wait behind those that run, one on each usable core.
    """

    def __init__(self, memory_kib: int = 19456, passes: int = 2, lanes: int = 1, max_queue: int = 32) -> None:
        # Nobody knows a password for random bytes, so verifying against them costs the same and always fails.
        self._nobody = _Parsed(
            memory_kib, passes, lanes, secrets.token_bytes(_SALT_LENGTH), secrets.token_bytes(_HASH_LENGTH)
        )
        cores = len(os.sched_getaffinity(0))
        self._threads = ThreadPoolExecutor(cores, thread_name_prefix="argon2id")
        self._places = threading.Semaphore(cores + max_queue)

    async def hash(self, password: str) -> str:
        """``password``, already normalised, as a PHC string with the current parameters and a new salt.

        Raises:
            Unavailable: too many hashes are waiting; nothing was computed.
        """
        fresh = msgspec.structs.replace(self._nobody, salt=secrets.token_bytes(_SALT_LENGTH))
        return await self._run(lambda: _argon2id(fresh, _HASH_LENGTH).derive_phc_encoded(_encode(password)))

    async def verify(self, phc: str | None, password: str) -> bool:
        """Whether ``phc`` was made from ``password``, which is already normalised.

        ``None`` (there is no account or it has no password), and what is not a PHC string of ours or asks for a
        hostile amount of work, take the time of a real verification and are never right.

        Raises:
            Unavailable: too many hashes are waiting; nothing was computed.
        """
        parsed = _parse(phc) or self._nobody
        return await self._run(lambda: parsed.matches(_encode(password)))

    def outdated(self, phc: str) -> bool:
        """Whether ``phc`` has other parameters than a hash made now."""
        parsed = _parse(phc)
        return parsed is None or _parameters(parsed) != _parameters(self._nobody)

    async def _run(self, work: Callable[[], T]) -> T:
        if not self._places.acquire(blocking=False):
            raise Unavailable("Too many sign-ins at once; try again in a second.", retry_after=1)
        running = self._threads.submit(work)
        # On the thread's future: if the caller is cancelled, its place is free only when the thread is.
        running.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(running)


def _argon2id(parsed: _Parsed, length: int) -> Argon2id:
    return Argon2id(
        salt=parsed.salt,
        length=length,
        iterations=parsed.passes,
        lanes=parsed.lanes,
        memory_cost=parsed.memory_kib,
    )


def _encode(password: str) -> bytes:
    # A lone surrogate is refused long before; should one come, it is a wrong password and not a crash.
    return password.encode("utf-8", "surrogatepass")


def _parse(phc: str | None) -> _Parsed | None:
    match = _PHC.fullmatch(phc or "")
    if match is None:
        return None
    memory_kib, passes, lanes = map(int, match.group(1, 2, 3))
    if memory_kib > _MAX_MEMORY_KIB or memory_kib * passes > _MAX_WORK or memory_kib < 8 * lanes:
        return None
    try:
        salt, expected = (b64decode(text + "=" * (-len(text) % 4), validate=True) for text in match.group(4, 5))
    except ValueError:
        return None
    return _Parsed(memory_kib, passes, lanes, salt, expected)


def _parameters(parsed: _Parsed) -> tuple[int, int, int, int, int]:
    return parsed.memory_kib, parsed.passes, parsed.lanes, len(parsed.salt), len(parsed.hash)
