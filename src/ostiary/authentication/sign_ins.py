"""Where an account is signed in, by cookie or by token: seen, ended one by one, or all at once."""

from __future__ import annotations

from typing import Literal

import msgspec

from ostiary.accounts import Account, AccountStore
from ostiary.audit import Event, record
from ostiary.authentication.outcome import SignedIn
from ostiary.authorization import Authorizer, Caller
from ostiary.base.clock import Timestamp, rfc3339
from ostiary.base.ids import is_id
from ostiary.database import Database, Transaction
from ostiary.errors import InvalidToken, NotFound, PersonRequired
from ostiary.permissions import Permission
from ostiary.sessions import Session, Sessions
from ostiary.sessions.devices import device_name
from ostiary.sessions.places import Places
from ostiary.tokens import AccessTokens, RefreshFamily, RefreshTokens


class SignInRecord(msgspec.Struct, frozen=True):
    """One place where an account is signed in, as the API shows it.

    Attributes:
        device: the user agent for people, like "Firefox on Linux".
        place: where the address is, like "Lyon, France", by the GeoIP database; None where it is not known.
    """

    id: str
    kind: Literal["session", "token"]
    current: bool
    created_at: Timestamp
    used_at: Timestamp
    expires_at: Timestamp
    address: str
    user_agent: str
    device: str
    place: str | None


