"""Tokens for an assertion that the client has signed (RFC 7523 section 2.1): as its service account, or as somebody
whom that may impersonate.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ostiary.accounts import Account, AccountStore
from ostiary.authorization import Authorizer
from ostiary.database import Transaction
from ostiary.errors import InvalidRequest, InvalidToken, OstiaryError
from ostiary.oauth.audiences import allowed_scopes, parse_resources, parse_scope, target_of
from ostiary.oauth.client_auth.assertion import spending
from ostiary.oauth.directory import Directory
from ostiary.oauth.faults import InvalidClient, InvalidGrant, InvalidScope
from ostiary.oauth.grants.face import Given, TokenRequest
from ostiary.oauth.model import IDENTITY_SCOPES, JWT_BEARER, GrantType
from ostiary.oauth.spent import Spend, spend
from ostiary.permissions import Permission


class _Prepared(msgspec.Struct, frozen=True):
    given: Given
    spends: Spend


class JwtBearerGrant:
    """See :class:`Grant`."""

    type: GrantType = JWT_BEARER

    def __init__(self, directory: Directory, accounts: AccountStore, authorizer: Authorizer) -> None:
        self._directory = directory
        self._accounts = accounts
        self._authorizer = authorizer

    async def prepare(self, request: TokenRequest) -> _Prepared:
        assertion = request.form.get("assertion")
        if assertion is None:
            raise InvalidRequest("assertion is missing.", field="assertion")
        claims, spends = await self._believed(request, assertion)
        account = await self._account(request, claims["sub"])
        resources = parse_resources(request.form.get("resource", ""), request.catalogue, request.issuer)
        asked = parse_scope(request.form.get("scope", ""))
        if any(scope in IDENTITY_SCOPES for scope in asked):
            raise InvalidScope("What is about a person is for them to allow.", field="scope")
        scopes = allowed_scopes(request.client, asked, resources, request.catalogue, request.issuer)
        target = target_of(request.client, scopes, resources, request.catalogue, request.issuer)
        given = Given(
            target=target,
            account=account,
            subject_id=account.id,
            binding=request.binding,
            facts={"impersonation": account.id != request.client.account_id},
        )
        return _Prepared(given, spends)

    async def redeem(self, tx: Transaction, request: TokenRequest, prepared: _Prepared) -> Given | OstiaryError:
        if not await spend(tx, prepared.spends):
            return InvalidGrant("The assertion was used before.")
        return prepared.given

    async def _believed(self, request: TokenRequest, assertion: str) -> tuple[dict[str, Any], Spend]:
        client = request.client
        try:
            verifier = await self._directory.keys_of(client, assertion)
            claims = verifier.verify(
                assertion,
                typ=("", "jwt"),
                issuer=client.id,
                audience=(request.issuer, f"{request.issuer}/oauth/token"),
                now=request.now,
                required=("sub", "jti", "aud"),
            )
            return claims, spending("bearer", client.id, claims, request.now)
        except (InvalidToken, InvalidClient) as fault:
            raise InvalidGrant(f"The assertion is refused. {fault.detail or ''}".strip()) from None

    async def _account(self, request: TokenRequest, subject: str) -> Account:
        own = request.client.account_id
        account = await self._accounts.get(subject)
        if account is None or account.status != "active" or own is None:
            raise InvalidGrant("The assertion is about nobody whom this client may act as.")
        if account.id != own and not await self._authorizer.decide(own, Permission.TOKENS_IMPERSONATE):
            raise InvalidGrant("The assertion is about nobody whom this client may act as.")
        if account.id != own:
            caller = msgspec.structs.replace(request.caller, kind="account", account_id=own)
            await self._authorizer.forbid_outranked(caller, account.id)
        return account
