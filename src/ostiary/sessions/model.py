"""What is known of a session. Times in milliseconds since the epoch, UTC."""

from __future__ import annotations

from typing import Any

import msgspec


class Session(msgspec.Struct, frozen=True):
    """A browser that has signed in.

    Attributes:
        id: public name (``ses_…``), safe to show; it does not open the session.
        id_hash: SHA-256 of the secret that the cookie holds.
        amr: how the person proved themselves (RFC 8176), separated by spaces.
        authenticated_at: when they did.
        seen_at: when it was last used, to a tenth of the sliding expiry.
        idle_expires_at: ends then unless used before.
        expires_at: ends then, used or not.
    """

    id: str
    id_hash: bytes
    account_id: str
    amr: str
    authenticated_at: int
    created_at: int
    seen_at: int
    idle_expires_at: int
    expires_at: int
    address: str
    user_agent: str


class SessionData(msgspec.Struct, frozen=True):
    """What an application keeps in a session: any JSON object, and the number of the change that made it so."""

    data: dict[str, Any]
    version: int
