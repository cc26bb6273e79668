"""Sign-in by name and password in one go: the beginning of a flow, and, where that is enough, its end.

An unknown account and a wrong password are the same answer, in the same time.
"""

from __future__ import annotations

import msgspec

from ostiary.accounts import Account, AccountStore
from ostiary.audit import Event, record
from ostiary.authentication.completion import Completion
from ostiary.authentication.devices import Devices
from ostiary.authentication.enrolments import holder_of
from ostiary.authentication.guessing import Guessing
from ostiary.authentication.letters import Letters
from ostiary.authentication.outcome import Challenged, Delivery, Outcome
from ostiary.authentication.progress import Progress
from ostiary.authentication.steps import Steps, hold_unchanged
from ostiary.authorization import Caller
from ostiary.credentials import PasswordAnswer, Passwords, PasswordText
from ostiary.credentials.face import Proof
from ostiary.database import Database
from ostiary.errors import InvalidCredentials, RateLimited, TooManySessions, Unavailable


class SignInRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``identifier`` is an e-mail address or a username; ``remember`` has the cookie outlive the browser.

    ``device`` is the client's own secret, from an earlier sign-in by token; browsers have a cookie instead.
    """

    identifier: str
    password: PasswordText
    delivery: Delivery = "cookie"
    remember: bool = False
    device: str = ""

    def __repr__(self) -> str:
        return "SignInRequest()"


class SignIn:
    """The password step without a flow before it, which saves two writes where no other step is due."""

    def __init__(
        self,
        db: Database,
        accounts: AccountStore,
        passwords: Passwords,
        steps: Steps,
        completion: Completion,
        devices: Devices,
        guessing: Guessing,
        letters: Letters,
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._passwords = passwords
        self._steps = steps
        self._completion = completion
        self._devices = devices
        self._guessing = guessing
        self._letters = letters

    async def __call__(self, caller: Caller, request: SignInRequest) -> Outcome:
        """Sign in, or say which step is due.

        Raises:
            InvalidCredentials: no such account, no password, or not this one: which, nobody is told.
            AccountDisabled: the password is right, and an administrator has disabled the account.
            RateLimited: too many tries on this account.
            TooManySessions: the account is signed in at as many places as it may be.
            Unavailable: too many passwords are being checked, which is no try, or the account is changing.
        """
        # No permission needed: what is asked for is the proof itself.
        if request.device:
            caller = msgspec.structs.replace(caller, device=request.device)
        account = await self._accounts.by_identifier(request.identifier)
        device = None if account is None else await self._devices.known(account.id, caller)
        known = device.id if device else None
        changed_at = None if account is None else await self._passwords.changed_at(account.id)
        proof = await self._check(caller, account, request, known)
        if account is None or proof is None:
            raise InvalidCredentials
        progress = Progress(
            identifier=request.identifier,
            delivery=request.delivery,
            remember=request.remember,
            proofs=(proof,),
            suspicious=await self._guessing.right("password", account, known, caller.at),
            stand_in=self._devices.stands_in(device, caller.at),
        )
        await self._completion.prepare(caller, account, progress)
        outcome = await self._finish(caller, account, progress, changed_at)
        if isinstance(outcome, Challenged):
            self._letters.wake()
        return outcome

    async def _check(
        self, caller: Caller, account: Account | None, request: SignInRequest, device: str | None
    ) -> Proof | None:
        identifier, now = request.identifier, caller.at
        try:
            await self._guessing.begin("password", account, identifier, device, now)
        except RateLimited:
            async with self._db.transaction() as tx:
                await record(tx, now, Event.SIGN_IN_THROTTLED, caller.actor)
            raise
        holder = None if account is None else holder_of(account)
        try:
            proof = await self._passwords.verify(holder, PasswordAnswer(request.password), b"", now)
        except Unavailable:
            await self._guessing.unchecked("password", account, identifier, device)
            raise
        if proof is None:
            await self._guessing.wrong("password", account, identifier, device, now)
            async with self._db.transaction() as tx:
                await record(tx, now, Event.SIGN_IN_FAILED, caller.actor, account.id if account else None)
        return proof

    async def _finish(self, caller: Caller, account: Account, progress: Progress, changed_at: int | None) -> Outcome:
        try:
            async with self._db.transaction() as tx:
                account = await hold_unchanged(tx, self._accounts, account)
                # Otherwise this sign-in would outlive the change that has just ended all others.
                if await self._passwords.hold(tx, account.id) != changed_at:
                    raise Unavailable("The password was changed a moment ago; try again.", retry_after=1)
                return await self._steps.move(tx, caller, self._completion, account, progress)
        except TooManySessions:
            async with self._db.transaction() as tx:
                await record(tx, caller.at, Event.SESSION_REFUSED, caller.actor_as(account.id), account.id)
            raise
