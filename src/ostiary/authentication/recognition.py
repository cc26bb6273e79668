"""From one credential on a request to the frozen Caller that every use case asks for leave."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from ostiary.accounts import Account, AccountStore
from ostiary.audit import Event, record
from ostiary.authentication.outcome import Renewed
from ostiary.authorization import Authorizer, Caller
from ostiary.base.clock import SECOND
from ostiary.base.gcra import Limiter
from ostiary.database import Database
from ostiary.errors import InvalidToken, RateLimited
from ostiary.sessions import DeviceBoundSessions, Found, Session, Sessions
from ostiary.sessions.devices import same_device, same_network
from ostiary.settings import SessionSettings
from ostiary.tokens import AccessTokens


class RequestFacts(msgspec.Struct, frozen=True):
    """Where a request came from and when (milliseconds). ``device``: as :class:`Caller` has it."""

    address: str
    user_agent: str
    request_id: str
    at: int
    device: str = ""

    def __repr__(self) -> str:
        return f"RequestFacts({self.request_id})"


class Recognised(msgspec.Struct, frozen=True):
    """Who a credential belongs to, as of this request.

    Attributes:
        account: None for a session of nobody, and for one that has to be proved again.
        session: for what came by its cookie.
        renewed: the session's new secret, due since the account's privileges have changed.
    """

    caller: Caller
    account: Account | None
    session: Session | None = None
    renewed: Renewed | None = None


class Recognition:
    """Authenticates each request afresh; holds nothing between two of them."""

    def __init__(
        self,
        db: Database,
        accounts: AccountStore,
        sessions: Sessions,
        device_bound: DeviceBoundSessions,
        access_tokens: AccessTokens,
        authorizer: Authorizer,
        settings: SessionSettings,
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._sessions = sessions
        self._device_bound = device_bound
        self._access_tokens = access_tokens
        self._authorizer = authorizer
        self._binding = settings.binding
        self._reports = Limiter(1, 600)  # of a session that moves with every request, the log tells now and then

    def anonymous(self, facts: RequestFacts) -> Caller:
        """A request without a credential."""
        return Caller.anonymous(
            address=facts.address,
            user_agent=facts.user_agent,
            request_id=facts.request_id,
            device=facts.device,
            at=facts.at,
            authorizer=self._authorizer,
        )

    async def by_session(
        self, token: str, bound_cookie: str | None, facts: RequestFacts, *, may_renew: bool = True
    ) -> Recognised | None:
        """Who holds this session cookie; None where it opens nothing any more.

        A session that is bound to a key counts only with the bound cookie: without it its caller is nobody
        (``caller.device_proof``), and nothing but its last use changes.

        A session that comes from another device than it began on is not let through: its caller is nobody, who may
        prove the session again (``caller.step_up``), or, by the policy ``end``, it ends.

        Args:
            may_renew: a new secret that is due can be given to the browser; otherwise a later request does that.
        """
        found = await self._sessions.find(token, facts.at)
        if found is None:
            return None
        session = found.session
        if not self._device_bound.counts(session, bound_cookie, facts.at):
            return Recognised(msgspec.structs.replace(self.anonymous(facts), device_proof=True), None, session)
        if self._has_moved(session, facts):
            return await self._moved(session, facts)
        if found.account is None:
            return Recognised(self._nobody(session, facts), None, session)
        account = Account(*found.account)  # type: ignore[arg-type]  # read by the names of its fields
        renewed = None
        if may_renew and found.privilege_epoch != session.privilege_epoch:
            renewed = await self._renew(found, facts.at)
        if renewed is not None:
            session = renewed.session  # so that what this request does is done to the one that goes on
        caller = Caller(
            kind="account",
            account_id=account.id,
            method="session",
            session_id=session.id,
            session_key=session.id_hash,
            amr=tuple(session.amr.split()),
            acr=session.acr,
            authenticated_at=session.authenticated_at,
            address=facts.address,
            user_agent=facts.user_agent,
            request_id=facts.request_id,
            device=facts.device,
            at=facts.at,
            authorizer=self._authorizer,
        )
        return Recognised(caller, account, session, renewed)

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
        caller = Caller(
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
            device=facts.device,
            at=facts.at,
            authorizer=self._authorizer,
        )
        return Recognised(caller, account)

    async def _renew(self, found: Found, now: int) -> Renewed | None:
        """A new secret since the privileges have changed; None where a request beside this one has got it."""
        if found.session.superseded:
            return None
        rotated = await self._sessions.rotate(found.session, now, privilege_epoch=found.privilege_epoch)
        return None if rotated is None else Renewed(*rotated)

    def _nobody(self, session: Session, facts: RequestFacts) -> Caller:
        return msgspec.structs.replace(
            self.anonymous(facts), method="session", session_id=session.id, session_key=session.id_hash
        )

    def _has_moved(self, session: Session, facts: RequestFacts) -> bool:
        if self._binding == "off":
            return False
        if self._binding == "end" and not same_network(session.address, facts.address):
            return True
        return session.user_agent != facts.user_agent and not same_device(session.user_agent, facts.user_agent)

    async def _moved(self, session: Session, facts: RequestFacts) -> Recognised | None:
        nobody, owner, at = self.anonymous(facts), session.account_id, facts.at
        if owner is None:
            return None  # nothing to prove: it is nobody's
        if self._binding == "end":
            async with self._db.transaction() as tx:
                if await self._sessions.end(tx, session.id, owner, at):
                    await record(tx, at, Event.SESSION_MOVED, nobody.actor, owner, session=session.id)
                    await record(tx, at, Event.SESSION_ENDED, nobody.actor, owner, session=session.id, reason="moved")
            return None
        with suppress(RateLimited):
            self._reports.hit(session.id, at)
            async with self._db.transaction() as tx:
                await record(tx, at, Event.SESSION_MOVED, nobody.actor, owner, session=session.id)
        suspect = msgspec.structs.replace(nobody, session_key=session.id_hash, step_up=True)
        return Recognised(suspect, None, session)
