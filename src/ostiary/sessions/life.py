"""The life of a session: begun, found, given another secret, ended. The same in every store."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ostiary.authorization import Caller
from ostiary.base.clock import SECOND
from ostiary.base.ids import new_id
from ostiary.base.tokens import digest, new_token
from ostiary.database import Database, Transaction
from ostiary.errors import TooManySessions, Unavailable
from ostiary.sessions.applications import note_all_ended, note_ended
from ostiary.sessions.devices import MAX_USER_AGENT
from ostiary.sessions.model import Found, Session, SessionData
from ostiary.sessions.sql import hold_account
from ostiary.sessions.store import Limit, SessionStore
from ostiary.settings import LONGEST_SESSION, SessionSettings


class Place(msgspec.Struct, frozen=True):
    """Where a request comes from: network address and user agent."""

    address: str
    user_agent: str


class _Epochs(msgspec.Struct, frozen=True):
    session_epoch: int
    privilege_epoch: int


class Sessions:
    """All sessions of one installation.

    New ones go to the first store. Those of the others stay good until they are moved, so that an installation can
    change its store while it runs.
    """

    def __init__(self, db: Database, stores: Sequence[SessionStore], settings: SessionSettings) -> None:
        self._db = db
        self._stores = stores
        self._settings = settings
        limit = settings.max_per_account
        self._limit = Limit(limit, settings.on_limit == "refuse") if limit else None

    async def prepare(
        self,
        tx: Transaction,
        now: int,
        *,
        account_id: str,
        amr: str,
        acr: str,
        place: Place,
        remember: bool = False,
    ) -> tuple[str, Session]:
        """A new session of somebody who has just proved who they are, and the secret that will open it."""
        epochs = await self._hold_epochs(tx, account_id)
        settings = self._settings
        idle, absolute = settings.idle, settings.absolute
        if remember:
            idle, absolute = settings.remember_idle, settings.remember_absolute
        token, session = _new(now, place, idle * SECOND, absolute * SECOND)
        session = msgspec.structs.replace(
            session,
            account_id=account_id,
            epoch=epochs.session_epoch,
            privilege_epoch=epochs.privilege_epoch,
            amr=amr,
            acr=acr,
            authenticated_at=now,
            remembered=remember,
        )
        return token, session

    async def require_room(self, account_id: str, besides: str | None, now: int) -> None:
        """Refuse a sign-in beyond the limit before anything has come of it; ``begin`` counts once more, exactly.

        Args:
            besides: the id of the session in whose place the new one comes.

        Raises:
            TooManySessions: the account has as many as it may have, and one more is refused.
        """
        if self._limit is not None and self._limit.refuse:
            others = [session for session in await self.of_account(account_id, now) if session.id != besides]
            if len(others) >= self._limit.sessions:
                raise TooManySessions

    async def begin(self, tx: Transaction, session: Session) -> None:
        """Keep a session that was prepared in this transaction.

        Raises:
            TooManySessions: the account has as many as it may have; raised when the transaction ends, for some stores.
        """
        await self._stores[0].begin(tx, session, self._limit)

    async def begin_anonymous(self, now: int, place: Place) -> tuple[str, Session]:
        """A new session of nobody, to keep data in, and the secret that opens it."""
        token, session = _new(now, place, self._settings.anonymous_idle * SECOND, self._settings.absolute * SECOND)
        async with self._db.transaction() as tx:
            await self._stores[0].begin(tx, session)
        return token, session

    async def find(self, token: str, now: int) -> Found | None:
        """The open session that this secret opens; its sliding expiry moves on.

        Raises:
            Unavailable: there is none here, but some are kept in a store that this process does not know.
        """
        return await self._find(digest(token), now)

    async def of_caller(self, caller: Caller) -> Found | None:
        """The open session that the caller's request came with, as it is now; None for who came with none."""
        return await self._find(caller.session_key, caller.at) if caller.session_key else None

    async def _find(self, id_hash: bytes, now: int) -> Found | None:
        for store in self._stores:
            if (found := await store.find(id_hash, now)) is not None:
                return found
        if len(self._stores) > 1:  # it may have moved from the other one to the first while we looked there
            return await self._stores[0].find(id_hash, now)
        if await in_redis(self._db):
            raise Unavailable("Some sessions are kept in Redis, which this process is not set up to read.")
        return None

    async def rotate(
        self,
        session: Session,
        now: int,
        *,
        privilege_epoch: int | None = None,
        proved: tuple[str, str] | None = None,
        place: Place | None = None,
    ) -> tuple[str, Session] | None:
        """The same session behind a new secret, as at every change of privilege (OWASP ASVS 5.0, 7.2.4).

        The one before opens it, as it was, for half a minute: requests that are under way are not signed out.

        Args:
            privilege_epoch: the account's, where that is what has changed.
            proved: amr and acr, where the person has just proved who they are.
            place: where the session is to be at home from now on.

        Returns:
            The secret and the session; None where another request has done it already, or the session has ended.
        """
        token = new_token()
        after = msgspec.structs.replace(session, id_hash=digest(token), seen_at=now)
        if privilege_epoch is not None:
            after = msgspec.structs.replace(after, privilege_epoch=privilege_epoch)
        if proved is not None:
            after = msgspec.structs.replace(after, amr=proved[0], acr=proved[1], authenticated_at=now)
        if place is not None:
            after = msgspec.structs.replace(after, address=place.address, user_agent=place.user_agent[:MAX_USER_AGENT])
        for store in self._stores:
            if await store.rotate(session, after):
                return token, after
        return None

    async def bind(self, session: Session, key: bytes, now: int) -> bool:
        """Bind a session to a public key, for good; False where it is bound already, or has ended."""
        for store in self._stores:
            if await store.bind(session, key, now):
                return True
        return False

    async def of_account(self, account_id: str, now: int) -> list[Session]:
        """The account's open sessions, newest first."""
        found = [session for store in self._stores for session in await store.of_account(account_id, now)]
        return sorted(found, key=lambda session: (session.created_at, session.id), reverse=True)

    async def end(self, tx: Transaction, session_id: str, account_id: str | None, now: int) -> bool:
        """End one session of an account, or one of nobody; False when it had ended."""
        if account_id is not None and len(self._stores) > 1:
            await hold_account(tx, account_id)  # so that none that moves arrives where its end has just been
        until = now + LONGEST_SESSION * SECOND  # this one may have begun when sessions were set to live longer
        ended = [await store.end(tx, session_id, account_id, until) for store in self._stores]
        await note_ended(tx, session_id)
        return any(ended)

    async def end_all(self, tx: Transaction, account_id: str, keep: str | None = None) -> None:
        """End every session of an account, except the one whose id is ``keep``: one write, whatever their number."""
        await tx.execute(
            "UPDATE accounts SET session_epoch = session_epoch + 1, kept_session = CAST(:keep AS TEXT)"
            " WHERE id = :account_id",
            account_id=account_id,
            keep=keep,
        )
        await note_all_ended(tx, account_id, keep)
        for store in self._stores:
            await store.end_all(tx, account_id, keep)

    async def read_data(self, session_id: str) -> SessionData:
        """What is kept in a session."""
        found = [await store.read_data(session_id) for store in self._stores]
        return max(found, key=lambda data: data.version)

    async def replace_data(self, session: Session, after: SessionData) -> bool:
        """Write what is kept in a session; False where another change came before."""
        # What is new goes to the first store that takes it; what is there, it is conditional on where it lies.
        for store in self._stores:
            if await store.replace_data(session, after):
                return True
        return False

    async def carry_data(self, tx: Transaction, session_id: str, after: Session) -> None:
        """Give what is kept in one session to another, new one."""
        for store in self._stores:
            await store.carry_data(tx, session_id, after)

    async def sweep(self, tx: Transaction, now: int, limit: int = 500) -> int:
        """Delete up to ``limit`` of what has expired; returns how many."""
        ended = await tx.execute(
            "DELETE FROM ended_sessions WHERE until <= :now AND id IN"
            " (SELECT id FROM ended_sessions WHERE until <= :now ORDER BY until LIMIT :limit)",
            now=now,
            limit=limit,
        )
        return max([ended, *[await store.sweep(tx, now, limit) for store in self._stores]])

    async def _hold_epochs(self, tx: Transaction, account_id: str) -> _Epochs:
        epochs = await tx.fetch_one(
            _Epochs,
            "SELECT session_epoch, privilege_epoch FROM accounts WHERE id = :id /* FOR NO KEY UPDATE */",
            id=account_id,
        )
        if epochs is None:
            raise Unavailable("The account was deleted a moment ago.")
        return epochs


async def in_redis(db: Database) -> bool:
    """Whether some sessions of this installation are kept in Redis."""
    return await db.fetch_value("SELECT 1 FROM session_stores WHERE name = 'redis'") is not None


async def note_redis(db: Database, *, used: bool) -> None:
    """Remember whether some sessions are kept in Redis from now on."""
    if used == await in_redis(db):
        return
    async with db.transaction() as tx:
        if used:
            await tx.execute("INSERT INTO session_stores (name) VALUES ('redis') ON CONFLICT DO NOTHING")
        else:
            await tx.execute("DELETE FROM session_stores WHERE name = 'redis'")


def _new(now: int, place: Place, idle: int, absolute: int) -> tuple[str, Session]:
    token = new_token()
    session = Session(
        id=new_id("ses", now),
        id_hash=digest(token),
        account_id=None,
        epoch=0,
        privilege_epoch=0,
        amr="",
        acr="",
        authenticated_at=0,
        created_at=now,
        seen_at=now,
        idle=idle,
        expires_at=now + absolute,
        remembered=False,
        superseded=False,
        address=place.address,
        user_agent=place.user_agent[:MAX_USER_AGENT],
    )
    return token, session
