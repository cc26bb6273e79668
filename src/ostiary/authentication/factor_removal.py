"""A lost second factor, removed by an administrator after a time in which its owner can stop it.

Passkeys go with the others: where two factors are asked for, one that is lost bars the way like any other. Whoever
still has one stops the removal by signing in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ostiary.accounts import Account, AccountStore
from ostiary.audit import SYSTEM, Actor, Event, record
from ostiary.authentication.enrolments import Enrolments
from ostiary.authentication.freshness import Freshness
from ostiary.authentication.letters import Letters
from ostiary.authorization import Authorizer, Caller
from ostiary.base.clock import SECOND, Timestamp, rfc3339
from ostiary.database import Database, Transaction
from ostiary.errors import Conflict, NotFound
from ostiary.permissions import Permission
from ostiary.sessions import Sessions
from ostiary.settings import RecoverySettings
from ostiary.tokens import RefreshTokens

if TYPE_CHECKING:
    from ostiary.authentication.recovery import Recovery


class FactorRemoval(msgspec.Struct, frozen=True):
    """When the second factors of an account are removed."""

    requested_at: Timestamp
    due_at: Timestamp


class _Row(msgspec.Struct, frozen=True):
    account_id: str
    requested_at: int
    due_at: int


class FactorRemovals:
    """What administrators do for who has lost a telephone or a password; never to who holds more of Ostiary."""

    def __init__(
        self,
        db: Database,
        accounts: AccountStore,
        enrolments: Enrolments,
        recovery: Recovery,
        sessions: Sessions,
        refresh_tokens: RefreshTokens,
        letters: Letters,
        authorizer: Authorizer,
        freshness: Freshness,
        settings: RecoverySettings,
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._enrolments = enrolments
        self._recovery = recovery
        self._sessions = sessions
        self._refresh_tokens = refresh_tokens
        self._letters = letters
        self._authorizer = authorizer
        self._freshness = freshness
        self._wait = settings.administrator_wait * SECOND
        self._by_email = settings.by_email

    async def request(self, caller: Caller, account_id: str) -> FactorRemoval:
        """Have second factors, passkeys and recovery codes of an account removed; its owner is told by mail at once.

        Asked for again, the time does not begin anew.

        Raises:
            NotFound: there is no such account. Conflict: it has none of them.
            Forbidden: the caller may not, or the account holds more of Ostiary than the caller does.
            InsufficientAuthentication: a step-up is due.
        """
        account = await self._permit(caller, account_id)
        await self._freshness.require_of_administrator(caller)
        due_at = caller.at + self._wait
        async with self._db.transaction() as tx:
            if not await _has_second(tx, account.id):
                raise Conflict("This account has no second factor.")
            added = await tx.execute(
                "INSERT INTO factor_removals (account_id, requested_at, due_at) VALUES (:id, :now, :due_at)"
                " ON CONFLICT DO NOTHING",
                id=account.id,
                now=caller.at,
                due_at=due_at,
            )
            if added:
                await self._announce(tx, caller, account, due_at)
            row = await self._waiting(tx, account.id) or _Row(account.id, caller.at, due_at)
        self._letters.wake()
        if self._wait == 0:
            await self.apply_due(caller.at)
        return _view(row)

    async def get(self, caller: Caller, account_id: str | None = None) -> FactorRemoval | None:
        """The removal that waits, of the caller's own account or of another; None where there is none.

        Raises:
            Forbidden: it is another account's, and the caller may not see it.
        """
        if account_id is None:
            account_id = caller.require_person()  # no permission needed: it is the caller's own
        else:
            await caller.require(Permission.CREDENTIALS_READ)
        async with self._db.transaction() as tx:
            row = await self._waiting(tx, account_id)
        return None if row is None else _view(row)

    async def stop(self, caller: Caller, account_id: str | None = None) -> None:
        """Stop a removal that waits: the owner, whose second factor is not lost, or an administrator.

        Raises:
            NotFound: none waits.
            Forbidden: it is another account's, and the caller may not.
        """
        if account_id is None:
            account_id = caller.require_person()  # no permission needed: it is the caller's own
        else:
            await self._permit(caller, account_id)
        async with self._db.transaction() as tx:
            if not await stop_removal(tx, caller.at, caller.actor, account_id):
                raise NotFound("No removal of second factors waits here.")

    async def mail_recovery(self, caller: Caller, account_id: str) -> None:
        """Mail the owner of an account what a forgotten password is replaced by.

        Raises:
            NotFound: there is no such account. Conflict: it has no address to mail to.
            Forbidden: the caller may not, or the account holds more of Ostiary than the caller does.
        """
        account = await self._permit(caller, account_id)
        if account.email is None or account.status != "active":
            raise Conflict("This account is not active, or has no address to mail to.")
        await self._recovery.begin(caller, account.email)

    async def apply_due(self, now: int) -> int:
        """Carry out what has waited long enough; returns how many."""
        rows = await self._db.fetch_all(
            _Row, "SELECT account_id, requested_at, due_at FROM factor_removals WHERE due_at <= :now LIMIT 100", now=now
        )
        for row in rows:
            async with self._db.transaction() as tx:
                await self._apply(tx, now, row.account_id)
        if rows:
            self._letters.wake()
        return len(rows)

    async def _apply(self, tx: Transaction, now: int, account_id: str) -> None:
        account = await self._accounts.hold(tx, account_id)
        due = await tx.execute(
            "DELETE FROM factor_removals WHERE account_id = :id AND due_at <= :now", id=account_id, now=now
        )
        if account is None or not due:
            return  # stopped, or carried out, a moment ago
        await self._sessions.end_all(tx, account_id)
        # A passkey stays where there would be no way in without it.
        mailed = self._by_email and account.email_verified_at is not None
        await tx.execute(
            "DELETE FROM credentials WHERE account_id = :id"
            " AND (second = 1 OR :mailed = 1 OR EXISTS (SELECT 1 FROM passwords WHERE account_id = :id))",
            id=account_id,
            mailed=int(mailed),
        )
        await tx.execute("DELETE FROM recovery_codes WHERE account_id = :id", id=account_id)
        await self._enrolments.changed(tx, account_id)
        await self._refresh_tokens.end_all(tx, account_id)
        what = "Your second factors and passkeys were removed by an administrator, and every sign-in has ended."
        await self._letters.credentials_changed(tx, Caller.anonymous(at=now), account, what, always=True)
        await record(tx, now, Event.SECOND_FACTORS_REMOVED, SYSTEM, account_id)

    async def _announce(self, tx: Transaction, caller: Caller, account: Account, due_at: int) -> None:
        what = (
            "An administrator has asked to remove the second factors and passkeys of your account."
            f" They are removed at {rfc3339(due_at)}, unless you sign in with one of them before."
        )
        await self._letters.credentials_changed(tx, caller, account, what, always=True)
        await record(tx, caller.at, Event.SECOND_FACTORS_REMOVAL_REQUESTED, caller.actor, account.id, due_at=due_at)

    async def _waiting(self, tx: Transaction, account_id: str) -> _Row | None:
        return await tx.fetch_one(
            _Row,
            "SELECT account_id, requested_at, due_at FROM factor_removals WHERE account_id = :id",
            id=account_id,
        )

    async def _permit(self, caller: Caller, account_id: str) -> Account:
        await caller.require(Permission.CREDENTIALS_RESET)
        account = await self._accounts.get(account_id)
        if account is None:
            raise NotFound("There is no such account.")
        await self._authorizer.forbid_outranked(caller, account_id)
        return account


def _view(row: _Row) -> FactorRemoval:
    return FactorRemoval(rfc3339(row.requested_at), rfc3339(row.due_at))


async def _has_second(tx: Transaction, account_id: str) -> bool:
    found = await tx.fetch_value("SELECT 1 FROM credentials WHERE account_id = :id LIMIT 1", id=account_id)
    return found is not None


async def stop_removal(tx: Transaction, now: int, actor: Actor, account_id: str) -> bool:
    """Stop a removal that waits, as does whoever shows the second factor; False where none waits."""
    stopped = await tx.execute("DELETE FROM factor_removals WHERE account_id = :id", id=account_id)
    if stopped:
        await record(tx, now, Event.SECOND_FACTORS_REMOVAL_STOPPED, actor, account_id)
    return stopped > 0
