"""Change of address: asks for the password, proves the new address, tells both."""

from __future__ import annotations

import msgspec

from ostiary.accounts import Account, AccountStore, Profiles
from ostiary.audit import Event, record
from ostiary.authentication.flow import Begun, Flows
from ostiary.authentication.freshness import Freshness
from ostiary.authentication.letters import Letters
from ostiary.authentication.outcome import Challenged
from ostiary.authentication.password_confirmation import PasswordConfirmation
from ostiary.authentication.throttle import Throttle
from ostiary.authorization import Caller
from ostiary.base.email import EmailAddress, TypedAddress, parse_email
from ostiary.credentials import PasswordText
from ostiary.database import Database, Transaction


class EmailChangeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``password`` may be left out by who has stepped up a moment ago."""

    email: TypedAddress
    password: PasswordText | None = None

    def __repr__(self) -> str:
        return "EmailChangeRequest()"


class PendingEmail(msgspec.Struct, frozen=True):
    """The address to take once it is proved."""

    email: str


class EmailChange:
    """Begins a change of the signed-in person's own address; ``Verification`` ends it."""

    def __init__(
        self,
        db: Database,
        accounts: AccountStore,
        profiles: Profiles,
        flows: Flows,
        letters: Letters,
        throttle: Throttle,
        confirm: PasswordConfirmation,
        freshness: Freshness,
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._profiles = profiles
        self._flows = flows
        self._letters = letters
        self._throttle = throttle
        self._confirm = confirm
        self._freshness = freshness

    async def __call__(self, caller: Caller, request: EmailChangeRequest) -> Challenged:
        """Mail a code and link to the new address, and a notice to the old one.

        An address that another account has gets the notice that it is in use; the answer is the same.

        Raises:
            InvalidRequest: the address is not one.
            InvalidCredentials: the password is not right.
            InsufficientAuthentication: a step-up is due.
            RateLimited: too many tries, or too much mail to this address.
        """
        # No permission needed: it is the caller's own account, and the password, or a fresh proof, is asked for.
        caller.require_person()
        account = await self._profiles.read(caller)
        email = parse_email(request.email)
        if request.password is None or await self._freshness.level(account.id) > "aal1":
            await self._freshness.require(caller)
        if request.password is not None:
            await self._confirm(caller, request.password, "password")
        await self._throttle.mail(email.key, caller.at)
        async with self._db.transaction() as tx:
            begun = await self._begin(tx, caller, account, email)
            await self._letters.email_change_requested(tx, caller, account, email.address)
            await record(tx, caller.at, Event.ACCOUNT_EMAIL_CHANGE_REQUESTED, caller.actor, account.id)
        self._letters.wake()
        return Challenged(begun.token, "change_email", ("email_code",), email.address, self._flows.ttl)

    async def _begin(self, tx: Transaction, caller: Caller, account: Account, email: EmailAddress) -> Begun:
        other = await self._accounts.by_email(tx, email.key)
        if other is not None and other.id != account.id and other.status != "pending":
            await self._letters.address_in_use(tx, other)
            return await self._flows.begin(tx, caller.at, "change_email", None, PendingEmail(email.address))
        begun = await self._flows.begin(tx, caller.at, "change_email", account.id, PendingEmail(email.address))
        await self._letters.email_change_verify(tx, account, email.address, begun)
        return begun
