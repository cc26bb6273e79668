"""Recording what no transaction holds: an answer that changed nothing, of which the log is to know all the same."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ostiary.database import Database, Transaction

Write = Callable[["Transaction"], Awaitable[None]]
"""Records something in the transaction it is given; perhaps again in another, where the first came to nothing."""

_log = logging.getLogger("ostiary.audit")

_PAUSE = 0.1
"""Seconds from the first write that waits until it is written: what a crash can lose."""
_AFTER_FAILURE = 5.0
"""Seconds until it is tried again."""
_BATCH = 100
"""Writes of one transaction; between two of them, others have their turn."""
MOST_WAITING = 20_000


class DeferredWrites:
    """Writes that the request does not wait for, made together a moment later. Of one event loop."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: deque[Write] = deque()
        self._writing = asyncio.Lock()
        self._closing = asyncio.Event()
        self._soon: asyncio.Task[None] | None = None

    def note(self, write: Write, *, beyond: bool = False) -> bool:
        """Have this written soon, and say whether it will be: not where too much waits already.

        Args:
            beyond: take it even then.
        """
        if len(self._waiting) >= MOST_WAITING and not beyond:
            return False
        self._waiting.append(write)
        if self._soon is None:
            self._soon = asyncio.get_running_loop().create_task(self._write_soon())
        return True

    async def flush(self) -> None:
        """Write what waits. What could not be written waits on.

        Raises:
            Unavailable: the database does not answer.
        """
        async with self._writing:
            while self._waiting:
                batch = [self._waiting[number] for number in range(min(_BATCH, len(self._waiting)))]
                async with self._db.transaction() as tx:
                    for write in batch:
                        await write(tx)
                for _ in batch:
                    self._waiting.popleft()

    async def close(self) -> None:
        """Write what waits, and no more after it.

        Raises:
            Unavailable: the database does not answer.
        """
        self._closing.set()
        if self._soon is not None:
            await self._soon
        await self.flush()

    async def _write_soon(self) -> None:
        pause = _PAUSE
        while self._waiting and not self._closing.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), pause)
            try:
                await self.flush()
            except Exception:  # noqa: BLE001 - this loop ends only when nothing waits
                _log.exception("the audit log could not be written; it is tried again")
                pause = _AFTER_FAILURE
        self._soon = None
