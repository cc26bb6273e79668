"""Adding a credential: begun, confirmed by showing it, told to the owner. The same signed in and in a sign-in."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from ostiary.accounts import Account, AccountStore
from ostiary.audit import Event, record
from ostiary.authentication.devices import Devices
from ostiary.authentication.flow import Flow, Flows
from ostiary.authentication.freshness import Freshness
from ostiary.authentication.letters import Letters
from ostiary.authentication.means import means_of
from ostiary.authentication.outcome import Renewed
from ostiary.authentication.policy import amr_of, level_of, proofs_of
from ostiary.authentication.progress import Answer, method_of
from ostiary.authentication.throttle import Throttle
from ostiary.authorization import Caller
from ostiary.authorization.store import change_privileges
from ostiary.base.clock import SECOND
from ostiary.credentials import SmsCodes
from ostiary.credentials.face import Challenge, Enrollable, Enrolled, Holder, Proof
from ostiary.database import Database, Transaction
from ostiary.errors import Conflict, InvalidChallenge, InvalidRequest, NotFound, Unavailable
from ostiary.sessions import Sessions
from ostiary.settings import SignInSettings

MAX_NAME = 64
NAMES = {
    "password": "The password",
    "passkey": "A passkey or security key",
    "totp": "An authenticator app",
    "sms_code": "A telephone number for codes",
    "email_code": "The e-mail address",
    "recovery_code": "The set of recovery codes",
}
"""Of each type, as notices to its owner call it."""
_BEGINNINGS = frozenset({"password", "passkey"})
"""What a second factor adds up with. A mail box does not: it shows possession, as they do."""


class PendingEnrolment(msgspec.Struct, frozen=True):
    """What the flow of an enrolment keeps: the type of the credential, and what that keeps."""

    type: str
    kept: bytes

    def __repr__(self) -> str:
        return f"PendingEnrolment({self.type})"


class EnrolRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``given``: the telephone number; ``security_key`` for a key that is to be a second factor only."""

    given: str = ""

    def __repr__(self) -> str:
        return "EnrolRequest()"


class ConfirmRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Shows what is to be added. ``flow`` is the secret that the beginning answered with."""

    flow: str
    answer: Answer
    name: str = ""

    def __repr__(self) -> str:
        return "ConfirmRequest()"


class Begun(msgspec.Struct, frozen=True):
    """An enrolment that waits to be confirmed. ``challenge`` is for the client; ``expires_in`` in seconds."""

    flow: str
    challenge: dict[str, Any]
    expires_in: int

    def __repr__(self) -> str:
        return "Begun()"


class Added(msgspec.Struct, frozen=True):
    """A new credential. ``renewed``: the caller's session, where it has shown that credential now."""

    enrolled: Enrolled
    renewed: Renewed | None


