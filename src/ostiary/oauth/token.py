"""The token endpoint (RFC 6749 section 3.2): who asks, for what, with which proof; one transaction; then tokens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ostiary.audit import DeferredWrites, Event, record
from ostiary.authorization import Caller
from ostiary.database import Database, Transaction
from ostiary.errors import InvalidRequest, OstiaryError
from ostiary.oauth.client_auth import ClientAuthentication, Knocking
from ostiary.oauth.client_store import ClientStore
from ostiary.oauth.faults import InvalidClient, UnauthorizedClient, UnsupportedGrantType
from ostiary.oauth.grants import Given, Grant, TokenRequest
from ostiary.oauth.issuing import AccessToken, Issuer
from ostiary.oauth.proofs import Proofs, Shown
from ostiary.oauth.spent import Spend, spend_all

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


class TokenAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a client is answered (RFC 6749 section 5.1)."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str | None = None
    refresh_token: str | None = None
    id_token: str | None = None
    issued_token_type: str | None = None
    authorization_details: tuple[dict[str, Any], ...] | None = None

    def __repr__(self) -> str:
        return "TokenAnswer()"


class TokenEndpoint:
    """Gives tokens for grants."""

    def __init__(
        self,
        db: Database,
        deferred: DeferredWrites,
        store: ClientStore,
        authentication: ClientAuthentication,
        proofs: Proofs,
        issuer: Issuer,
        grants: Iterable[Grant],
        issuer_url: str,
    ) -> None:
        self._db = db
        self._deferred = deferred
        self._store = store
        self._authentication = authentication
        self._proofs = proofs
        self._issuer = issuer
        self._grants = {grant.type: grant for grant in grants}
        self._issuer_url = issuer_url

    async def __call__(self, caller: Caller, knocking: Knocking, shown: Shown) -> TokenAnswer:
        """Tokens, if everything is right.

        Raises:
            OstiaryError: something is not; the error of RFC 6749 section 5.2.
        """
        # No permission needed: what the client proves, and what it brings, is the permission.
        grant = self._grant(knocking.form.get("grant_type"))
        authenticated = await self._authentication(caller, knocking)
        client = authenticated.client
        if grant.type not in client.grants:
            raise UnauthorizedClient(f"This client is not registered for the grant {grant.type}.")
        binding, spends = await self._proofs.binding(client, shown, caller.at)
        request = TokenRequest(
            client=client,
            form=knocking.form,
            caller=caller,
            catalogue=await self._store.catalogue(),
            issuer=self._issuer_url,
            binding=binding,
        )
        prepared = await grant.prepare(request)
        await self._issuer.ready()
        if isinstance(prepared, Given):
            return await self._at_once(request, grant, prepared, (*authenticated.spends, *spends))
        given = await self._redeemed(request, grant, prepared, (*authenticated.spends, *spends))
        access = await self._access(request, given)
        if access.row is not None:
            async with self._db.transaction() as tx:
                await self._issuer.store(tx, access, given.family_id)
        return await self._answer(request, given, access)

    async def _redeemed(self, request: TokenRequest, grant: Grant, prepared: Any, spends: Iterable[Spend]) -> Given:
        async with self._db.transaction() as tx:
            outcome = await _spent(tx, spends) or await grant.redeem(tx, request, prepared)
            if isinstance(outcome, Given):
                await self._record(tx, request, grant, outcome)
        if isinstance(outcome, OstiaryError):
            raise outcome
        return outcome

    async def _at_once(
        self, request: TokenRequest, grant: Grant, given: Given, spends: tuple[Spend, ...]
    ) -> TokenAnswer:
        """Where nothing but the proofs is spent, the token is made first, and stored with the rest."""
        access = await self._access(request, given)
        alone = not spends and access.row is None
        if alone and given.account is None and self._deferred.note(lambda tx: self._record(tx, request, grant, given)):
            return await self._answer(request, given, access)
        # A token that stands for itself is good whether or not the disk has its record yet.
        async with self._db.transaction(durable=not alone) as tx:
            refused = await _spent(tx, spends)
            if refused is None:
                await self._issuer.store(tx, access, given.family_id)
                await self._record(tx, request, grant, given)
        if refused is not None:
            raise refused
        return await self._answer(request, given, access)

    def _grant(self, name: str | None) -> Grant:
        if name is None:
            raise InvalidRequest("grant_type is missing.", field="grant_type")
        grant = self._grants.get(name)  # type: ignore[call-overload]  # any text may be asked for
        if grant is None:
            raise UnsupportedGrantType
        return grant  # type: ignore[no-any-return]

    async def _access(self, request: TokenRequest, given: Given) -> AccessToken:
        return await self._issuer.access(
            request.client,
            given.target,
            request.now,
            account_id=given.subject_id,
            family_id=given.family_id,
            authorized=given.authorized,
            binding=given.binding,
            actor=given.actor,
            expires_at=given.expires_at,
        )

    async def _answer(self, request: TokenRequest, given: Given, access: AccessToken) -> TokenAnswer:
        id_token = None
        if given.id_token and given.account is not None and given.authorized is not None:
            id_token = await self._issuer.id_token(
                request.client, given.account, given.authorized, request.now, access_token=access.token
            )
        details = None if given.authorized is None else given.authorized.details or None
        scope = access.scope if given.authorized is None else given.authorized.scope
        return TokenAnswer(
            access_token=access.token,
            token_type=access.type,
            expires_in=access.expires_in,
            scope=scope or None,
            refresh_token=given.refresh_token,
            id_token=id_token,
            issued_token_type=ACCESS_TOKEN if given.exchanged else None,
            authorization_details=details,
        )

    async def _record(self, tx: Transaction, request: TokenRequest, grant: Grant, given: Given) -> None:
        if grant.type == "refresh_token":
            return  # the rotation is recorded already
        account_id = None if given.account is None else given.account.id
        facts = {"client": request.client.id, "grant": grant.type, "scope": given.target.scope, **given.facts}
        await record(tx, request.now, Event.TOKENS_ISSUED, request.caller.actor, account_id, **facts)


async def _spent(tx: Transaction, spends: Iterable[Spend]) -> OstiaryError | None:
    fresh = await spend_all(tx, spends)
    return None if fresh else InvalidClient("This assertion or proof was used before.")
