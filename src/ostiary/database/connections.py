"""Connections to PostgreSQL, lent and taken back.

asyncpg's own pool wraps each loan in a proxy, a shielded task and two timers, which costs more than a read by key does.
Nothing of that is needed here: who takes a connection gives it back with its transaction ended, or terminates it.
"""

from __future__ import annotations

import asyncio
from typing import TypeAlias

import asyncpg

from ostiary.errors import Unavailable

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_PATIENCE = 5.0  # seconds to wait for a connection, a new one or one that others use


class Connections:
    """As many as are needed at once, and no more than ``limit``. Used from one event loop."""

    def __init__(self, url: str, limit: int) -> None:
        self._url = url
        self._limit = limit
        self._room = asyncio.Semaphore(limit)
        self._idle: list[Connection] = []
        self._closed = False

    async def take(self) -> Connection:
        """A connection that nobody else uses, until it is given back.

        Raises:
            TimeoutError: all are in use, or the server does not answer. What asyncpg raises when it refuses.
            Unavailable: they have been closed.
        """
        if self._room.locked():
            async with asyncio.timeout(_PATIENCE):
                await self._room.acquire()
        else:
            await self._room.acquire()
        try:
            if self._closed:
                raise Unavailable
            while self._idle:
                if not (connection := self._idle.pop()).is_closed():
                    return connection
            return await asyncpg.connect(
                self._url,
                timeout=_PATIENCE,
                server_settings={"application_name": "ostiary", "default_transaction_read_only": "on"},
            )
        except BaseException:
            self._room.release()
            raise

    def give_back(self, connection: Connection) -> None:
        """Let others use it; one that is closed is forgotten."""
        if not connection.is_closed():
            self._idle.append(connection)
        self._room.release()

    async def close(self) -> None:
        """Wait until every connection has been given back, and close them."""
        self._closed = True
        for _ in range(self._limit):
            await self._room.acquire()
        for connection in self._idle:
            await connection.close(timeout=_PATIENCE)
        for _ in range(self._limit):  # whoever comes later is told
            self._room.release()
