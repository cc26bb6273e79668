"""What applications keep in a session: a cart, a draft, a choice of language. JSON, 64 KiB at most."""

from __future__ import annotations

from typing import Any

import msgspec

from ostiary.audit import Event, record
from ostiary.authorization import Caller
from ostiary.database import Database
from ostiary.errors import Forbidden, PayloadTooLarge, PreconditionFailed, Unauthenticated, Unavailable
from ostiary.sessions.merge_patch import merge
from ostiary.sessions.model import SessionData

MAX_DATA = 65_536
"""The most that one session's data may hold, in bytes of JSON."""


class _Row(msgspec.Struct, frozen=True):
    data: bytes
    data_version: int


class SessionDataStore:
    """Reads and changes the data of the caller's own session; nobody reaches anybody else's."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def read(self, caller: Caller) -> SessionData:
        """The data of the caller's session and its version.

        Raises:
            Unauthenticated: there is no session, or it has ended.
            Forbidden: the caller came with a token, which has no session to keep data in.
        """
        # No permission needed: it is the caller's own session.
        row = await self._db.fetch_one(
            _Row, "SELECT data, data_version FROM sessions WHERE id = :id", id=_own_session(caller)
        )
        if row is None:
            raise Unauthenticated
        return SessionData(msgspec.json.decode(row.data), row.data_version)

    async def change(self, caller: Caller, patch: dict[str, Any], if_version: int | None = None) -> SessionData:
        """Merge a JSON merge patch (RFC 7396) into the data.

        Two changes at once both hold: the statement is conditional on the version that was read, and is repeated on
        what the other one left.

        Raises:
            PreconditionFailed: ``if_version`` is given and is not the current one.
            PayloadTooLarge: the result would be over 64 KiB of JSON.
            Unavailable: it kept changing under our hands.
        """
        for _ in range(100):
            before = await self.read(caller)
            if if_version is not None and before.version != if_version:
                raise PreconditionFailed(extra={"version": before.version})
            after = SessionData(merge(before.data, patch), before.version + 1)
            if await self._replace(caller, after):
                return after
        raise Unavailable(retry_after=1)

    async def _replace(self, caller: Caller, after: SessionData) -> bool:
        encoded = msgspec.json.encode(after.data)
        if len(encoded) > MAX_DATA:
            raise PayloadTooLarge(f"A session holds at most {MAX_DATA} bytes of data.")
        async with self._db.transaction() as tx:
            changed = await tx.execute(
                "UPDATE sessions SET data = :data, data_version = :version WHERE id = :id AND data_version = :before",
                id=_own_session(caller),
                data=encoded,
                version=after.version,
                before=after.version - 1,
            )
            if changed:
                await record(
                    tx, caller.at, Event.SESSION_DATA_CHANGED, caller.actor, caller.account_id, version=after.version
                )
        return changed == 1


def _own_session(caller: Caller) -> str:
    caller.require_account()
    if caller.method != "session" or caller.session_id is None:
        raise Forbidden("Session data belongs to browser sessions; this request came with a token.")
    return caller.session_id
