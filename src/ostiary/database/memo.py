"""Rows read before, good for as long as nobody has committed anything since."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from ostiary.database.face import Database

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
_SIZE = 4096


class Memo(Generic[K, V]):
    """What single reads found, to be found again without reading. Never stale: any commit empties it.

    To ask SQLite whether anybody has committed costs a fifth of a read by key. Where asking costs as much as reading,
    as on PostgreSQL, this reads each time.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._state: int | None = None
        self._found: dict[K, V] = {}

    async def get(self, key: K, read: Callable[[], Awaitable[V | None]]) -> V | None:
        """What is there under ``key``; ``read`` is one statement that reads it. What is not there is not remembered."""
        state = self._db.state()
        if state is None:
            return await read()
        if state != self._state or len(self._found) >= _SIZE:
            self._found.clear()
            self._state = state
        found = self._found.get(key)
        if found is None and (found := await read()) is not None:
            # Whatever was committed between asking and reading changes the state, so the next one to ask reads again.
            self._found[key] = found
        return found
