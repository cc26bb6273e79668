"""Tokens for an authorization code (RFC 6749 section 4.1.3, OAuth 2.1)."""

from __future__ import annotations

from ostiary.accounts import AccountStore
from ostiary.audit import Event, record
from ostiary.base.ids import new_id
from ostiary.database import Transaction
from ostiary.errors import InvalidRequest, OstiaryError
from ostiary.oauth.codes import Codes
from ostiary.oauth.faults import InvalidGrant
from ostiary.oauth.grants.face import Given, TokenRequest
from ostiary.oauth.grants.families import begin_family, bound
from ostiary.oauth.grants.narrowing import narrowed
from ostiary.oauth.model import GrantType
from ostiary.oauth.pkce import challenge_of
from ostiary.tokens import RefreshTokens


class AuthorizationCodeGrant:
    """See :class:`Grant`."""

    type: GrantType = "authorization_code"

    def __init__(self, codes: Codes, accounts: AccountStore, refresh_tokens: RefreshTokens) -> None:
        self._codes = codes
        self._accounts = accounts
        self._refresh_tokens = refresh_tokens

    async def prepare(self, request: TokenRequest) -> str:
        """The challenge that the verifier answers."""
        if "code" not in request.form:
            raise InvalidRequest("code is missing.", field="code")
        return challenge_of(request.form.get("code_verifier"))

    async def redeem(self, tx: Transaction, request: TokenRequest, prepared: str) -> Given | OstiaryError:
        """Claim the code; where it was claimed before, end what came of that (RFC 9700 section 2.1.1)."""
        family_id = new_id("fam", request.now)
        claimed = await self._codes.claim(
            tx,
            request.form["code"],
            request.now,
            client_id=request.client.id,
            redirect_uri=request.form.get("redirect_uri"),
            challenge=prepared,
            family_id=family_id,
        )
        if claimed is None:
            await self._end_reused(tx, request)
            return InvalidGrant("The code is unknown, was used before, has expired, or belongs to another request.")
        authorized = claimed.read()
        if authorized.binding and authorized.binding != request.binding:
            return InvalidGrant("The code is bound to a key that was not shown (dpop_jkt).")
        account = await self._accounts.get_in(tx, claimed.account_id)
        if account is None or account.status != "active":
            return InvalidGrant("The account is not active.")
        target = narrowed(request, authorized)
        authorized = bound(request, authorized)
        token = await begin_family(self._refresh_tokens, tx, request, account.id, authorized, family_id)
        return Given(
            target=target,
            account=account,
            subject_id=account.id,
            family_id=family_id,
            authorized=authorized,
            refresh_token=token,
            id_token="openid" in authorized.scopes,
            binding=request.binding,
        )

    async def _end_reused(self, tx: Transaction, request: TokenRequest) -> None:
        spent = await self._codes.spent_for(tx, request.form["code"], request.client.id)
        if spent is not None and await self._refresh_tokens.end(tx, *spent):
            await record(
                tx,
                request.now,
                Event.AUTHORIZATION_CODE_REUSED,
                request.caller.actor,
                spent[0],
                client=request.client.id,
                family=spent[1],
            )
