"""Codes that are sent: by e-mail, with a link that does the same, and by SMS.

A code has six digits and is good for one step of one flow, a few tries and some minutes; the flow counts those. What
the flow keeps of it is sealed: six digits are guessed from any hash of them at once.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from ostiary.base.clock import SECOND
from ostiary.base.email import masked_email
from ostiary.base.phone import masked as masked_number
from ostiary.base.phone import parse_phone
from ostiary.base.tokens import digest, equal, new_code, new_token
from ostiary.credentials.face import Challenge, CredentialType, Enrolled, Factor, Holder, Proof
from ostiary.credentials.store import CredentialStore, StoredCredential
from ostiary.credentials.typed import TypedCode, typed_digits
from ostiary.crypto import Sealer, Unsealable
from ostiary.database import Transaction
from ostiary.errors import Conflict, InvalidChallenge, InvalidRequest
from ostiary.notify import Mailer, Template
from ostiary.settings import Settings

_MAILS: dict[str, Template] = {"sign_in": "sign_in", "step_up": "step_up", "recover": "recover"}
_DIGITS = 6


class EmailCodeAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="method", tag="email_code"):
    """The code in the mail."""

    code: TypedCode

    def __repr__(self) -> str:
        return "EmailCodeAnswer()"


class SmsCodeAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="method", tag="sms_code"):
    """The code in the SMS."""

    code: TypedCode

    def __repr__(self) -> str:
        return "SmsCodeAnswer()"


class _Sent(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a flow keeps.

    Attributes:
        number: that is to be enrolled.
        credential_id, counter: of the enrolled number that the code was sent to. The use of a code moves the counter,
            so that it is used once, and none that was sent before outlives it.
    """

    code: str
    number: str = ""
    credential_id: str = ""
    counter: int = 0

    def __repr__(self) -> str:
        return "_Sent()"


class EmailCodes:
    """Proof of the mail box at the account's address, which is enrolled by being proved; it is not listed here."""

    type: ClassVar[CredentialType] = "email_code"
    factor: ClassVar[Factor] = "possession"

    def __init__(self, mailer: Mailer, sealer: Sealer, settings: Settings) -> None:
        self._mailer = mailer
        self._sealer = sealer
        self._issuer = settings.issuer
        self._settings = settings.sign_in

    @property
    def available(self) -> bool:
        """Whether mail can take the place of a password."""
        return self._settings.email

    async def describe(self, holder: Holder) -> list[Enrolled]:
        """Nothing: the address is shown, and changed, with the account."""
        return []

    async def challenge(self, tx: Transaction, holder: Holder | None, purpose: str, now: int) -> Challenge:
        """Mail a code and a link. Where there is nobody to mail to, the same is done, and the mail dropped.

        ``public`` has the masked address, which whoever asks need not know: it is not for who has proved nothing yet.
        """
        code, link_token = new_code(_DIGITS), new_token()
        address = holder.email if holder else None
        await self._mailer.send(
            tx,
            _MAILS[purpose],
            to=address,
            account_id=holder.account_id if holder else None,
            link=f"{self._issuer}/login/link?token={link_token}",
            code=code,
            valid_for=self._settings.flow_ttl * SECOND,
            anywhere=self._settings.link_anywhere or purpose == "recover",
        )
        kept = self._sealer.seal(msgspec.json.encode(_Sent(code)), _context(self.type, holder))
        return Challenge({"sent_to": masked_email(address)} if address else {}, kept, digest(link_token))

    async def verify(self, holder: Holder | None, answer: EmailCodeAnswer, kept: bytes, now: int) -> Proof | None:
        """That the mail was read; None for a wrong code."""
        right = _matches(_opened(self._sealer, kept, _context(self.type, holder)), answer.code)
        return self.opened(holder, now) if right and holder is not None else None

    def opened(self, holder: Holder, now: int) -> Proof:
        """What it shows to have the link: the same as the code."""
        return Proof(self.type, (self.factor,), ("otp", "mca"), now, "mailbox")


