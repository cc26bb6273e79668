"""The proof of an address: the end of a sign-up, of the first sign-in, and of a change of address."""

from __future__ import annotations

from typing import Literal

import msgspec

from ostiary.accounts import Account, AccountStore, AccountUpdate
from ostiary.audit import Event, record
from ostiary.authentication.completion import Completion, PendingSignIn
from ostiary.authentication.email_change import PendingEmail
from ostiary.authentication.enrolments import holder_of
from ostiary.authentication.flow import Begun, Flow, Flows
from ostiary.authentication.letters import Letters
from ostiary.authentication.outcome import Challenged, Outcome
from ostiary.authentication.progress import Progress
from ostiary.authentication.registration import PendingRegistration
from ostiary.authentication.steps import Steps
from ostiary.authentication.throttle import Throttle
from ostiary.authorization import Caller
from ostiary.base.email import parse_email
from ostiary.base.tokens import digest, equal
from ostiary.credentials import EmailCodes, Passwords, PasswordText
from ostiary.database import Database, Transaction
from ostiary.errors import Conflict, InvalidChallenge, InvalidCredentials, Unauthenticated
from ostiary.tokens import AccessTokens


class VerificationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Either ``flow`` and ``code``, or the mailed link's ``token`` and one of ``flow`` and ``password``."""

    flow: str | None = None
    code: str | None = None
    token: str | None = None
    password: PasswordText | None = None

    def __repr__(self) -> str:
        return "VerificationRequest()"


class Waiting(msgspec.Struct, frozen=True):
    """What a flow is for, and which address it waits for."""

    purpose: str
    sent_to: str


LinkState = Literal["link", "link_password", "invalid"]
_OURS = ("register", "verify_email", "change_email")
"""The flows that wait for a mail box; the others are the dispatcher's, and the first administrator's."""


