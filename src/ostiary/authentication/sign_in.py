"""Sign-in with a password. An unknown account and a wrong password are the same answer, in the same time."""

from __future__ import annotations

import msgspec

from ostiary.accounts import Account, AccountStore
from ostiary.accounts.store import identifier_key
from ostiary.audit import Event, record
from ostiary.authentication.completion import Completion
from ostiary.authentication.flow import Flows
from ostiary.authentication.letters import Letters
from ostiary.authentication.outcome import Challenged, Delivery, SignedIn
from ostiary.authentication.throttle import Throttle
from ostiary.authorization import Caller
from ostiary.credentials import Passwords, PasswordText
from ostiary.database import Database, Transaction
from ostiary.errors import AccountDisabled, InvalidCredentials, RateLimited, TooManySessions, Unavailable


class SignInRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``identifier`` is an e-mail address or a username; ``remember`` has the cookie outlive the browser."""

    identifier: str
    password: PasswordText
    delivery: Delivery = "cookie"
    remember: bool = False

    def __repr__(self) -> str:
        return "SignInRequest()"


class PendingSignIn(msgspec.Struct, frozen=True):
    """Where the code was sent, and how the sign-in arrives once that address is proved."""

    email: str
    delivery: Delivery
    remember: bool = False


class SignIn:
    """The password step."""

    def __init__(
        self,
        db: Database,
        accounts: AccountStore,
        passwords: Passwords,
        flows: Flows,
        completion: Completion,
        letters: Letters,
        throttle: Throttle,
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._passwords = passwords
        self._flows = flows
        self._completion = completion
        self._letters = letters
        self._throttle = throttle

    async def __call__(self, caller: Caller, request: SignInRequest) -> SignedIn | Challenged:
        """Sign in, or ask for the proof of the address that is still due.

        Raises:
            InvalidCredentials: no such account, no password, or not this one: which, nobody is told.
            AccountDisabled: the password is right, and an administrator has disabled the account.
            RateLimited: too many tries on this account.
            TooManySessions: the account is signed in at as many places as it may be.
            Unavailable: too many passwords are being checked, which is no try, or the account is changing.
        """
        # No permission needed: what is asked for is the proof itself.
        account = await self._accounts.by_identifier(request.identifier)
        # An account's address and its username are one budget of tries; a name that nobody has is one of its own.
        key = account.id if account else identifier_key(request.identifier)[1]
        await self._count_try(caller, key)
        try:
            stored = await self._passwords.verify(account.id if account else None, request.password)
        except Unavailable:
            self._throttle.password_unchecked(key)
            raise
        if account is None or stored is None:
            await self._refuse(caller, account)
            raise InvalidCredentials
        self._throttle.password_proved(key)
        if account.status == "disabled":
            raise AccountDisabled
        upgraded = await self._passwords.upgraded(stored, request.password)
        await self._completion.ready()
        if account.status == "pending":
            self._throttle.mail(account.email_key or "", caller.at)
        try:
            await self._completion.require_room(caller, account, request.delivery)
            outcome = await self._finish(caller, request, account, stored, upgraded)
        except TooManySessions:
            async with self._db.transaction() as tx:
                await record(tx, caller.at, Event.SESSION_REFUSED, caller.actor_as(account.id), account.id)
            raise
        if isinstance(outcome, Challenged):
            self._letters.wake()
        return outcome

    async def _finish(
        self, caller: Caller, request: SignInRequest, account: Account, stored: str, upgraded: str | None
    ) -> SignedIn | Challenged:
        async with self._db.transaction() as tx:
            await self._still(tx, account, stored)
            if upgraded is not None and await self._passwords.rehash(tx, account.id, stored, upgraded):
                await record(tx, caller.at, Event.PASSWORD_REHASHED, caller.actor_as(account.id), account.id)
            if account.status == "active":
                return await self._completion(tx, caller, account, request.delivery, remember=request.remember)
            return await self._challenge(tx, caller, account, request)

    async def _still(self, tx: Transaction, account: Account, stored: str) -> None:
        """Refuse where the account or its password has changed since they were read, a hash ago.

        Otherwise this sign-in would outlive the change that has just ended all others. Asked again, it sees the change.
        """
        held = await self._accounts.hold(tx, account.id)
        if held is None or held.status != account.status:
            raise Unavailable("The account was changed a moment ago; try again.", retry_after=1)
        if await self._passwords.hold(tx, account.id) != stored:
            raise Unavailable("The password was changed a moment ago; try again.", retry_after=1)

    async def _challenge(self, tx: Transaction, caller: Caller, account: Account, request: SignInRequest) -> Challenged:
        email = account.email or ""
        pending = PendingSignIn(email, request.delivery, request.remember)
        begun = await self._flows.begin(tx, caller.at, "sign_in", account.id, pending)
        await self._letters.verify_email(tx, account, begun)
        await record(tx, caller.at, Event.SIGN_IN_CHALLENGED, caller.actor, account.id)
        return Challenged(begun.token, "sign_in", ("email_code",), email, self._flows.ttl)

    async def _count_try(self, caller: Caller, key: str) -> None:
        try:
            self._throttle.password(key, caller.at)
        except RateLimited:
            async with self._db.transaction() as tx:
                await record(tx, caller.at, Event.SIGN_IN_THROTTLED, caller.actor)
            raise

    async def _refuse(self, caller: Caller, account: Account | None) -> None:
        async with self._db.transaction() as tx:
            await record(tx, caller.at, Event.SIGN_IN_FAILED, caller.actor, account.id if account else None)
