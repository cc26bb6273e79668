"""The userinfo endpoint (OpenID Connect Core section 5.3)."""

from __future__ import annotations

from typing import Any

import msgspec

from ostiary.accounts import AccountStore
from ostiary.authorization import Caller
from ostiary.errors import InvalidToken
from ostiary.oauth.bearer import BearerTokens
from ostiary.oauth.claims import ClaimsRequest, PersonalClaims, wanted_claims
from ostiary.oauth.client_store import ClientStore
from ostiary.oauth.faults import InsufficientScope
from ostiary.oauth.issuing import Issuer
from ostiary.oauth.model import Authorized
from ostiary.oauth.proofs import Shown
from ostiary.oauth.subjects import Subjects


class UserInfo:
    """Tells an application about its person, as far as that person has let it know."""

    def __init__(
        self,
        store: ClientStore,
        accounts: AccountStore,
        bearer: BearerTokens,
        claims: PersonalClaims,
        subjects: Subjects,
        issuer: Issuer,
        issuer_url: str,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._bearer = bearer
        self._claims = claims
        self._subjects = subjects
        self._issuer = issuer
        self._issuer_url = issuer_url

    async def __call__(self, caller: Caller, authorization: str | None, shown: Shown) -> dict[str, Any] | str:
        """The claims; as a JWT where the client is registered for that.

        Raises:
            Unauthenticated, InvalidToken: there is no token that counts.
            InsufficientScope: the token is not for this.
        """
        # No permission needed: the token is what the person has allowed.
        now = caller.at
        opened = await self._bearer.shown(authorization, shown, now, audience=self._issuer_url)
        if "openid" not in opened.scopes:
            raise InsufficientScope("openid")
        family = opened.family
        client = None if family is None else await self._store.get(family.client_id or "")
        account = None if family is None else await self._accounts.get(family.account_id)
        if family is None or client is None or account is None or account.status != "active":
            raise InvalidToken("The account of this token is not active.")
        authorized = msgspec.json.decode(family.authorized or b"{}", type=Authorized)
        requested = msgspec.convert(authorized.claims, ClaimsRequest).userinfo
        scopes = tuple(scope for scope in authorized.scopes if scope in opened.scopes)
        told = await self._claims.of(account, wanted_claims(scopes, requested))
        found = {"sub": self._subjects.of(client, account.id), **told}
        algorithm = client.metadata.userinfo_signed_response_alg
        if algorithm is None:
            return found
        return self._issuer.sign({**found, "iss": self._issuer_url, "aud": client.id}, algorithm, now, "JWT")