class Verification:
    """Ends flows that wait for a mail box."""

    def __init__(
        self,
        db: Database,
        accounts: AccountStore,
        passwords: Passwords,
        email_codes: EmailCodes,
        flows: Flows,
        steps: Steps,
        completion: Completion,
        access_tokens: AccessTokens,
        letters: Letters,
        throttle: Throttle,
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._passwords = passwords
        self._email_codes = email_codes
        self._flows = flows
        self._steps = steps
        self._completion = completion
        self._access_tokens = access_tokens
        self._letters = letters
        self._throttle = throttle

    async def __call__(self, caller: Caller, request: VerificationRequest) -> Outcome | Account:
        """End the flow: the address is proved.

        Returns:
            A sign-in, or its next step, for the end of a sign-up or sign-in; the changed account for that of a change
            of address.

        Raises:
            InvalidChallenge: the code or link is wrong, used, expired or out of tries.
            InvalidCredentials: the link is right and the password that it needs here is not.
            Conflict: somebody else has proved the new address meanwhile.
        """
        # No permission needed: what is asked for is the proof itself.
        if request.token is not None:
            flow: Flow | None = await self._check_link(caller, request)
        elif request.flow is None or request.code is None:
            raise InvalidChallenge("Send the flow and the code, or the token of the link.")
        else:
            flow = await self._check_code(caller, request.flow, request.code)
        if flow is None or flow.account_id is None:
            raise InvalidChallenge(field="code" if request.token is None else None)
        await self._access_tokens.ready()
        async with self._db.transaction() as tx:
            outcome = await self._finish(tx, caller, flow, flow.account_id)
        self._letters.wake()
        return outcome

    async def link_state(self, link_token: str, flow_token: str | None, now: int) -> LinkState:
        """What the person who opened a mailed link has to do next. Looking spends nothing."""
        flow = await self._flows.by_link(link_token, now)
        if flow is None or flow.kind not in _OURS:
            return "invalid"
        return "link" if flow_token and equal(digest(flow_token), flow.id_hash) else "link_password"

    async def waiting(self, flow_token: str, now: int) -> Waiting | None:
        """What this browser's flow waits for; None where it has ended."""
        flow = await self._flows.by_token(flow_token, now)
        if flow is None or flow.kind not in _OURS:
            return None
        return Waiting(_purpose(flow), flow.read(PendingEmail).email)

    async def resend(self, caller: Caller, flow_token: str) -> Challenged:
        """Mail a new code and link; the old ones end, the count of tries starts again.

        Raises:
            InvalidChallenge: the flow has ended.
            RateLimited: too much mail to this address.
        """
        # No permission needed: the flow token is the proof of having begun.
        flow = await self._flows.by_token(flow_token, caller.at)
        if flow is None or flow.kind not in _OURS:
            raise InvalidChallenge
        sent_to = flow.read(PendingEmail).email
        await self._throttle.mail(parse_email(sent_to).key, caller.at)
        async with self._db.transaction() as tx:
            begun = await self._flows.renew(tx, flow, caller.at)
            await self._send_again(tx, flow, begun)
            await record(tx, caller.at, Event.VERIFICATION_SENT, caller.actor, flow.account_id)
        self._letters.wake()
        return Challenged(begun.token, _purpose(flow), ("email_code",), sent_to, self._flows.ttl)

    async def _send_again(self, tx: Transaction, flow: Flow, begun: Begun) -> None:
        account = await self._accounts.get_in(tx, flow.account_id or "")
        if account is None:  # a decoy: its owner is told once more, in the time that a new code takes
            owner = await self._accounts.by_email(tx, parse_email(flow.read(PendingEmail).email).key)
            if owner is not None and owner.status != "pending":
                await self._letters.address_in_use(tx, owner)
        elif flow.kind == "change_email":
            await self._letters.email_change_verify(tx, account, flow.read(PendingEmail).email, begun)
        else:
            await self._letters.verify_email(tx, account, begun)

    async def _check_link(self, caller: Caller, request: VerificationRequest) -> Flow:
        """The flow of a link, opened by whoever began it: that browser, or somebody who knows its password."""
        flow = await self._flows.by_link(request.token or "", caller.at)
        if flow is None or flow.kind not in _OURS:
            raise InvalidChallenge
        if request.flow is not None and equal(digest(request.flow), flow.id_hash):
            return flow
        if request.password is None:
            raise InvalidCredentials("Enter the password that you chose.", field="password")
        await self._flows.count_try(flow, caller.at)
        stored = (
            flow.read(PendingRegistration).password_hash
            if flow.kind == "register"
            else await self._passwords.stored(flow.account_id)
        )
        if not await self._passwords.matches(stored, request.password):
            async with self._db.transaction() as tx:
                await record(tx, caller.at, Event.VERIFICATION_FAILED, caller.actor, flow.account_id)
            raise InvalidCredentials("The password is not right.", field="password")
        return flow

    async def _check_code(self, caller: Caller, flow_token: str, code: str) -> Flow | None:
        """The flow, if this is its code. The try counts and is durable before anything else happens."""
        async with self._db.transaction() as tx:
            flow = await self._flows.try_code(tx, flow_token, code.strip(), caller.at)
            if flow is None or flow.account_id is None:
                await record(tx, caller.at, Event.VERIFICATION_FAILED, caller.actor)
        return flow

    async def _finish(self, tx: Transaction, caller: Caller, flow: Flow, account_id: str) -> Outcome | Account:
        """End the flow, once, and do what it was begun for.

        First the revision, then the account, then its flows: everybody takes them in this order, so that none of two
        ends of one account's flows, nor an administrator, waits for another in a circle.
        """
        if flow.kind != "change_email":
            await tx.bump("authorization")
        account = await self._accounts.hold(tx, account_id)
        if account is None or await self._flows.end(tx, flow) is None:
            raise InvalidChallenge
        if flow.kind == "change_email":
            return await self._change_email(tx, caller, flow, account)
        pending = flow.read(PendingSignIn)
        account = await self._activate(tx, caller, account_id, pending.email)
        if flow.kind == "register":
            account = await self._apply(tx, caller, account, flow.read(PendingRegistration))
        await self._flows.end_all(tx, account_id)
        # The password was asked for in any case: by the registration, or by the sign-in that had the code sent.
        proofs = (Passwords.proof(caller.at), self._email_codes.opened(holder_of(account), caller.at))
        progress = Progress(pending.email, pending.delivery, pending.remember, pending.level, proofs=proofs)
        return await self._steps.move(tx, caller, self._completion, account, progress)

    async def _activate(self, tx: Transaction, caller: Caller, account_id: str, proved: str) -> Account:
        account = await self._accounts.activate(tx, account_id, caller.at)
        if account is None or account.email_key != parse_email(proved).key:
            raise InvalidChallenge  # not waiting any more, or by now for the proof of another address
        await record(tx, caller.at, Event.ACCOUNT_EMAIL_VERIFIED, caller.actor, account_id)
        return account

    async def _apply(self, tx: Transaction, caller: Caller, account: Account, pending: PendingRegistration) -> Account:
        """Give the account what this registration asked for; a username taken meanwhile is left to be chosen."""
        await self._passwords.store(tx, account.id, pending.password_hash, caller.at)
        taken = await self._accounts.username_taken(tx, pending.username, besides=account.id)
        update = AccountUpdate(name=pending.name, username=None if taken else pending.username)
        return await self._accounts.update(tx, account.id, caller.at, update) or account

    async def _change_email(self, tx: Transaction, caller: Caller, flow: Flow, before: Account) -> Account:
        if caller.account_id is not None and caller.account_id != before.id:
            raise Unauthenticated("Sign in with the account whose address is to change.")
        if before.status != "active":
            raise InvalidChallenge
        new = parse_email(flow.read(PendingEmail).email)
        await self._accounts.delete_pending(tx, new.key)
        after = await self._accounts.update(tx, before.id, caller.at, AccountUpdate(email=new))
        if after is None:
            raise Conflict("This address belongs to another account now.")
        await self._flows.end_all(tx, before.id)
        await self._letters.email_changed(tx, caller.at, before, after)
        await record(tx, caller.at, Event.ACCOUNT_EMAIL_CHANGED, caller.actor, before.id)
        return after


def _purpose(flow: Flow) -> str:
    """As people know it: who proves an address at the first sign-in is signing in."""
    return "sign_in" if flow.kind == "verify_email" else flow.kind
