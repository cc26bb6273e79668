"""One access token for another (RFC 8693): for less, and with the name of who acts in it.

Delegation is the rule: the new token names the person and, as ``act``, who holds it for them. A token without that is
made for a client whose service account may impersonate (``ostiary.tokens.impersonate``), and that names no actor.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ostiary.accounts import AccountStore
from ostiary.authorization import Authorizer
from ostiary.base.clock import SECOND
from ostiary.database import Transaction
from ostiary.errors import InvalidRequest, InvalidToken, OstiaryError
from ostiary.oauth.audiences import parse_resources, parse_scope, target_of
from ostiary.oauth.bearer import BearerTokens, Opened
from ostiary.oauth.faults import InvalidGrant, InvalidScope, InvalidTarget
from ostiary.oauth.grants.face import Given, TokenRequest
from ostiary.oauth.model import IDENTITY_SCOPES, TOKEN_EXCHANGE, Authorized, GrantType
from ostiary.permissions import Permission

_ACCESS = "urn:ietf:params:oauth:token-type:access_token"
_JWT = "urn:ietf:params:oauth:token-type:jwt"
_MAX_CHAIN = 8


class TokenExchangeGrant:
    """See :class:`Grant`."""

    type: GrantType = TOKEN_EXCHANGE

    def __init__(self, bearer: BearerTokens, accounts: AccountStore, authorizer: Authorizer) -> None:
        self._bearer = bearer
        self._accounts = accounts
        self._authorizer = authorizer

    async def prepare(self, request: TokenRequest) -> Given:
        """All of it: nothing is spent."""
        form = request.form
        if form.get("requested_token_type", _ACCESS) not in (_ACCESS, _JWT):
            raise InvalidRequest("Only access tokens are given.", field="requested_token_type")
        subject = await self._opened(request, "subject_token")
        audience = _audience_of(subject.claims)
        resources = parse_resources(_resources(form), request.catalogue, request.issuer) or audience
        for resource in resources:
            if resource not in audience:
                raise InvalidTarget(f"The subject token is not for {resource[:200]}.", field="resource")
        scopes = self._scopes(
            request, subject, asked=parse_scope(form.get("scope", "")), narrower=resources != audience
        )
        target = target_of(request.client, scopes, resources, request.catalogue, request.issuer)
        account_id = subject.account_id
        account = None if account_id is None else await self._accounts.get(account_id)
        if account_id is not None and (account is None or account.status != "active"):
            raise InvalidGrant("The account of the subject token is not active.")
        authorized = None
        if subject.family is not None and subject.family.authorized is not None:
            # The rest belongs to the application that the person has allowed: only how they were proved goes along.
            whole = msgspec.json.decode(subject.family.authorized, type=Authorized)
            authorized = Authorized(
                scope=target.scope, amr=whole.amr, acr=whole.acr, authenticated_at=whole.authenticated_at
            )
        actor = await self._actor(request, subject)
        return Given(
            target=target,
            account=account,
            subject_id=account_id or _own_subject(subject),
            family_id=None if subject.family is None else subject.family.id,
            authorized=authorized,
            binding=request.binding,
            actor=actor,
            expires_at=int(subject.claims["exp"]) * SECOND,
            exchanged=True,
            facts={"from": subject.claims.get("client_id"), "impersonation": actor is None},
        )

    async def redeem(self, tx: Transaction, request: TokenRequest, prepared: Given) -> Given | OstiaryError:
        return prepared

    def _scopes(
        self, request: TokenRequest, subject: Opened, *, asked: tuple[str, ...], narrower: bool
    ) -> tuple[str, ...]:
        allowed = [scope for scope in subject.scopes if scope not in IDENTITY_SCOPES]
        registered = request.client.scopes
        for scope in asked:
            if scope not in allowed:
                raise InvalidScope(f"The subject token does not have the scope {scope}.", field="scope")
            if scope not in registered:
                raise InvalidScope(f"This client may not ask for {scope}.", field="scope")
        return asked or tuple(scope for scope in allowed if scope in registered)

    async def _actor(self, request: TokenRequest, subject: Opened) -> dict[str, Any] | None:
        """Who acts: the holder of the actor token, else the client itself; with who acted before (section 4.1)."""
        before = subject.claims.get("act")
        if "actor_token" in request.form:
            shown = await self._opened(request, "actor_token")
            if shown.claims.get("client_id") != request.client.id:
                raise InvalidGrant("The actor token is another client's.")
            actor = {"sub": shown.claims["sub"]}
        elif await self._may_impersonate(request):
            return before if isinstance(before, dict) else None
        else:
            actor = {"sub": request.client.id}
        chain = {**actor, "act": before} if isinstance(before, dict) else actor
        if _length(chain) > _MAX_CHAIN:
            raise InvalidGrant("Too many have acted for each other.")
        return chain

    async def _may_impersonate(self, request: TokenRequest) -> bool:
        account_id = request.client.account_id
        return account_id is not None and bool(await self._authorizer.decide(account_id, Permission.TOKENS_IMPERSONATE))

    async def _opened(self, request: TokenRequest, field: str) -> Opened:
        token = request.form.get(field)
        if token is None:
            raise InvalidRequest(f"{field} is missing.", field=field)
        if request.form.get(f"{field}_type") not in (_ACCESS, _JWT):
            raise InvalidRequest(f"{field}_type has to be that of an access token.", field=f"{field}_type")
        try:
            return await self._bearer.open(token, request.now, audience=None)
        except InvalidToken:
            raise InvalidGrant(f"{field} does not count: it is not ours, has expired, or was ended.") from None


def _resources(form: Any) -> str:
    return " ".join(form[name] for name in ("resource", "audience") if name in form)


def _audience_of(claims: dict[str, Any]) -> tuple[str, ...]:
    audience = claims["aud"]
    return tuple(audience) if isinstance(audience, list) else (audience,)


def _own_subject(subject: Opened) -> str:
    """Of a client's own token: the client, or the service account that it acts as."""
    return str(subject.claims["sub"])


def _length(chain: dict[str, Any]) -> int:
    inner = chain.get("act")
    return 1 + (_length(inner) if isinstance(inner, dict) else 0)
