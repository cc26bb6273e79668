"""Deciding about accounts as they are in the database now.

Policy and facts are held in memory, but never used without asking first whether anything has changed: every writer of
facts, in whatever process, bumps the revision ``authorization`` in its own transaction, and a writer of roles also
``roles``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ostiary.authorization import administrators
from ostiary.authorization.decide import decide
from ostiary.authorization.escalation import EVERYTHING, Holdings, held_anywhere, holdings_everywhere, uncovered
from ostiary.authorization.explain import Decision
from ostiary.authorization.facts import Facts, Policy
from ostiary.authorization.model import Request, Resource
from ostiary.authorization.store import load_policy, load_subject
from ostiary.base.clock import Clock
from ostiary.errors import Forbidden, Unavailable

if TYPE_CHECKING:
    from ostiary.authorization.caller import Caller
    from ostiary.database import Database, Transaction

_REMEMBERED = 16_384
_ATTEMPTS = 16


class Authorizer:
    """May be shared by every task of one event loop."""

    def __init__(self, db: Database, clock: Clock, *, remembered: int = _REMEMBERED) -> None:
        """``remembered``: how many accounts' facts are held in memory at most."""
        self._db = db
        self._clock = clock
        self._remembered = remembered
        self._revision = -1
        self._roles: tuple[int, Policy] | None = None
        self._facts: dict[str, Facts] = {}

    async def decide(self, account_id: str, permission: str, resource: Resource | None = None) -> Decision:
        """Whether the account may do this now, seeing every change that was acknowledged before the call.

        Raises:
            Unavailable: the database does not answer; so nothing is allowed.
        """
        return decide(await self.facts(account_id), Request(permission, resource, self._clock()))

    async def facts(self, account_id: str) -> Facts:
        """All that counts about one account: policy and its own facts, as of one and the same revision."""
        revision = await self._db.revision("authorization")
        for _ in range(_ATTEMPTS):
            if revision != self._revision:
                self._forget(revision)
            elif (known := self._facts.pop(account_id, None)) is not None:
                self._facts[account_id] = known  # last in the order: the least recently asked for goes first
                return known
            found = Facts(await self._current_policy(), await load_subject(self._db, account_id))
            # Roles of before a change with assignments of after it may allow what was never allowed: read again.
            loaded_at, revision = revision, await self._db.revision("authorization")
            if loaded_at == revision:
                self._remember(revision, account_id, found)
                return found
        raise Unavailable("Permissions are changing too fast to be read; try again.", retry_after=1)

    async def outranked(self, caller: Caller, account_id: str) -> bool:
        """Whether the account holds permissions of Ostiary that the caller does not: then it is not theirs to touch."""
        if caller.kind == "operator" or caller.account_id == account_id:
            return False
        held = held_anywhere(await self.facts(account_id), self._clock())
        return bool(uncovered(await self.holdings(caller), held))

    async def holdings(self, caller: Caller) -> Holdings:
        """What of Ostiary the caller may give and take, for :func:`ostiary.authorization.escalation.require_cover`.

        Raises:
            Unauthenticated: nobody has signed in.
        """
        if caller.kind == "operator":
            return EVERYTHING
        return holdings_everywhere(await self.facts(caller.require_account()), self._clock(), caller.scopes)

    async def forbid_outranked(self, caller: Caller, account_id: str) -> None:
        """Refuse a caller to whom the account is not theirs to touch.

        Raises:
            Forbidden: :meth:`outranked`.
        """
        if await self.outranked(caller, account_id):
            raise Forbidden("This account holds permissions in Ostiary that you do not hold.")

    async def is_last_administrator(self, tx: Transaction, account_id: str) -> bool:
        """See :func:`ostiary.authorization.administrators.is_last_administrator`; call ``tx.bump`` before."""
        return await administrators.is_last_administrator(tx, account_id, self._clock())

    async def _current_policy(self) -> Policy:
        """Roles change seldom, other facts often: the policy is only read again when a role has changed."""
        revision = await self._db.revision("roles")
        if self._roles is None or self._roles[0] != revision:
            self._roles = (revision, await load_policy(self._db))
        return self._roles[1]

    def _forget(self, revision: int) -> None:
        self._revision, self._facts = revision, {}

    def _remember(self, revision: int, account_id: str, found: Facts) -> None:
        if revision != self._revision or found.subject is None:
            return  # another task has moved on; or made-up ids would push real ones out
        self._facts[account_id] = found
        if len(self._facts) > self._remembered:
            del self._facts[next(iter(self._facts))]
