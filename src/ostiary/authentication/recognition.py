"""From one credential on a request to the frozen Caller that every use case asks for leave."""

from __future__ import annotations

from typing import Literal

import msgspec

from ostiary.accounts import Account, AccountStore
from ostiary.accounts.model import Kind, Status
from ostiary.authentication.outcome import AAL1
from ostiary.authorization import Authorizer, Caller
from ostiary.base.clock import SECOND
from ostiary.base.tokens import digest
from ostiary.database import Database
from ostiary.errors import InvalidToken
from ostiary.sessions import Session, Sessions
from ostiary.tokens import AccessTokens


class RequestFacts(msgspec.Struct, frozen=True):
    """Where a request came from and when (milliseconds)."""

    address: str
    user_agent: str
    request_id: str
    at: int


class Recognised(msgspec.Struct, frozen=True):
    """Who a credential belongs to, as of this request; ``session`` for one that came by its cookie."""

    caller: Caller
    account: Account
    session: Session | None = None


class _SessionAndAccount(Session, frozen=True):
    """A session, and beside it the columns of its account that it does not have itself."""

    kind: Kind
    status: Status
    email: str | None
    email_key: str | None
    email_verified_at: int | None
    username: str | None
    username_key: str | None
    name: str
    account_created_at: int
    updated_at: int


_BESIDE = _SessionAndAccount.__struct_fields__[len(Session.__struct_fields__) :]
# One read for both, since this is asked on every request of a browser. An account that is not active has no sessions:
# what disables it ends them. Asking for it once more costs nothing here.
_SELECT = (
    "SELECT "
    + ", ".join(f"s.{column}" for column in Session.__struct_fields__)
    + "".join(f", a.{name.removeprefix('account_')} AS {name}" for name in _BESIDE)
    + " FROM sessions s JOIN accounts a ON a.id = s.account_id"
    " WHERE s.id_hash = :id_hash AND s.idle_expires_at > :now AND a.status = 'active'"
)


class Recognition:
    """Authenticates each request afresh; holds nothing between two of them."""

    def __init__(
        self,
        db: Database,
        accounts: AccountStore,
        sessions: Sessions,
        access_tokens: AccessTokens,
        authorizer: Authorizer,
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._sessions = sessions
        self._access_tokens = access_tokens
        self._authorizer = authorizer

    def anonymous(self, facts: RequestFacts) -> Caller:
        """A request without a credential."""
        return Caller.anonymous(
            address=facts.address, user_agent=facts.user_agent, request_id=facts.request_id, at=facts.at
        )

    async def by_session(self, token: str, facts: RequestFacts) -> Recognised | None:
        """Who holds this session cookie; None where it opens nothing any more. Moves the sliding expiry on."""
        row = await self._db.fetch_one(_SessionAndAccount, _SELECT, id_hash=digest(token), now=facts.at)
        if row is None:
            return None
        await self._sessions.touch(row, facts.at)
        caller = self._caller(
            facts,
            method="session",
            account_id=row.account_id,
            session_id=row.id,
            amr=tuple(row.amr.split()),
            acr=AAL1,
            authenticated_at=row.authenticated_at,
        )
        return Recognised(caller, _account(row), row)

    async def by_access_token(self, token: str, facts: RequestFacts) -> Recognised:
        """Who holds this access token.

        The token lives for minutes after a sign-out, as access tokens do, but not after its account was disabled.

        Raises:
            InvalidToken: it is not genuine, not for us, expired, or its account is gone.
        """
        claims = await self._access_tokens.verify(token)
        account = await self._accounts.get(claims.sub)
        if account is None or account.status != "active":
            raise InvalidToken("The account of this token is not active.")
        caller = self._caller(
            facts,
            method="token",
            account_id=claims.sub,
            session_id=claims.sid,
            amr=claims.amr,
            acr=claims.acr,
            authenticated_at=claims.auth_time * SECOND,
        )
        return Recognised(caller, account)

    def _caller(
        self,
        facts: RequestFacts,
        *,
        method: Literal["session", "token"],
        account_id: str,
        session_id: str,
        amr: tuple[str, ...],
        acr: str,
        authenticated_at: int,
    ) -> Caller:
        return Caller(
            kind="account",
            account_id=account_id,
            method=method,
            session_id=session_id,
            amr=amr,
            acr=acr,
            authenticated_at=authenticated_at,
            address=facts.address,
            user_agent=facts.user_agent,
            request_id=facts.request_id,
            at=facts.at,
            authorizer=self._authorizer,
        )


def _account(row: _SessionAndAccount) -> Account:
    return Account(
        id=row.account_id,
        kind=row.kind,
        status=row.status,
        email=row.email,
        email_key=row.email_key,
        email_verified_at=row.email_verified_at,
        username=row.username,
        username_key=row.username_key,
        name=row.name,
        created_at=row.account_created_at,
        updated_at=row.updated_at,
    )
