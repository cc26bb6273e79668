"""Ostiary's own API, called by an application: as its person, and only as far as its scopes go."""

from __future__ import annotations

from ostiary.accounts import AccountStore
from ostiary.authentication.recognition import Recognised, RequestFacts
from ostiary.authorization import Authorizer, Caller
from ostiary.base.clock import SECOND
from ostiary.errors import InvalidToken
from ostiary.oauth.bearer import BearerTokens
from ostiary.oauth.proofs import Shown
from ostiary.permissions import NAMESPACE


class ApplicationRecognition:
    """Authenticates each request of an application afresh."""

    def __init__(self, bearer: BearerTokens, accounts: AccountStore, authorizer: Authorizer, issuer_url: str) -> None:
        self._bearer = bearer
        self._accounts = accounts
        self._authorizer = authorizer
        self._issuer_url = issuer_url

    async def __call__(self, authorization: str, shown: Shown, facts: RequestFacts) -> Recognised:
        """Whom an application calls for, limited to its scopes that are permissions of ours.

        Raises:
            InvalidToken, InvalidDpopProof: the token does not count, or not with what was shown.
        """
        opened = await self._bearer.shown(authorization, shown, facts.at, audience=self._issuer_url)
        claims = opened.claims
        account = await self._accounts.get(opened.account_id or str(claims["sub"]))
        if account is None or account.status != "active":
            raise InvalidToken("This token is no account's, or that of one that is not active.")
        caller = Caller(
            kind="account",
            account_id=account.id,
            method="application",
            session_id=claims.get("sid"),
            amr=tuple(claims.get("amr", ())),
            acr=str(claims.get("acr", "")),
            authenticated_at=int(claims["auth_time"]) * SECOND if "auth_time" in claims else None,
            scopes=frozenset(scope for scope in opened.scopes if scope.startswith(NAMESPACE)),
            address=facts.address,
            user_agent=facts.user_agent,
            request_id=facts.request_id,
            at=facts.at,
            authorizer=self._authorizer,
        )
        return Recognised(caller, account)
