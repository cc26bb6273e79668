"""Sessions to fill a store with."""

from __future__ import annotations

from ostiary.base.clock import DAY
from ostiary.sessions import Session


def sample_session(
    *, id_: str, id_hash: bytes, account_id: str, began: int, now: int, address: str, user_agent: str
) -> Session:
    """A session by password with the default expiries, begun at ``began`` and last used at ``now`` (milliseconds)."""
    return Session(
        id=id_,
        id_hash=id_hash,
        account_id=account_id,
        epoch=0,
        privilege_epoch=0,
        amr="pwd",
        acr="aal1",
        authenticated_at=began,
        created_at=began,
        seen_at=now,
        idle=7 * DAY,
        expires_at=began + 30 * DAY,
        remembered=False,
        superseded=False,
        address=address,
        user_agent=user_agent,
    )
