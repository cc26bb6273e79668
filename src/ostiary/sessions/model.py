"""What is known of a session. Times in milliseconds since the epoch, UTC."""

from __future__ import annotations

from typing import Any

import msgspec

from ostiary.database import Value


class Session(msgspec.Struct, frozen=True):
    """A browser that is recognised, whether or not somebody has signed in.

    Attributes:
        id: public name (``ses_…``), safe to show; it does not open the session. Stays the same when the secret changes.
        id_hash: SHA-256 of the secret that the cookie holds.
        account_id: who has signed in; None for nobody yet.
        epoch: the account's ``session_epoch`` when the session began; counting that up ends the session.
        privilege_epoch: the account's when the secret was made; counting that up makes it due for another.
        amr: how the person proved themselves (RFC 8176), separated by spaces; acr: how well.
        authenticated_at: when they did; 0 for nobody.
        seen_at: when it was last used, to a tenth of ``idle``.
        idle: ends when it was not used for so long (milliseconds).
        expires_at: ends then, used or not.
        remembered: the cookie outlives the browser.
        superseded: it has another secret by now; this one is good for what was already under way.
        bound_key: the public key, as a JWK, that the browser has to prove the possession of; empty for none.
        bound_at: since when.
    """

    id: str
    id_hash: bytes
    account_id: str | None
    epoch: int
    privilege_epoch: int
    amr: str
    acr: str
    authenticated_at: int
    created_at: int
    seen_at: int
    idle: int
    expires_at: int
    remembered: bool
    superseded: bool
    address: str
    user_agent: str
    bound_key: bytes = b""
    bound_at: int = 0

    @property
    def idle_expires_at(self) -> int:
        """When it ends unless it is used before."""
        return min(self.seen_at + self.idle, self.expires_at)

    def is_due(self, now: int) -> bool:
        """Whether this use moves the sliding expiry: at most once in a tenth of its window."""
        return now - self.seen_at >= self.idle // 10 and not self.superseded


class Found(msgspec.Struct, frozen=True):
    """A session that is open, and what stands in ``accounts`` of whoever has signed in, as it is now.

    Attributes:
        account: the columns that the store was asked to read along; None for nobody.
        privilege_epoch: the account's.
    """

    session: Session
    account: tuple[Value, ...] | None
    privilege_epoch: int


class SessionData(msgspec.Struct, frozen=True):
    """What an application keeps in a session: any JSON object, and the number of the change that made it so."""

    data: dict[str, Any]
    version: int


class Stored(msgspec.Struct, frozen=True):
    """All that a store holds of a session: what moves from one store to another."""

    session: Session
    data: SessionData


NO_DATA = SessionData({}, 0)
