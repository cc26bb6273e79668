"""Tokens for a refresh token, which is spent for the next one (RFC 6749 section 6, RFC 9700 section 4.14)."""

from __future__ import annotations

import msgspec

from ostiary.accounts import AccountStore
from ostiary.base.clock import SECOND
from ostiary.database import Transaction
from ostiary.errors import InvalidRequest, OstiaryError
from ostiary.oauth.faults import InvalidGrant
from ostiary.oauth.grants.face import Given, TokenRequest
from ostiary.oauth.grants.narrowing import narrowed
from ostiary.oauth.model import Authorized, GrantType
from ostiary.sessions.applications import goes_on
from ostiary.tokens import Refreshed, RefreshTokens

_WRONG = "The refresh token is unknown, has expired, was used before, or belongs to another client."


class RefreshTokenGrant:
    """See :class:`Grant`."""

    type: GrantType = "refresh_token"

    def __init__(self, accounts: AccountStore, refresh_tokens: RefreshTokens, grace: int) -> None:
        """``grace``: seconds in which a token that was just spent gets the same answer again."""
        self._accounts = accounts
        self._refresh_tokens = refresh_tokens
        self._grace = grace * SECOND

    async def prepare(self, request: TokenRequest) -> None:
        if "refresh_token" not in request.form:
            raise InvalidRequest("refresh_token is missing.", field="refresh_token")

    async def redeem(self, tx: Transaction, request: TokenRequest, prepared: None) -> Given | OstiaryError:
        """Spend the token. Nothing of it is spent for a request that cannot be granted."""
        token = request.form["refresh_token"]
        before = await self._refresh_tokens.family_of(token, tx)
        if before is None or before.client_id != request.client.id or before.authorized is None:
            return InvalidGrant(_WRONG)
        authorized = msgspec.json.decode(before.authorized, type=Authorized)
        if request.client.public and authorized.binding and authorized.binding != request.binding:
            return InvalidGrant("The refresh token is bound to a key that was not shown.")
        target = narrowed(request, authorized)
        account = await self._accounts.get_in(tx, before.account_id)
        if account is None or account.status != "active":
            return InvalidGrant("The account is not active.")
        if before.session_id is not None and not await goes_on(tx, before.session_id, request.client.id):
            await self._refresh_tokens.end(tx, account.id, before.id)
            return InvalidGrant("The session has ended in which this was allowed.")
        refreshed = await self._spent(tx, request, token)
        if refreshed is None:
            return InvalidGrant(_WRONG)
        # A new ID token says nothing of the nonce, which was for the one answer (OpenID Connect Core section 12.2).
        return Given(
            target=target,
            account=account,
            subject_id=account.id,
            family_id=before.id,
            authorized=msgspec.structs.replace(authorized, nonce=None),
            refresh_token=refreshed.token,
            id_token="openid" in authorized.scopes,
            binding=request.binding,
        )

    async def _spent(self, tx: Transaction, request: TokenRequest, token: str) -> Refreshed | None:
        if request.client.metadata.profile == "fapi2":
            # Bound to its client, it is not rotated (FAPI 2.0 Security Profile section 5.3.2.1).
            return await self._refresh_tokens.use_in(tx, token, "client", request.now)
        return await self._refresh_tokens.rotate_in(
            tx, token, "client", request.now, request.caller.actor, grace=self._grace
        )
