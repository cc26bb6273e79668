"""What applications keep in a session: a cart, a draft, a choice of language. JSON, 64 KiB at most."""

from __future__ import annotations

from typing import Any

import msgspec

from ostiary.authorization import Caller
from ostiary.base.gcra import Limiter
from ostiary.base.merge_patch import merge
from ostiary.base.network import network_of
from ostiary.errors import (
    Forbidden,
    PayloadTooLarge,
    PersonRequired,
    PreconditionFailed,
    Unauthenticated,
    Unavailable,
)
from ostiary.sessions.life import Place, Sessions
from ostiary.sessions.model import NO_DATA, Session, SessionData

MAX_DATA = 65_536
"""The most that one session's data may hold, in bytes of JSON."""


class ChangedData(msgspec.Struct, frozen=True):
    """Session data after a change.

    Attributes:
        session: the session that was begun for it, for a caller who had none; token: the secret for its cookie.
    """

    data: SessionData
    session: Session | None = None
    token: str | None = None

    def __repr__(self) -> str:
        return f"ChangedData({self.data.version})"


class SessionDataStore:
    """Reads and changes the data of the caller's own session; nobody reaches anybody else's."""

    def __init__(self, sessions: Sessions, new_sessions: Limiter) -> None:
        """``new_sessions`` counts, by network address, those that are begun for callers who have none."""
        self._sessions = sessions
        self._new_sessions = new_sessions

    async def read(self, caller: Caller) -> SessionData:
        """The data of the caller's session and its version; empty, version 0, for who has no session.

        Raises:
            Forbidden: the caller came with a token, which has no session to keep data in; PersonRequired: with a key.
        """
        # No permission needed: it is the caller's own session.
        session_id = _own_session(caller)
        return NO_DATA if session_id is None else await self._sessions.read_data(session_id)

    async def change(self, caller: Caller, patch: dict[str, Any], if_version: int | None = None) -> ChangedData:
        """Merge a JSON merge patch (RFC 7396) into the data; a caller without a session is given one.

        Two changes at once both hold: what is written is conditional on the version that was read, and is repeated on
        what the other one left.

        Raises:
            PreconditionFailed: ``if_version`` is given and is not the current one.
            PayloadTooLarge: the result would be over 64 KiB of JSON.
            StepUpRequired, DeviceProofRequired: the caller's session has to be proved first.
            RateLimited: too many sessions were begun from this network.
            Unauthenticated: the session has ended meanwhile.
            Unavailable: it kept changing under our hands.
        """
        # No permission needed: it is the caller's own session. Not audited: a cart is nothing to audit.
        if _own_session(caller) is None:
            return await self._first(caller, patch, if_version)
        for _ in range(100):
            session = await self._open(caller)
            before = await self._sessions.read_data(session.id)
            after = _merged(before, patch, if_version)
            if await self._sessions.replace_data(session, after):
                # Where it has ended meanwhile, what was written may be too late to go on in the session after it.
                await self._open(caller)
                return ChangedData(after)
        raise Unavailable(retry_after=1)

    async def _open(self, caller: Caller) -> Session:
        found = await self._sessions.of_caller(caller)
        if found is None:
            raise Unauthenticated
        return found.session

    async def _first(self, caller: Caller, patch: dict[str, Any], if_version: int | None) -> ChangedData:
        caller.require_proved()  # another session in the place of that one would sign the person out
        after = _merged(NO_DATA, patch, if_version)
        self._new_sessions.hit(network_of(caller.address), caller.at)
        token, session = await self._sessions.begin_anonymous(caller.at, Place(caller.address, caller.user_agent))
        if not await self._sessions.replace_data(session, after):
            raise Unavailable(retry_after=1)
        return ChangedData(after, session, token)


def _merged(before: SessionData, patch: dict[str, Any], if_version: int | None) -> SessionData:
    if if_version is not None and before.version != if_version:
        raise PreconditionFailed(extra={"version": before.version})
    after = SessionData(merge(before.data, patch), before.version + 1)
    if len(msgspec.json.encode(after.data)) > MAX_DATA:
        raise PayloadTooLarge(f"A session holds at most {MAX_DATA} bytes of data.")
    return after


def _own_session(caller: Caller) -> str | None:
    """The id of the caller's session; None for who has none yet."""
    if caller.delegated:
        raise PersonRequired
    if caller.method not in ("session", "none"):
        raise Forbidden("Session data belongs to browser sessions; this request came with a token.")
    return caller.session_id