class SignIns:
    """Sessions and token families of one account, side by side."""

    def __init__(
        self,
        db: Database,
        accounts: AccountStore,
        sessions: Sessions,
        access_tokens: AccessTokens,
        refresh_tokens: RefreshTokens,
        authorizer: Authorizer,
        places: Places,
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._sessions = sessions
        self._access_tokens = access_tokens
        self._refresh_tokens = refresh_tokens
        self._authorizer = authorizer
        self._places = places

    async def list(self, caller: Caller, account_id: str | None = None) -> list[SignInRecord]:
        """The sign-ins of the caller's own account, or of another one to who may see them; newest first.

        Raises:
            Unauthenticated: nobody is signed in; PersonRequired: a key calls.
            Forbidden: it is another account's, and the caller may not see those.
        """
        account_id = await self._permit(caller, account_id, Permission.SESSIONS_READ)
        sessions = await self._sessions.of_account(account_id, caller.at)
        families = await self._refresh_tokens.of_account(account_id, caller.at)
        found = [_of_session(session, caller, self._places) for session in sessions]
        found += [_of_family(family, caller, self._places) for family in families]
        return sorted(found, key=lambda sign_in: sign_in.created_at, reverse=True)

    async def get(self, caller: Caller, sign_in_id: str, account_id: str | None = None) -> SignInRecord:
        """One sign-in.

        Raises:
            NotFound: the account has none of that id.
        """
        for sign_in in await self.list(caller, account_id):
            if sign_in.id == sign_in_id:
                return sign_in
        raise NotFound("There is no such sign-in.")

    async def end(self, caller: Caller, sign_in_id: str, account_id: str | None = None) -> None:
        """End one sign-in.

        Raises:
            NotFound: the account has none of that id.
        """
        account_id = await self._permit(caller, account_id, Permission.SESSIONS_DELETE)
        # Asked before: a store outside the database cannot be read while its transaction is open.
        open_ones = await self._sessions.of_account(account_id, caller.at)
        is_session = any(session.id == sign_in_id for session in open_ones)
        async with self._db.transaction() as tx:
            await self._end(tx, caller, account_id, sign_in_id, is_session=is_session)

    async def end_all(self, caller: Caller, account_id: str | None = None) -> int:
        """End every sign-in of an account, except the one this request came with; returns how many ended."""
        account_id = await self._permit(caller, account_id, Permission.SESSIONS_DELETE)
        open_ones = await self._sessions.of_account(account_id, caller.at)
        sessions = sum(session.id != caller.session_id for session in open_ones)
        async with self._db.transaction() as tx:
            await self._sessions.end_all(tx, account_id, keep=caller.session_id)
            ended = sessions + await self._refresh_tokens.end_all(tx, account_id, keep=caller.session_id)
            await record(tx, caller.at, Event.SESSIONS_ENDED_ALL, caller.actor, account_id, ended=ended)
        return ended

    async def sign_out(self, caller: Caller, refresh_token: str | None = None) -> None:
        """End the sign-in that this request came with, or the one that ``refresh_token`` belongs to.

        Signing out twice is no error: what was asked for is so.

        Raises:
            PersonRequired: a key calls, which is not signed in.
        """
        # No permission needed: it is the caller's own sign-in, or that of whoever holds its refresh token.
        if caller.delegated:
            raise PersonRequired
        account_id, sign_in_id = caller.account_id, caller.session_id
        if caller.step_up and (found := await self._sessions.of_caller(caller)) is not None:
            account_id, sign_in_id = found.session.account_id, found.session.id
        if refresh_token is not None and (family := await self._refresh_tokens.family_of(refresh_token)) is not None:
            account_id, sign_in_id = family.account_id, family.id
        if sign_in_id is None:
            return
        async with self._db.transaction() as tx:
            if is_id(sign_in_id, "ses"):
                await self._sessions.end(tx, sign_in_id, account_id, caller.at)
            if account_id is None:
                return  # nobody's: not audited, as what it keeps is not
            await self._refresh_tokens.end(tx, account_id, sign_in_id)
            await record(tx, caller.at, Event.SIGN_OUT, caller.actor_as(account_id), account_id, sign_in=sign_in_id)

    async def refresh(self, caller: Caller, refresh_token: str, delivery: Literal["token", "token_cookie"]) -> SignedIn:
        """Spend a refresh token for the next one and a new access token.

        Raises:
            InvalidToken: it is unknown, expired, or was used before; in the last case the whole family has ended.
        """
        # No permission needed: the refresh token is the proof.
        await self._access_tokens.ready()
        refreshed = await self._refresh_tokens.rotate(refresh_token, delivery, caller.at, caller.actor)
        family = refreshed.family
        account = await self._active(family)
        return SignedIn(
            account,
            delivery,
            family.id,
            access_token=self._access_tokens.mint(
                account_id=account.id,
                family_id=family.id,
                amr=tuple(family.amr.split()),
                acr=family.acr,
                auth_time=family.authenticated_at,
            ),
            refresh_token=refreshed.token,
            expires_in=self._access_tokens.ttl,
        )

    async def family_of(self, refresh_token: str) -> RefreshFamily | None:
        """The family that a refresh token belongs to, used or not; None for what is no token of ours."""
        return await self._refresh_tokens.family_of(refresh_token)

    async def _active(self, family: RefreshFamily) -> Account:
        account = await self._accounts.get(family.account_id)
        if account is None or account.status != "active":
            raise InvalidToken("The account of this token is not active.")
        return account

    async def _permit(self, caller: Caller, account_id: str | None, permission: Permission) -> str:
        own = caller.account_id
        if account_id is None or account_id == own:
            return caller.require_person()
        await caller.require(permission)
        if await self._accounts.get(account_id) is None:
            raise NotFound("There is no such account.")
        if permission is Permission.SESSIONS_DELETE:
            await self._authorizer.forbid_outranked(caller, account_id)
        return account_id

    async def _end(
        self, tx: Transaction, caller: Caller, account_id: str, sign_in_id: str, *, is_session: bool
    ) -> None:
        if is_session and await self._sessions.end(tx, sign_in_id, account_id, caller.at):
            event = Event.SESSION_ENDED
        elif await self._refresh_tokens.end(tx, account_id, sign_in_id):
            event = Event.REFRESH_REVOKED
        else:
            raise NotFound("There is no such sign-in.")
        await record(tx, caller.at, event, caller.actor, account_id, sign_in=sign_in_id)


def _of_session(session: Session, caller: Caller, places: Places) -> SignInRecord:
    return SignInRecord(
        id=session.id,
        kind="session",
        current=session.id == caller.session_id,
        created_at=rfc3339(session.created_at),
        used_at=rfc3339(session.seen_at),
        expires_at=rfc3339(session.idle_expires_at),
        address=session.address,
        user_agent=session.user_agent,
        device=device_name(session.user_agent),
        place=places.of(session.address),
    )


def _of_family(family: RefreshFamily, caller: Caller, places: Places) -> SignInRecord:
    return SignInRecord(
        id=family.id,
        kind="token",
        current=family.id == caller.session_id,
        created_at=rfc3339(family.created_at),
        used_at=rfc3339(family.used_at),
        expires_at=rfc3339(family.idle_expires_at),
        address=family.address,
        user_agent=family.user_agent,
        device=device_name(family.user_agent),
        place=places.of(family.address),
    )
