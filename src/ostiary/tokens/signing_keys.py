"""The keys that sign tokens, as their administrators see them."""

from __future__ import annotations

from collections.abc import Sequence

from ostiary.audit import Event, record
from ostiary.authorization import Caller
from ostiary.crypto import KeyRing, SigningKey
from ostiary.database import Database
from ostiary.permissions import Permission


class SigningKeys:
    """Lists and rotates; what a rotation means is the key ring's to say."""

    def __init__(self, db: Database, keys: KeyRing) -> None:
        self._db = db
        self._keys = keys

    async def list(self, caller: Caller) -> Sequence[SigningKey]:
        """Every key that is published, oldest first."""
        await caller.require(Permission.KEYS_READ)
        return await self._keys.list()

    async def rotate(self, caller: Caller) -> Sequence[SigningKey]:
        """Make the next key of every algorithm; it is published at once and signs after the lead time."""
        await caller.require(Permission.KEYS_ROTATE)
        fresh = await self._keys.generate()
        async with self._db.transaction() as tx:
            await self._keys.rotate(tx, caller.at, fresh)
            await record(tx, caller.at, Event.KEY_ROTATED, caller.actor, keys=[key.kid for key in fresh])
        await self._keys.refresh()
        return await self.list(caller)
