"""Recovery codes: look-up secrets to keep on paper for the day the telephone is lost (NIST SP 800-63B-4 section 3.1.2).

A code has 50 random bits, which is what people still type. What is stored is its HMAC under a key that is not in the
database, over the account as well: from a leaked table no code can be guessed, and none be tried at another account.
Guessing here is bounded by the tries of a flow and the limits of an account.
"""

from __future__ import annotations

import hmac
import secrets
from typing import ClassVar

import msgspec

from ostiary.credentials.face import Challenge, CredentialType, Enrolled, Factor, Holder, Proof
from ostiary.credentials.typed import TypedCode, compact
from ostiary.database import Database, Reader, Transaction

COUNT = 10
"""Codes in a set."""
FEW = 3
"""With so many left, or fewer, their owner is to be told."""
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: of 0/O and 1/I/L one each
_LENGTH = 10
_LOOK_ALIKES = str.maketrans("oil", "011")


class RecoveryCodeAnswer(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="method", tag="recovery_code"
):
    """A code of the set; case, dashes and spaces do not matter."""

    code: TypedCode

    def __repr__(self) -> str:
        return "RecoveryCodeAnswer()"


class RecoveryCodes:
    """The recovery codes of all accounts, each good once.

    Args:
        key: 32 bytes, derived from the master key.
    """

    type: ClassVar[CredentialType] = "recovery_code"
    factor: ClassVar[Factor] = "possession"
    available: ClassVar[bool] = True

    def __init__(self, db: Database, key: bytes) -> None:
        self._db = db
        self._key = key

    async def describe(self, holder: Holder) -> list[Enrolled]:
        """The set as one, with how many are ``left`` and whether that is ``few``; nothing where all are spent."""
        found = await self._db.fetch_tuple(
            "SELECT COUNT(*), MIN(created_at) FROM recovery_codes WHERE account_id = :id", id=holder.account_id
        )
        left, created_at = found or (0, None)
        if not left:
            return []
        details = {"left": left, "few": int(left) <= FEW}
        return [Enrolled(self.type, self.type, "Recovery codes", int(created_at or 0), None, details=details)]

    async def left(self, account_id: str, reader: Reader | None = None) -> int:
        """How many codes the account could still use."""
        return int(
            await (reader or self._db).fetch_value(
                "SELECT COUNT(*) FROM recovery_codes WHERE account_id = :id", id=account_id
            )
        )

    async def challenge(self, tx: Transaction, holder: Holder | None, purpose: str, now: int) -> Challenge:
        """Nothing: the codes are with their owner."""
        return Challenge()

    async def verify(self, holder: Holder | None, answer: RecoveryCodeAnswer, kept: bytes, now: int) -> Proof | None:
        """That it is one of the account's, which is spent by this; None for a wrong or a spent one."""
        code = _typed(answer.code)
        if holder is None or code is None:
            return None
        async with self._db.transaction() as tx:
            spent = await tx.fetch_value(
                "DELETE FROM recovery_codes WHERE account_id = :id AND code_hash = :hash RETURNING created_at",
                id=holder.account_id,
                hash=self._hash(holder.account_id, code),
            )
        return None if spent is None else Proof(self.type, (self.factor,), ("otp",), now)

    async def regenerate(self, tx: Transaction, holder: Holder, now: int) -> list[str]:
        """A new set in place of the old one: the only time that anybody sees it."""
        # The account stays as it is until the commit: of two sets that are made at once, one is left.
        await tx.fetch_value("SELECT 1 FROM accounts WHERE id = :id /* FOR NO KEY UPDATE */", id=holder.account_id)
        await self.remove(tx, holder.account_id)
        codes = ["".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)) for _ in range(COUNT)]
        for code in codes:
            await tx.execute(
                "INSERT INTO recovery_codes (account_id, code_hash, created_at) VALUES (:id, :hash, :now)",
                id=holder.account_id,
                hash=self._hash(holder.account_id, code),
                now=now,
            )
        return [f"{code[: _LENGTH // 2]}-{code[_LENGTH // 2 :]}" for code in codes]

    async def remove(self, tx: Transaction, account_id: str) -> int:
        """Remove the whole set; how many codes that were."""
        return await tx.execute("DELETE FROM recovery_codes WHERE account_id = :id", id=account_id)

    def _hash(self, account_id: str, code: str) -> bytes:
        return hmac.digest(self._key, f"{account_id}:{code}".encode(), "sha256")


def _typed(text: str) -> str | None:
    code = compact(text).lower().translate(_LOOK_ALIKES)
    return code if len(code) == _LENGTH and set(code) <= set(_ALPHABET) else None
