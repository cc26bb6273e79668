"""The one dispatcher over persisted flows: it makes challenges and takes answers, whatever the credential or purpose.

A flow belongs to the browser or client that has its token; each answer that counts moves it by one step, once. What is
enough, and what comes of it, says the purpose's ending: a sign-in, a step-up, a recovery.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec

from ostiary.accounts import Account, AccountStore
from ostiary.audit import Event, record
from ostiary.authentication.completion import Completion
from ostiary.authentication.devices import Device, Devices
from ostiary.authentication.enrolments import Enrolments, holder_of
from ostiary.authentication.flow import Flow, Flows
from ostiary.authentication.guessing import Guessing
from ostiary.authentication.letters import Letters
from ostiary.authentication.means import means_of
from ostiary.authentication.outcome import Challenged, Outcome, SignedIn
from ostiary.authentication.progress import (
    Answer,
    AnswerRequest,
    ChallengeRequest,
    FlowRequest,
    NewPasswordAnswer,
    Progress,
    StepUpRequest,
    method_of,
)
from ostiary.authentication.recovery import Recovery
from ostiary.authentication.step_up import StepUp
from ostiary.authentication.steps import Ending, Steps, hold_unchanged
from ostiary.authorization import Caller
from ostiary.base.tokens import digest, equal
from ostiary.credentials import EmailCodes, PasswordAnswer, RecoveryCodes
from ostiary.credentials.face import Challenge, Credential, Holder, Proof
from ostiary.database import Database, Transaction
from ostiary.errors import InvalidChallenge, InvalidCredentials, OstiaryError, RateLimited, Unavailable
from ostiary.settings import SignInSettings

_ELSEWHERE = "Open the link in the browser that you asked for it in, or type the code from the message there."
_LONGEST_NAME = 254
"""What is typed in its place and longer is no name, and kept in the flow up to here (RFC 5321 section 4.5.3.1.3)."""
_REFUSED = {"sign_in": Event.SIGN_IN_FAILED, "step_up": Event.STEP_UP_FAILED}


class Open(msgspec.Struct, frozen=True):
    """A flow that is open, and all that its next step depends on."""

    token: str
    flow: Flow
    progress: Progress
    account: Account | None
    ending: Ending
    due: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Open({self.flow.kind})"


class Dispatcher:
    """Begins flows, and takes them from step to step."""

    def __init__(
        self,
        db: Database,
        accounts: AccountStore,
        credentials: Mapping[str, Credential[Any]],
        email_codes: EmailCodes,
        recovery_codes: RecoveryCodes,
        flows: Flows,
        steps: Steps,
        completion: Completion,
        step_up: StepUp,
        recovery: Recovery,
        enrolments: Enrolments,
        devices: Devices,
        guessing: Guessing,
        letters: Letters,
        settings: SignInSettings,
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._credentials = credentials
        self._email_codes = email_codes
        self._recovery_codes = recovery_codes
        self._link_anywhere = settings.link_anywhere
        self._flows = flows
        self._steps = steps
        self._completion = completion
        self._step_up = step_up
        self._recovery = recovery
        self._endings: dict[str, Ending] = {ending.purpose: ending for ending in (completion, step_up, recovery)}
        self._enrolments = enrolments
        self._devices = devices
        self._guessing = guessing
        self._letters = letters

    async def begin(self, caller: Caller, request: FlowRequest) -> Challenged:
        """Begin a flow. A name that nobody has begins one like any other; no answer ends it.

        Raises:
            Unauthenticated, PersonRequired: there is nobody signed in, or not by a person, for a step-up.
            InvalidRequest: the level cannot be reached here.
            RateLimited: too much mail, for a recovery.
        """
        # No permission needed: what is asked for is the proof itself.
        if request.purpose == "recover":
            return await self._recovery.begin(caller, request.identifier)
        if request.purpose == "step_up":
            account: Account | None
            account, progress = await self._step_up.begin(caller, request.acr_values)
            ending: Ending = self._step_up
        else:
            account = await self._accounts.by_identifier(request.identifier) if request.identifier else None
            progress = Progress(
                identifier=request.identifier[:_LONGEST_NAME],
                delivery=request.delivery,
                remember=request.remember,
                level=self._step_up.reachable(request.acr_values),
            )
            ending = self._completion
        async with self._db.transaction() as tx:
            token = await self._steps.open(tx, caller.at, ending, account, progress)
        return self._steps.challenged(token, ending, await self._due(ending, account, progress))

    async def step_up(self, caller: Caller, request: StepUpRequest) -> Outcome:
        """Step up by password in one go; where another proof is due, nothing is tried, and the answer says which.

        Raises:
            what :meth:`begin` and :meth:`answer` do.
        """
        challenged = await self.begin(caller, FlowRequest("step_up"))
        if "password" not in challenged.next:
            return challenged
        return await self.answer(caller, AnswerRequest(challenged.flow, PasswordAnswer(request.password)))

    async def waiting(self, token: str, now: int) -> Open:
        """The flow of this token, and what is due in it. Looking changes nothing.

        Raises:
            InvalidChallenge: it has ended.
        """
        flow = await self._flows.by_token(token, now)
        if flow is None or flow.kind not in self._endings:
            raise InvalidChallenge("This has ended or taken too long; begin again.")
        return await self._opened(token, flow)

    async def challenge(self, caller: Caller, request: ChallengeRequest) -> Challenged:
        """Make the challenge of one step: send its code, or tell its options. Made again, it replaces the one before.

        Raises:
            InvalidChallenge: the flow has ended, or that step is not due.
            RateLimited: too many messages.
        """
        # No permission needed: the flow's token is the proof of having begun.
        now, method = caller.at, request.method
        opened = await self.waiting(request.flow, now)
        if method not in opened.due or method == "new_password":
            raise InvalidChallenge("This step is not due; take one of those in `next`.", field="method")
        if method == "email_code":
            await self._guessing.mail(opened.account, opened.progress.identifier, now)
        elif method == "sms_code":
            await self._enrolments.count_sms(_known(opened), "", now)
        async with self._db.transaction() as tx:
            made = await self._make(tx, opened, method, request.given, now)
            progress = opened.progress.asked(method, made.kept)
            await self._flows.advance(tx, opened.flow, progress, link_hash=made.link_hash)
            if method in ("email_code", "sms_code"):
                account_id = opened.account.id if opened.account else None
                await record(tx, now, Event.CREDENTIAL_CHALLENGED, caller.actor, account_id, type=method)
        self._letters.wake()
        left = opened.flow.expires_at - now
        challenged = self._steps.challenged(request.flow, opened.ending, opened.due, left)
        public = dict(made.public)
        sent_to = public.pop("sent_to", "")
        if not opened.progress.proofs and method == "email_code":
            sent_to = opened.progress.identifier  # as it was typed: where it leads to is not told to everybody
        return msgspec.structs.replace(challenged, challenge=public, sent_to=sent_to)

    async def answer(self, caller: Caller, request: AnswerRequest) -> Outcome:
        """Take the answer to a step that is due.

        Raises:
            InvalidChallenge: the flow has ended, the step is not due, or a code is wrong, used or expired.
            InvalidCredentials: the password, or the passkey, is not right.
            AccountDisabled: enough is right, and an administrator has disabled the account.
            RateLimited: too many tries.
            TooManySessions: the account is signed in at as many places as it may be.
            WeakPassword: a rule refuses the new password.
            Unavailable: too many passwords are being checked, or the account is changing.
        """
        # No permission needed: what is asked for is the proof itself.
        if request.device:
            caller = msgspec.structs.replace(caller, device=request.device)
        opened = await self.waiting(request.flow, caller.at)
        method = method_of(request.answer)
        progress = opened.progress
        if request.trust_device:
            progress = msgspec.structs.replace(progress, trust=True)
        if isinstance(request.answer, NewPasswordAnswer):
            _require(opened, method)
            password_hash = await self._recovery.new(_known(opened), request.answer.password)
            progress = msgspec.structs.replace(progress, password_hash=password_hash)
            return await self._move(caller, opened, _known(opened), progress)
        if "enrol_" + method in opened.due:
            await self._flows.count_try(opened.flow, caller.at)
            return await self._move(caller, opened, _known(opened), progress, enrols=request)
        _require(opened, method)
        device = await self._device(caller, opened.account)
        proof = await self._prove(caller, opened, request.answer, device)
        return await self._proved(caller, opened, progress, proof, device)

    async def open_link(self, caller: Caller, link_token: str, flow_token: str | None) -> Outcome:
        """Take a mailed link as the answer, in the browser that asked for it; elsewhere as the settings say.

        A recovery's link opens anywhere: it ends in a new password that only who has opened it knows.

        Raises:
            InvalidChallenge: it was used, has expired, or opens in another browser only.
        """
        # No permission needed: the link is the proof.
        opened = await self.link(link_token, caller.at)
        if flow_token is None or not equal(digest(flow_token), opened.flow.id_hash):
            if not (opened.flow.kind == "recover" or self._link_anywhere):
                raise InvalidChallenge(_ELSEWHERE)
            async with self._db.transaction() as tx:
                flow_token, flow = await self._flows.adopt(tx, opened.flow)
            opened = await self._opened(flow_token, flow)
        opened = msgspec.structs.replace(opened, token=flow_token)
        _require(opened, "email_code")
        proof = self._email_codes.opened(holder_of(_known(opened)), caller.at)
        device = await self._device(caller, opened.account)
        return await self._proved(caller, opened, opened.progress, proof, device, counted=False)

    async def link(self, link_token: str, now: int) -> Open:
        """The flow that a mailed link belongs to. Looking spends nothing: mail scanners look, too.

        Raises:
            InvalidChallenge: it was used, or has expired.
        """
        flow = await self._flows.by_link(link_token, now)
        if flow is None or flow.kind not in self._endings:
            raise InvalidChallenge
        return await self._opened("", flow)

    async def _opened(self, token: str, flow: Flow) -> Open:
        progress, ending = flow.read(Progress), self._endings[flow.kind]
        account = await self._accounts.get(flow.account_id or "")  # nobody is looked for like anybody: as long
        return Open(token, flow, progress, account, ending, await self._due(ending, account, progress))

    async def _due(self, ending: Ending, account: Account | None, progress: Progress) -> tuple[str, ...]:
        """What comes next.

        It begins alike for all, and as soon: what an account has is not read before somebody has proved something.
        """
        if account is None or (not progress.proofs and ending is not self._step_up):
            return ("email_code",) if ending is self._recovery else self._completion.first(progress)
        return ending.due(await means_of(self._db, account, self._steps.offered), progress)

    async def _make(self, tx: Transaction, opened: Open, method: str, given: str, now: int) -> Challenge:
        if method.startswith("enrol_"):
            return await self._enrolments.challenge(tx, _known(opened), method.removeprefix("enrol_"), given, now)
        return await self._credentials[method].challenge(tx, _holder(opened, method), opened.ending.purpose, now)

    async def _device(self, caller: Caller, account: Account | None) -> Device | None:
        return None if account is None else await self._devices.known(account.id, caller)

    async def _prove(self, caller: Caller, opened: Open, answer: Answer, device: Device | None) -> Proof:
        """What the answer shows. The try is counted, durably, before anybody looks at it."""
        method, account, identifier = method_of(answer), opened.account, opened.progress.identifier
        known = device.id if device else None
        try:
            await self._guessing.begin(method, account, identifier, known, caller.at)
        except RateLimited:
            async with self._db.transaction() as tx:
                await record(tx, caller.at, Event.SIGN_IN_THROTTLED, caller.actor, type=method)
            raise
        await self._flows.count_try(opened.flow, caller.at)
        holder = _holder(opened, method)
        kept = opened.progress.kept.get(method, b"")
        try:
            proof = await self._credentials[method].verify(holder, answer, kept, caller.at)
        except Unavailable:
            await self._guessing.unchecked(method, account, identifier, known)
            raise
        except OstiaryError:
            await self._note_refused(caller, opened, method)
            raise
        if proof is None:
            await self._guessing.wrong(method, account, identifier, known, caller.at)
            await self._refuse(caller, opened, method)
        return proof

    async def _refuse(self, caller: Caller, opened: Open, method: str) -> NoReturn:
        await self._note_refused(caller, opened, method)
        if method == "password":
            raise InvalidCredentials(field="password")
        if method == "passkey":
            raise InvalidCredentials("This passkey was not accepted.", field="passkey")
        raise InvalidChallenge("This code is not right.", field="code")

    async def _note_refused(self, caller: Caller, opened: Open, method: str) -> None:
        event = _REFUSED.get(opened.flow.kind, Event.CREDENTIAL_REFUSED)
        account_id = opened.account.id if opened.account else None
        async with self._db.transaction() as tx:
            await record(tx, caller.at, event, caller.actor, account_id, type=method)

    async def _proved(
        self,
        caller: Caller,
        opened: Open,
        progress: Progress,
        proof: Proof,
        device: Device | None,
        *,
        counted: bool = True,
    ) -> Outcome:
        account = opened.account
        if account is None and proof.account_id is not None and not progress.identifier:
            account = await self._accounts.get(proof.account_id)
            device = await self._device(caller, account)
        if account is None or (proof.account_id or account.id) != account.id:
            await self._refuse(caller, opened, "passkey")
        if counted and await self._guessing.right(proof.type, account, device.id if device else None, caller.at):
            progress = msgspec.structs.replace(progress, suspicious=True)
        if opened.ending is self._completion:
            stand_in = self._devices.stands_in(device, caller.at)
            progress = msgspec.structs.replace(progress, stand_in=stand_in)
        spends_code = proof.type == "recovery_code"
        return await self._move(caller, opened, account, progress.proved(proof), spends_code=spends_code)

    async def _move(
        self,
        caller: Caller,
        opened: Open,
        account: Account,
        progress: Progress,
        *,
        enrols: AnswerRequest | None = None,
        spends_code: bool = False,
    ) -> Outcome:
        await opened.ending.prepare(caller, account, progress)
        async with self._db.transaction() as tx:
            account = await hold_unchanged(tx, self._accounts, account)
            if opened.flow.account_id is None:
                await _require_enrolled(tx, progress.proofs[-1])
            if enrols is not None:
                kept = progress.kept.get("enrol_" + method_of(enrols.answer), b"")
                _, proof = await self._enrolments.add(
                    tx, caller, account, enrols.answer, kept, enrols.name, flow=opened.flow
                )
                progress = progress.proved(proof)
            elif spends_code:
                await self._note_recovery_code(tx, caller, account)
            outcome = await self._steps.move(
                tx, caller, opened.ending, account, progress, flow=opened.flow, token=opened.token
            )
        self._letters.wake()
        if opened.ending is self._step_up and isinstance(outcome, SignedIn):
            return await self._step_up.renew(caller, outcome, progress)
        return outcome

    async def _note_recovery_code(self, tx: Transaction, caller: Caller, account: Account) -> None:
        left = await self._recovery_codes.left(account.id, tx)
        what = f"A recovery code was used to sign in to your account; {left} are left."
        await self._letters.credentials_changed(tx, caller, account, what)
        await record(tx, caller.at, Event.RECOVERY_CODE_USED, caller.actor_as(account.id), account.id, left=left)


async def _require_enrolled(tx: Transaction, proof: Proof) -> None:
    """That the passkey of a flow of nobody yet is there still: its removal has ended the account's flows, not this.

    Raises:
        InvalidChallenge: it was removed since it was verified.
    """
    if await tx.fetch_value("SELECT 1 FROM credentials WHERE id = :id", id=proof.credential_id) is None:
        raise InvalidChallenge


def _known(opened: Open) -> Account:
    if opened.account is None:
        raise InvalidChallenge
    return opened.account


def _require(opened: Open, method: str) -> None:
    if method not in opened.due:
        raise InvalidChallenge("This step is not due; take one of those in `next`.", field="method")


def _holder(opened: Open, method: str) -> Holder | None:
    """Whose credential is asked for; None where that would tell what the account has, or where no message goes.

    A passkey says by itself whose it is, so that its options name the account's only once something is shown, or to who
    is signed in.
    """
    account = opened.account
    if account is None or (method in ("email_code", "sms_code") and account.status != "active"):
        return None
    if method == "passkey" and not opened.progress.proofs and opened.flow.kind != "step_up":
        return None
    return holder_of(account)
