"""Codes of authenticator apps: TOTP (RFC 6238), the secret sealed, each code once."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import quote

import msgspec

from ostiary.credentials.face import Challenge, CredentialType, Enrolled, Factor, Holder, Proof
from ostiary.credentials.qr_code import qr_code_svg
from ostiary.credentials.store import CredentialStore, StoredCredential
from ostiary.credentials.typed import TypedCode, typed_digits
from ostiary.crypto import Sealer
from ostiary.crypto.otp import DIGITS, PERIOD, new_otp_secret, otp_secret_as_text, totp_step
from ostiary.database import Transaction
from ostiary.errors import Conflict, InvalidChallenge

MAX_APPS = 5
"""How many authenticator apps an account may have."""
_NAME = "Authenticator app"
_LABEL = 64
"""Characters of an account's name in the QR code, which gets finer with each."""
_NEVER_USED = -1


class TotpAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="method", tag="totp"):
    """The code that the app shows."""

    code: TypedCode

    def __repr__(self) -> str:
        return "TotpAnswer()"


class Totp:
    """The authenticator apps of all accounts.

    A row's ``counter`` is the last time step that was used. Clocks may differ by one step each way.

    Args:
        site_name: how the app calls this installation.
    """

    type: ClassVar[CredentialType] = "totp"
    factor: ClassVar[Factor] = "possession"
    available: ClassVar[bool] = True

    def __init__(self, store: CredentialStore, sealer: Sealer, *, site_name: str) -> None:
        self._store = store
        self._sealer = sealer
        self._site_name = site_name

    async def describe(self, holder: Holder) -> list[Enrolled]:
        """The apps, oldest first."""
        return [_enrolled(row) for row in await self._store.of_account(holder.account_id, self.type)]

    async def challenge(self, tx: Transaction, holder: Holder | None, purpose: str, now: int) -> Challenge:
        """Nothing: the app shows its code unasked."""
        return Challenge()

    async def verify(self, holder: Holder | None, answer: TotpAnswer, kept: bytes, now: int) -> Proof | None:
        """The app that this is a code of, with all codes up to this one spent; None for a wrong or a spent code."""
        code = typed_digits(answer.code, DIGITS)
        if holder is None or code is None:
            return None
        for row in await self._store.of_account(holder.account_id, self.type):
            secret = self._sealer.open(row.data, _context(holder))
            step = totp_step(secret, code, now, after=row.counter)
            if step is not None and await self._store.use(row.id, row.counter, step, now):
                return _proof(row, now)
        return None

    async def begin_enrolment(self, tx: Transaction, holder: Holder, given: str, now: int) -> Challenge:
        """A new secret: as QR code, as ``otpauth:`` URI and to be typed.

        Raises:
            Conflict: the account has as many apps as it may have.
        """
        await self._require_room(tx, holder)
        kept = self._sealer.seal(new_otp_secret(), _context(holder))
        return Challenge(self.shown(holder, kept), kept)

    def shown(self, holder: Holder, kept: bytes) -> dict[str, Any]:
        """The secret that was kept, as it was shown."""
        text = otp_secret_as_text(self._sealer.open(kept, _context(holder)))
        uri = self._uri(holder, text)
        return {
            "secret": " ".join(text[i : i + 4] for i in range(0, len(text), 4)),
            "uri": uri,
            "qr_code": qr_code_svg(uri, "QR code for an authenticator app"),
            "digits": DIGITS,
            "period": PERIOD,
        }

    async def enrol(
        self, tx: Transaction, holder: Holder, answer: TotpAnswer, kept: bytes, name: str, now: int
    ) -> tuple[Enrolled, Proof]:
        """Add the app whose first code this is. That code is spent.

        Raises:
            InvalidChallenge: it is not a code of the secret that was shown.
            Conflict: the account has as many apps as it may have.
        """
        code = typed_digits(answer.code, DIGITS)
        if code is None or not kept:
            raise InvalidChallenge
        step = totp_step(self._sealer.open(kept, _context(holder)), code, now, after=_NEVER_USED)
        if step is None:
            raise InvalidChallenge
        await self._require_room(tx, holder)
        row = await self._store.insert(
            tx,
            now,
            account_id=holder.account_id,
            kind=self.type,
            name=name or _NAME,
            second=True,
            data=kept,
            counter=step,
        )
        if row is None:
            raise Conflict
        return _enrolled(row), _proof(row, now)

    async def _require_room(self, tx: Transaction, holder: Holder) -> None:
        # The account stays as it is until the commit, so two enrolments at once do not both find the last free place.
        await tx.fetch_value("SELECT 1 FROM accounts WHERE id = :id /* FOR NO KEY UPDATE */", id=holder.account_id)
        if len(await self._store.of_account(holder.account_id, self.type, tx)) >= MAX_APPS:
            raise Conflict(f"An account has at most {MAX_APPS} authenticator apps; remove one first.")

    def _uri(self, holder: Holder, secret: str) -> str:
        # https://github.com/google/google-authenticator/wiki/Key-Uri-Format. A colon parts site and account, so neither
        # may hold one; algorithm, digits and period are the defaults, which would only make the QR code finer.
        site = quote(self._site_name.replace(":", " "), safe="")
        account = quote((holder.email or holder.name)[:_LABEL].replace(":", " "), safe="@")
        return f"otpauth://totp/{site}:{account}?secret={secret}&issuer={site}"


def _enrolled(row: StoredCredential) -> Enrolled:
    return Enrolled(row.id, "totp", row.name, row.created_at, row.used_at, second=True)


def _proof(row: StoredCredential, now: int) -> Proof:
    return Proof("totp", ("possession",), ("otp",), now, credential_id=row.id)


def _context(holder: Holder) -> str:
    # Not the row's id: the secret is sealed before there is a row, and moves from the flow to it as it is.
    return f"credentials.data:{holder.account_id}/totp"