class Enrolments:
    """Adds what can be shown: passkeys, authenticator apps, telephone numbers."""

    def __init__(
        self,
        db: Database,
        accounts: AccountStore,
        enrollable: Mapping[str, Enrollable[Any]],
        sms_codes: SmsCodes,
        flows: Flows,
        devices: Devices,
        freshness: Freshness,
        letters: Letters,
        throttle: Throttle,
        sessions: Sessions,
        settings: SignInSettings,
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._enrollable = enrollable
        self._sms_codes = sms_codes
        self._flows = flows
        self._devices = devices
        self._freshness = freshness
        self._letters = letters
        self._throttle = throttle
        self._sessions = sessions
        self._settings = settings

    async def begin(self, caller: Caller, kind: str, request: EnrolRequest) -> Begun:
        """Begin to add a credential to the caller's own account.

        Raises:
            NotFound: there is no such type, or the settings do not offer it.
            InsufficientAuthentication: a step-up is due.
            InvalidRequest: ``given`` is not usable. Conflict: the account has as many as it may have.
            RateLimited: too many messages.
        """
        # No permission needed: it is the caller's own account, and a fresh proof is asked for.
        account_id = await self._freshness.require(caller)
        self._offered(kind)
        account = await self._accounts.get(account_id)
        if account is None:
            raise NotFound("There is no such account.")
        if kind == "sms_code":
            await self.count_sms(account, request.given, caller.at)
        async with self._db.transaction() as tx:
            made = await self._enrollable[kind].begin_enrolment(tx, holder_of(account), request.given, caller.at)
            token = await self._flows.open(
                tx,
                caller.at,
                "enrol",
                account.id,
                PendingEnrolment(kind, made.kept),
                ttl=self._settings.flow_ttl,
                tries=self._settings.code_tries,
            )
        self._letters.wake()
        return Begun(token, made.public, self._settings.flow_ttl)

    async def begun(self, caller: Caller, kind: str, token: str) -> Begun:
        """An enrolment that was begun, as it was shown then; for a page to be shown again.

        Raises:
            InvalidChallenge: it has ended or taken too long, or is another's.
            InsufficientAuthentication: a step-up is due.
        """
        # No permission needed: as for the beginning.
        account_id = await self._freshness.require(caller)
        flow, pending = await self._pending(account_id, kind, token, caller.at)
        account = await self._accounts.get(account_id)
        if account is None:
            raise InvalidChallenge
        shown = self._enrollable[kind].shown(holder_of(account), pending.kept)
        return Begun(token, shown, (flow.expires_at - caller.at) // SECOND)

    async def confirm(self, caller: Caller, kind: str, request: ConfirmRequest) -> Added:
        """Add what was begun, now that it is shown.

        Raises:
            InvalidChallenge: it is not shown, or has taken too long, or the flow is another's.
            InsufficientAuthentication: a step-up is due.
            Conflict: it is somebody's already, the account has as many as it may have, or nothing that it could be
                asked for beside.
        """
        # No permission needed: as for the beginning.
        account_id = await self._freshness.require(caller)
        flow, pending = await self._pending(account_id, kind, request.flow, caller.at)
        if kind != method_of(request.answer):
            raise InvalidChallenge("This is an answer for another type of credential.", field="answer")
        await self._flows.count_try(flow, caller.at)
        async with self._db.transaction() as tx:
            account = await self._accounts.hold(tx, account_id)
            if account is None or await self._flows.end(tx, flow) is None:
                raise InvalidChallenge
            enrolled, proof = await self.add(tx, caller, account, request.answer, pending.kept, request.name)
        self._letters.wake()
        return Added(enrolled, await self._renew(caller, proof))

    async def challenge(self, tx: Transaction, account: Account, kind: str, given: str, now: int) -> Challenge:
        """What is to be shown to add a credential within a sign-in; see ``Enrollable.begin_enrolment``."""
        self._offered(kind)
        return await self._enrollable[kind].begin_enrolment(tx, holder_of(account), given, now)

    async def count_sms(self, account: Account, given: str, now: int) -> None:
        """Count an SMS to the number that is ``given``, or to the account's, whichever account has it sent there.

        Raises:
            InvalidRequest: it is not a number that SMS are sent to.
            RateLimited: too many.
        """
        number = await self._sms_codes.number_of(holder_of(account), given)
        await self._throttle.sms(number or account.id, now)

    async def add(
        self,
        tx: Transaction,
        caller: Caller,
        account: Account,
        answer: Answer,
        kept: bytes,
        name: str,
        *,
        flow: Flow | None = None,
    ) -> tuple[Enrolled, Proof]:
        """Add it. Every device is asked again, and every other flow begins again: what protects the account differs.

        Args:
            flow: within which this happens, and which goes on.

        Raises:
            InvalidChallenge: it is not shown.
            Conflict: it is somebody's already, or nothing is there that a second factor would add up with.
        """
        if account.status != "active":  # who has not proved the address may be anybody
            raise InvalidChallenge
        kind = method_of(answer)
        credential = self._enrollable[kind]
        enrolled, proof = await credential.enrol(
            tx, holder_of(account), answer, kept, parse_credential_name(name), caller.at
        )
        if enrolled.second and not (await means_of(tx, account, _BEGINNINGS)).ways_in:
            raise Conflict("Set a password or add a passkey first: this is asked for beside one of them.")
        await self.changed(tx, account.id, flow)
        what = f"{NAMES[enrolled.type]} was added to your account."
        await self._letters.credentials_changed(tx, caller, account, what)
        await record(
            tx,
            caller.at,
            Event.CREDENTIAL_ENROLLED,
            caller.actor_as(account.id),
            account.id,
            credential=enrolled.id,
            type=kind,
        )
        return enrolled, proof

    async def changed(self, tx: Transaction, account_id: str, flow: Flow | None = None) -> None:
        """What follows from every change of an account's credentials: new secrets, flows anew, no device trusted."""
        await change_privileges(tx, account_id)
        await self._flows.end_all(tx, account_id, keep=flow)
        await self._devices.distrust_all(tx, account_id)

    async def _pending(self, account_id: str, kind: str, token: str, now: int) -> tuple[Flow, PendingEnrolment]:
        flow = await self._flows.by_token(token, now)
        if flow is None or flow.kind != "enrol" or flow.account_id != account_id:
            raise InvalidChallenge("This has ended or taken too long; begin again.")
        pending = flow.read(PendingEnrolment)
        if pending.type != kind:
            raise InvalidChallenge("This is an answer for another type of credential.", field="answer")
        return flow, pending

    async def _renew(self, caller: Caller, proof: Proof) -> Renewed | None:
        """The session behind a new secret, with what it has shown now; else the next change would ask for that at once.

        It raises the session no higher than a step-up could from here on.
        """
        with suppress(Unavailable):  # it is added, whatever comes of this
            found = await self._sessions.of_caller(caller)
            if found is not None:
                shown = [*proofs_of(caller.amr, caller.at), proof]
                amr = " ".join(dict.fromkeys([*caller.amr, *amr_of(shown)]))
                proved = (amr, max(level_of(shown), found.session.acr))
                epoch = found.privilege_epoch
                rotated = await self._sessions.rotate(found.session, caller.at, privilege_epoch=epoch, proved=proved)
                return None if rotated is None else Renewed(*rotated)
        return None

    def _offered(self, kind: str) -> None:
        if kind not in self._enrollable or not self._enrollable[kind].available:
            raise NotFound("No credential of this type can be added here.")


def holder_of(account: Account) -> Holder:
    """Whose credential it is; the address counts only where it was proved."""
    shown = account.name or account.username or account.email or account.id
    return Holder(account.id, shown, account.email if account.email_verified_at is not None else None)


def parse_credential_name(text: str) -> str:
    """A name for people, of one line.

    Raises:
        InvalidRequest: it is longer, or holds control characters.
    """
    name = text.strip()
    if len(name) > MAX_NAME or not name.isprintable():
        raise InvalidRequest(f"A name has at most {MAX_NAME} characters, all of them visible.", field="name")
    return name
