"""Moving the sessions of a running installation from one store to the other, without signing anybody out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Literal

import msgspec

from ostiary.audit import Event, record
from ostiary.authorization import Caller
from ostiary.database import Database
from ostiary.errors import Forbidden, InvalidRequest, Unavailable
from ostiary.sessions.life import note_redis
from ostiary.sessions.store import SessionStore

_BATCH = 500
_PASSES = 20

StoreName = Literal["database", "redis"]


class Migrated(msgspec.Struct, frozen=True):
    """How many sessions were moved."""

    sessions: int


class SessionMigration:
    """Every process that has both stores looks into both, so a session is found wherever it lies at the moment."""

    def __init__(self, db: Database, stores: dict[StoreName, SessionStore]) -> None:
        self._db = db
        self._stores = stores

    async def __call__(
        self, caller: Caller, to: StoreName, progress: Callable[[int, int], None] = lambda done, of: None
    ) -> Migrated:
        """Move every session to this store. What was cut short goes on where it was when it is asked for again.

        Args:
            progress: is told how many sessions were moved so far, and of how many there were.

        Raises:
            Forbidden: the caller is not the operator of this machine.
            InvalidRequest: there is no other store to move them from, or to.
        """
        if caller.kind != "operator":
            raise Forbidden
        if len(self._stores) < 2:
            raise InvalidRequest("Set redis.url (OSTIARY_REDIS_URL), here and for every server, then ask again.")
        source, target = self._stores["redis" if to == "database" else "database"], self._stores[to]
        await note_redis(self._db, used=True)
        total, moved = await source.count(), 0
        for _ in range(_PASSES):
            empty = True
            async for taken in self._pass(source, target):
                empty = False
                moved += taken
                progress(moved, total)
            if empty:
                break
        else:
            raise Unavailable("The sessions keep changing; ask again when there is less to do.")
        if to == "database":
            await note_redis(self._db, used=False)
        async with self._db.transaction() as tx:
            await record(tx, caller.at, Event.SESSIONS_MIGRATED, caller.actor, to=to, sessions=moved)
        return Migrated(moved)

    async def _pass(self, source: SessionStore, target: SessionStore) -> AsyncIterator[int]:
        """Move what is there, telling how many after each batch.

        What changed under our hands is taken back, and moves with the next pass.
        """
        async for batch in source.batches(_BATCH):
            await target.put(batch)
            changed = await source.remove(batch)
            if changed:
                await target.remove(changed)
            yield len(batch) - len(changed)
