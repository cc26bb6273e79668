"""From one credential on a request to the frozen Caller that every use case asks for leave."""

from __future__ import annotations

import msgspec

from ostiary.accounts import AccountStore
from ostiary.authentication.outcome import AAL1
from ostiary.authorization import Authorizer, Caller
from ostiary.base.clock import SECOND
from ostiary.errors import InvalidToken
from ostiary.sessions import Session, Sessions
from ostiary.tokens import AccessTokens


class RequestFacts(msgspec.Struct, frozen=True):
    """Where a request came from and when (milliseconds)."""

    address: str
    user_agent: str
    request_id: str
    at: int


class Recognition:
    """Authenticates each request afresh; holds nothing between two of them."""

    def __init__(
        self, accounts: AccountStore, sessions: Sessions, access_tokens: AccessTokens, authorizer: Authorizer
    ) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._access_tokens = access_tokens
        self._authorizer = authorizer

    def anonymous(self, facts: RequestFacts) -> Caller:
        """A request without a credential."""
        return Caller.anonymous(
            address=facts.address, user_agent=facts.user_agent, request_id=facts.request_id, at=facts.at
        )

    async def by_session(self, token: str, facts: RequestFacts) -> tuple[Caller, Session] | None:
        """Who holds this session cookie; None where it opens nothing any more.

        The account is not looked at: whatever disables or deletes one ends its sessions in the same transaction.
        """
        session = await self._sessions.find(token, facts.at)
        if session is None:
            return None
        caller = Caller(
            kind="account",
            account_id=session.account_id,
            method="session",
            session_id=session.id,
            amr=tuple(session.amr.split()),
            acr=AAL1,
            authenticated_at=session.authenticated_at,
            address=facts.address,
            user_agent=facts.user_agent,
            request_id=facts.request_id,
            at=facts.at,
            authorizer=self._authorizer,
        )
        return caller, session

    async def by_access_token(self, token: str, facts: RequestFacts) -> Caller:
        """Who holds this access token.

        The token lives for minutes after a sign-out, as access tokens do, but not after its account was disabled.

        Raises:
            InvalidToken: it is not genuine, not for us, expired, or its account is gone.
        """
        claims = await self._access_tokens.verify(token)
        account = await self._accounts.get(claims.sub)
        if account is None or account.status != "active":
            raise InvalidToken("The account of this token is not active.")
        return Caller(
            kind="account",
            account_id=claims.sub,
            method="token",
            session_id=claims.sid,
            amr=claims.amr,
            acr=claims.acr,
            authenticated_at=claims.auth_time * SECOND,
            address=facts.address,
            user_agent=facts.user_agent,
            request_id=facts.request_id,
            at=facts.at,
            authorizer=self._authorizer,
        )
