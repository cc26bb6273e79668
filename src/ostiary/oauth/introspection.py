"""Token introspection (RFC 7662; signed answers, RFC 9701), and revocation (RFC 7009)."""

from __future__ import annotations

from typing import Any

from ostiary.audit import Event, record
from ostiary.authorization import Caller
from ostiary.base.clock import SECOND
from ostiary.database import Database
from ostiary.errors import InvalidRequest, InvalidToken, OstiaryError
from ostiary.oauth.bearer import BearerTokens, Opened
from ostiary.oauth.client_auth import ClientAuthentication, Knocking
from ostiary.oauth.faults import InvalidClient, UnauthorizedClient
from ostiary.oauth.issuing import OPAQUE_PREFIX, Issuer
from ostiary.oauth.model import Client
from ostiary.oauth.spent import spend_all
from ostiary.oauth.subjects import Subjects
from ostiary.tokens import RefreshFamily, RefreshTokens

INACTIVE = {"active": False}
"""All that is said of a token that does not count, whatever the reason (RFC 7662 section 2.2)."""
_SHOWN = (
    "scope",
    "client_id",
    "exp",
    "iat",
    "nbf",
    "sub",
    "aud",
    "iss",
    "jti",
    "cnf",
    "act",
    "acr",
    "amr",
    "auth_time",
    "authorization_details",
    "roles",
    "permissions",
)


class Introspection:
    """Tells protected APIs what tokens say, and ends tokens for the clients that have them."""

    def __init__(
        self,
        db: Database,
        authentication: ClientAuthentication,
        bearer: BearerTokens,
        refresh_tokens: RefreshTokens,
        issuer: Issuer,
        subjects: Subjects,
        issuer_url: str,
    ) -> None:
        self._db = db
        self._authentication = authentication
        self._bearer = bearer
        self._refresh_tokens = refresh_tokens
        self._issuer = issuer
        self._subjects = subjects
        self._issuer_url = issuer_url

    async def introspect(self, caller: Caller, knocking: Knocking, *, signed: bool) -> dict[str, Any] | str:
        """What a token says, or that it does not count; as a JWT where that is asked for.

        Raises:
            InvalidClient: the client did not prove who it is, or has nothing to prove it with.
            InvalidRequest: no token is named.
        """
        # No permission needed: whoever asks has the token, and could not use it for anything else.
        client = await self._known(caller, knocking)
        if client.public:
            raise UnauthorizedClient("Introspection is for clients that prove who they are.")
        token = _token(knocking)
        found = await self._told(client, token, caller.at)
        algorithm = client.metadata.introspection_signed_response_alg
        if not signed and algorithm is None:
            return found
        await self._issuer.ready()
        claims = {
            "iss": self._issuer_url,
            "aud": client.id,
            "iat": caller.at // SECOND,
            "token_introspection": found,
        }
        return self._issuer.sign(claims, algorithm or "RS256", caller.at, "token-introspection+jwt")

    async def revoke(self, caller: Caller, knocking: Knocking) -> None:
        """End a token of this client, and what it came of. That it had ended, or is none, is no error (section 2.2).

        Raises:
            InvalidClient, InvalidRequest: as ``introspect``.
        """
        # No permission needed: the client has the token.
        client = await self._known(caller, knocking)
        token = _token(knocking)
        family: RefreshFamily | None
        if token.startswith(OPAQUE_PREFIX) or token.count(".") == 2:
            try:
                opened = await self._bearer.open(token, caller.at, audience=None)
            except InvalidToken:
                return
            if opened.claims.get("client_id") != client.id:
                return
            family = opened.family
        else:
            family = await self._refresh_tokens.family_of(token)
        if family is not None and family.client_id != client.id:
            return
        async with self._db.transaction() as tx:
            if token.startswith(OPAQUE_PREFIX):
                await self._issuer.revoke_opaque(tx, token)
            if family is not None:
                await self._refresh_tokens.end(tx, family.account_id, family.id)
            account_id = None if family is None else family.account_id
            await record(tx, caller.at, Event.TOKENS_REVOKED, caller.actor, account_id, client=client.id)

    async def _told(self, client: Client, token: str, now: int) -> dict[str, Any]:
        if token.startswith("ost_rt_"):
            return await self._refresh_token(client, token, now)
        try:
            opened = await self._bearer.open(token, now, audience=None)
        except OstiaryError:
            return INACTIVE
        if not self._may_know(client, opened):
            return INACTIVE
        kind = "DPoP" if "jkt" in (opened.claims.get("cnf") or {}) else "Bearer"
        shown = {name: opened.claims[name] for name in _SHOWN if name in opened.claims}
        return {"active": True, "token_type": kind, **shown}

    def _may_know(self, client: Client, opened: Opened) -> bool:
        """The client that has the token; or one that stands for an API: confidential, and not a stranger's."""
        return opened.claims.get("client_id") == client.id or client.source == "administrator"

    async def _refresh_token(self, client: Client, token: str, now: int) -> dict[str, Any]:
        family = await self._refresh_tokens.family_of(token)
        mine = family is not None and family.client_id == client.id
        if family is None or not mine or not await self._refresh_tokens.is_current(token, now):
            return INACTIVE
        return {
            "active": True,
            "token_type": "refresh_token",
            "client_id": client.id,
            "sub": self._subjects.of(client, family.account_id),
            "exp": family.idle_expires_at // SECOND,
            "iat": family.created_at // SECOND,
            "iss": self._issuer_url,
        }

    async def _known(self, caller: Caller, knocking: Knocking) -> Client:
        authenticated = await self._authentication(caller, knocking)
        if authenticated.spends:
            async with self._db.transaction(durable=False) as tx:
                fresh = await spend_all(tx, authenticated.spends)
            if not fresh:
                raise InvalidClient("This assertion was used before.")
        return authenticated.client


def _token(knocking: Knocking) -> str:
    token = knocking.form.get("token")
    if not token:
        raise InvalidRequest("token is missing.", field="token")
    return token
