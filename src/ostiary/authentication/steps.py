"""One step of a flow: what is due next, or the flow's end. The same for every purpose that the dispatcher leads."""

from __future__ import annotations

from typing import ClassVar, Protocol

from ostiary.accounts import Account, AccountStore
from ostiary.authentication.flow import Flow, Flows, Purpose
from ostiary.authentication.means import Means, means_of
from ostiary.authentication.outcome import Challenged, Outcome
from ostiary.authentication.progress import Progress
from ostiary.authorization import Caller
from ostiary.credentials.face import CredentialType
from ostiary.database import Transaction
from ostiary.errors import InvalidChallenge, Unavailable
from ostiary.settings import SignInSettings


class Ending(Protocol):
    """What a purpose takes, and what comes of it once that is shown."""

    purpose: ClassVar[Purpose]

    def due(self, means: Means, progress: Progress) -> tuple[str, ...]:
        """The steps to choose from, the best first; none when enough is shown."""
        ...

    async def prepare(self, caller: Caller, account: Account, progress: Progress) -> None:
        """What has to be known, or refused, before the transaction that a step is taken in; raises what refuses it."""
        ...

    async def finish(self, tx: Transaction, caller: Caller, account: Account, progress: Progress) -> Outcome:
        """Do what the flow was begun for; the transaction ends the flow as well."""
        ...


class Steps:
    """Moves flows on."""

    def __init__(self, flows: Flows, settings: SignInSettings, offered: frozenset[CredentialType]) -> None:
        """``offered``: the types of credentials that the settings offer."""
        self._flows = flows
        self._settings = settings
        self.offered = offered
        self.ttl = settings.flow_ttl
        """How long a flow lives, in seconds."""

    async def open(
        self,
        tx: Transaction,
        now: int,
        ending: Ending,
        account: Account | None,
        progress: Progress,
        *,
        link_hash: bytes | None = None,
    ) -> str:
        """A new flow; returns its token."""
        return await self._flows.open(
            tx,
            now,
            ending.purpose,
            account.id if account else None,
            progress,
            ttl=self._settings.flow_ttl,
            tries=self._settings.code_tries,
            link_hash=link_hash,
        )

    async def move(
        self,
        tx: Transaction,
        caller: Caller,
        ending: Ending,
        account: Account,
        progress: Progress,
        *,
        flow: Flow | None = None,
        token: str = "",
    ) -> Outcome:
        """The flow's end, if enough is shown by now; else its next step.

        Args:
            flow, token: where there is one already; without it, one begins where a next step is due.

        Raises:
            InvalidChallenge: another answer has moved or ended the flow first.
        """
        due = ending.due(await means_of(tx, account, self.offered), progress)
        if not due:
            if flow is not None and await self._flows.end(tx, flow) is None:
                raise InvalidChallenge
            return await ending.finish(tx, caller, account, progress)
        if flow is None:
            token = await self.open(tx, caller.at, ending, account, progress)
        else:
            # An answer that counts gives its try back: what is limited is guessing.
            await self._flows.advance(tx, flow, progress, account_id=account.id, tries=1)
        return self.challenged(token, ending, due, flow.expires_at - caller.at if flow else None)

    def challenged(self, token: str, ending: Ending, due: tuple[str, ...], left: int | None = None) -> Challenged:
        """The answer that a next step is due. ``left`` in milliseconds."""
        expires_in = self._settings.flow_ttl if left is None else max(left // 1000, 1)
        return Challenged(token, ending.purpose, due, "", expires_in)


async def hold_unchanged(tx: Transaction, accounts: AccountStore, account: Account) -> Account:
    """The account, which nobody changes until the end of the transaction.

    Raises:
        Unavailable: it was deleted or disabled since it was read; a flow that goes on would outlive that.
    """
    held = await accounts.hold(tx, account.id)
    if held is None or held.status != account.status:
        raise Unavailable("The account was changed a moment ago; try again.", retry_after=1)
    return held
