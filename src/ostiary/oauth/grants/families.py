"""The family that every authorization begins: by it what was given is known, refreshed, and ended."""

from __future__ import annotations

import msgspec

from ostiary.base.clock import MINUTE
from ostiary.database import Transaction
from ostiary.oauth.grants.face import TokenRequest
from ostiary.oauth.model import Authorized
from ostiary.tokens import RefreshTokens

SHORT = 15 * MINUTE
"""How long a family without a refresh token is known: as long as an access token lives at most."""


async def begin_family(
    refresh_tokens: RefreshTokens,
    tx: Transaction,
    request: TokenRequest,
    account_id: str,
    authorized: Authorized,
    family_id: str,
) -> str | None:
    """Begin a family; its refresh token, where the client may have one.

    What came of a sign-in to the client ends with the browser's session, unless ``offline_access`` was allowed (OpenID
    Connect Core section 11).
    """
    refreshes = "refresh_token" in request.client.grants
    with_session = "openid" in authorized.scopes and "offline_access" not in authorized.scopes
    session_id = authorized.session_id if with_session else None
    expires_at = authorized.session_expires_at if session_id is not None else None
    begun = await refresh_tokens.begin(
        tx,
        request.now,
        family_id=family_id,
        account_id=account_id,
        delivery="client",
        amr=" ".join(authorized.amr),
        acr=authorized.acr,
        address=request.caller.address,
        user_agent=request.caller.user_agent,
        authenticated_at=authorized.authenticated_at,
        expires_at=expires_at if refreshes else request.now + SHORT,
        client_id=request.client.id,
        session_id=session_id,
        authorized=msgspec.json.encode(authorized),
    )
    return begun.token if refreshes else None


def bound(request: TokenRequest, authorized: Authorized) -> Authorized:
    """What was allowed, with what its refresh tokens are bound to: of a public client, what it has shown (RFC 9449
    section 5); a confidential one proves itself anyway, and may change its key.
    """
    if request.client.public and request.binding and not authorized.binding:
        return msgspec.structs.replace(authorized, binding=request.binding)
    return authorized