class SmsCodes:
    """Proof of a telephone number. It is weak: whoever talks an operator into a new SIM has it (SP 800-63B-4, 3.1.3.3).

    An account has one number at the most. A number may be that of several accounts: it names nobody.
    """

    type: ClassVar[CredentialType] = "sms_code"
    factor: ClassVar[Factor] = "possession"

    def __init__(self, store: CredentialStore, mailer: Mailer, sealer: Sealer, settings: Settings) -> None:
        self._store = store
        self._mailer = mailer
        self._sealer = sealer
        self._settings = settings.sms
        self._valid_for = settings.sign_in.flow_ttl * SECOND

    @property
    def available(self) -> bool:
        """Whether SMS are sent."""
        return self._settings.sender != "off"

    async def describe(self, holder: Holder) -> list[Enrolled]:
        """The number, masked, and that it is weak."""
        return [self._enrolled(holder, row) for row in await self._store.of_account(holder.account_id, self.type)]

    async def challenge(self, tx: Transaction, holder: Holder | None, purpose: str, now: int) -> Challenge:
        """Send a code to the account's number; where there is none, nothing is sent, and no code is right."""
        rows = await self._store.of_account(holder.account_id, self.type, tx) if holder else []
        if holder is None or not rows:
            return Challenge({}, self._keep(_Sent(new_code(_DIGITS)), _context(self.type, holder)))
        row = rows[-1]
        number = self._number(holder, row)
        sent = _Sent(await self._send(tx, holder, number), credential_id=row.id, counter=row.counter)
        return Challenge({"sent_to": masked_number(number)}, self._keep(sent, _context(self.type, holder)))

    async def verify(self, holder: Holder | None, answer: SmsCodeAnswer, kept: bytes, now: int) -> Proof | None:
        """That the SMS was read, at a number that still is the account's; None for a wrong or a spent code."""
        sent = _opened(self._sealer, kept, _context(self.type, holder))
        if not _matches(sent, answer.code) or holder is None:
            return None
        for row in await self._store.of_account(holder.account_id, self.type):
            if row.id == sent.credential_id and await self._store.use(row.id, sent.counter, sent.counter + 1, now):
                return self._proof(row, now)
        return None

    async def begin_enrolment(self, tx: Transaction, holder: Holder, given: str, now: int) -> Challenge:
        """Send a code to the number that is ``given``.

        Raises:
            InvalidRequest: it is not a number that SMS are sent to, or none are sent here.
        """
        number = self._parsed(given)
        sent = _Sent(await self._send(tx, holder, number), number=number)
        return Challenge({"sent_to": masked_number(number)}, self._keep(sent, _context("sms_code enrolment", holder)))

    async def number_of(self, holder: Holder, given: str = "") -> str | None:
        """The number that a code would go to: the one that is ``given`` for an enrolment, or the account's.

        Raises:
            InvalidRequest: it is not a number that SMS are sent to, or none are sent here.
        """
        if given:
            return self._parsed(given)
        rows = await self._store.of_account(holder.account_id, self.type)
        return self._number(holder, rows[-1]) if rows else None

    def shown(self, holder: Holder, kept: bytes) -> dict[str, Any]:
        """Where the code was sent."""
        sent = _opened(self._sealer, kept, _context("sms_code enrolment", holder))
        return {"sent_to": masked_number(sent.number)}

    async def enrol(
        self, tx: Transaction, holder: Holder, answer: SmsCodeAnswer, kept: bytes, name: str, now: int
    ) -> tuple[Enrolled, Proof]:
        """Take the number, in place of the one before.

        Raises:
            InvalidChallenge: the code is not the one that was sent to it.
        """
        sent = _opened(self._sealer, kept, _context("sms_code enrolment", holder))
        if not _matches(sent, answer.code):
            raise InvalidChallenge
        # The account stays as it is until the commit: of two numbers that are taken at once, one is left.
        await tx.fetch_value("SELECT 1 FROM accounts WHERE id = :id /* FOR NO KEY UPDATE */", id=holder.account_id)
        for before in await self._store.of_account(holder.account_id, self.type, tx):
            await self._store.remove(tx, holder.account_id, before.id)
        row = await self._store.insert(
            tx,
            now,
            account_id=holder.account_id,
            kind=self.type,
            name=name or "Telephone",
            second=True,
            data=self._sealer.seal(sent.number.encode(), _data_context(holder)),
        )
        if row is None:
            raise Conflict
        return self._enrolled(holder, row), self._proof(row, now)

    def _parsed(self, given: str) -> str:
        if not self.available:
            raise InvalidRequest("This installation sends no SMS.")
        region, allowed = self._settings.default_region, self._settings.regions
        return parse_phone(given, region, allowed=allowed, field="given").number

    async def _send(self, tx: Transaction, holder: Holder, number: str) -> str:
        code = new_code(_DIGITS)
        await self._mailer.send_sms(
            tx, "code", to=number, valid_for=self._valid_for, account_id=holder.account_id, code=code
        )
        return code

    def _keep(self, sent: _Sent, context: str) -> bytes:
        return self._sealer.seal(msgspec.json.encode(sent), context)

    def _number(self, holder: Holder, row: StoredCredential) -> str:
        return self._sealer.open(row.data, _data_context(holder)).decode()

    def _enrolled(self, holder: Holder, row: StoredCredential) -> Enrolled:
        details = {"number": masked_number(self._number(holder, row)), "weak": True}
        return Enrolled(row.id, self.type, row.name, row.created_at, row.used_at, second=True, details=details)

    def _proof(self, row: StoredCredential, now: int) -> Proof:
        return Proof(self.type, (self.factor,), ("sms",), now, "restricted", credential_id=row.id)


def _opened(sealer: Sealer, kept: bytes, context: str) -> _Sent:
    """Raises InvalidChallenge: nothing is kept, or it is of another challenge or of somebody else."""
    try:
        return msgspec.json.decode(sealer.open(kept, context), type=_Sent)
    except Unsealable as cause:
        raise InvalidChallenge from cause


def _matches(sent: _Sent, typed: str) -> bool:
    return equal(sent.code.encode(), (typed_digits(typed, _DIGITS) or "").encode())


def _context(what: str, holder: Holder | None) -> str:
    return f"flows.data:{holder.account_id if holder else ''}/{what}"


def _data_context(holder: Holder) -> str:
    return f"credentials.data:{holder.account_id}/sms_code"
