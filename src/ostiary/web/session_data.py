"""A change of session data, and the cookie of the session that is begun for it where there was none."""

from __future__ import annotations

from typing import Any

import msgspec

from ostiary.sessions import SessionData
from ostiary.web.exchange import Exchange


async def change(exchange: Exchange, patch: dict[str, Any], if_version: int | None = None) -> SessionData:
    """Merge ``patch`` into the data of the caller's session. Raises what ``SessionDataStore.change`` does."""
    changed = await exchange.use.session_data.change(exchange.caller, patch, if_version)
    if changed.session is not None and changed.token is not None:
        exchange.keep_session(changed.token, changed.session)
        exchange.caller = msgspec.structs.replace(
            exchange.caller, method="session", session_id=changed.session.id, session_key=changed.session.id_hash
        )
    return changed.data
