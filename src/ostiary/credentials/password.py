"""Passwords after NIST SP 800-63B-4 section 3.1.1: long, any Unicode, no composition rules, nothing guessed first."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta

from ostiary.audit import Actor, Event, record
from ostiary.credentials.breached import BreachedPasswords
from ostiary.credentials.face import Challenge, CredentialType, Enrolled, Factor, Holder, Proof
from ostiary.crypto import PasswordHasher
from ostiary.database import Database, Transaction
from ostiary.errors import WeakPassword
from ostiary.settings import PasswordSettings

_GUESSED_FIRST = 1
"""The zxcvbn score up to which a password is refused: fewer than a million guesses."""
_DECOMPOSED = 4
"""How many characters as typed may become one in normal form: a letter and its accents (UAX #15, section 1.2)."""
_OWN_WORD = 4
"""A shorter part of a name is in too many good passwords to refuse it."""

# For the published schema; how long a new one must be is a setting, so ``Passwords`` says it.
PasswordText = Annotated[str, Meta(extra_json_schema={"format": "password", "examples": ["seven quiet lanterns"]})]


class PasswordAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="method", tag="password"):
    password: PasswordText

    def __repr__(self) -> str:
        return "PasswordAnswer()"


_LATER = "CASE WHEN passwords.changed_at < :now THEN :now ELSE passwords.changed_at + 1 END"
"""Later than before, also within one millisecond: a sign-in under way tells by it that the password has changed."""


class Passwords:
    """The passwords of all accounts."""

    type: ClassVar[CredentialType] = "password"
    factor: ClassVar[Factor] = "knowledge"
    available: ClassVar[bool] = True

    def __init__(
        self, db: Database, hasher: PasswordHasher, settings: PasswordSettings, breached: BreachedPasswords
    ) -> None:
        self._db = db
        self._hasher = hasher
        self._settings = settings
        self._breached = breached

    @property
    def rules(self) -> list[str]:
        """The rules in sentences, for people who choose a password."""
        return [
            f"At least {self._settings.min_length} characters. Any characters, spaces too.",
            "Not a common password, none that was stolen, and nothing with your own name or address in it.",
        ]

    async def new(self, password: str, own_words: Iterable[str | None]) -> str:
        """Check a new password against the rules and return its hash (a PHC string) to store.

        Args:
            own_words: the account's names and addresses; the password may not contain them.

        Raises:
            WeakPassword: a rule refuses it; ``extra["reason"]`` is one of ``too_short``, ``too_long``, ``own_name``,
                ``common``, ``breached``.
            Unavailable: too many hashes are waiting, or a list of breached passwords that has to be asked is away.
        """
        normal = self._normal(password)
        if normal is None:
            raise _weak("too_long", f"Use at most {self._settings.max_length} characters.")
        self._check(normal, _parts(own_words))
        if await self._breached.has(normal):
            raise _weak(
                "breached", "This password was stolen elsewhere, and is tried everywhere since. Choose another one."
            )
        return await self._hasher.hash(normal)

    async def check(self, account_id: str | None, password: str) -> str | None:
        """The stored hash if this is the account's password, else None.

        Costs the same for a wrong password, an account without one and no account at all.

        Raises:
            Unavailable: too many hashes are waiting.
        """
        stored = await self.stored(account_id)
        return stored if await self.matches(stored, password) else None

    async def describe(self, holder: Holder) -> list[Enrolled]:
        """The one password, if there is one."""
        changed_at = await self.changed_at(holder.account_id)
        return [] if changed_at is None else [Enrolled("password", "password", "Password", changed_at, None)]

    async def challenge(self, tx: Transaction, holder: Holder | None, purpose: str, now: int) -> Challenge:
        """Nothing: it is known."""
        return Challenge()

    async def verify(self, holder: Holder | None, answer: PasswordAnswer, kept: bytes, now: int) -> Proof | None:
        """What the password shows; None for a wrong one, after the same time.

        Raises:
            Unavailable: too many hashes are waiting.
        """
        stored = await self.check(holder.account_id if holder else None, answer.password)
        if holder is None or stored is None:
            return None
        upgraded = await self.upgraded(stored, answer.password)
        if upgraded is not None:
            async with self._db.transaction() as tx:
                if await self.rehash(tx, holder.account_id, stored, upgraded):
                    actor = Actor("account", holder.account_id)
                    await record(tx, now, Event.PASSWORD_REHASHED, actor, holder.account_id)
        return self.proof(now)

    @staticmethod
    def proof(now: int) -> Proof:
        """What a right password shows."""
        return Proof("password", ("knowledge",), ("pwd",), now)

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether ``password`` is the one behind a stored hash; for None, no, at the same cost."""
        normal = self._normal(password)
        if normal is None:  # no stored password is so long: not worth hashing a megabyte
            normal, stored = "", None
        return await self._hasher.verify(stored, normal, as_typed=password)

    async def upgraded(self, stored: str, password: str) -> str | None:
        """A new hash of a just verified password, where the stored one was made with older parameters."""
        if not self._hasher.outdated(stored):
            return None
        return await self._hasher.hash(self._normal(password) or "")

    async def stored(self, account_id: str | None) -> str | None:
        """The account's hash; None where it has no password."""
        found = await self._db.fetch_value(
            "SELECT hash FROM passwords WHERE account_id = :account_id", account_id=account_id or ""
        )
        return None if found is None else str(found)

    async def changed_at(self, account_id: str) -> int | None:
        """When the password was set, in milliseconds; None where there is none."""
        found = await self._db.fetch_value(
            "SELECT changed_at FROM passwords WHERE account_id = :account_id", account_id=account_id
        )
        return None if found is None else int(found)

    async def store(self, tx: Transaction, account_id: str, phc: str, now: int) -> None:
        """Set the account's hash."""
        await tx.execute(
            "INSERT INTO passwords (account_id, hash, changed_at) VALUES (:account_id, :hash, :now)"
            f" ON CONFLICT (account_id) DO UPDATE SET hash = excluded.hash, changed_at = {_LATER}",
            account_id=account_id,
            hash=phc,
            now=now,
        )

    async def remove(self, tx: Transaction, account_id: str) -> bool:
        """Remove the account's password; False where there is none."""
        return await tx.execute("DELETE FROM passwords WHERE account_id = :id", id=account_id) == 1

    async def replace(self, tx: Transaction, account_id: str, old: str | None, new: str, now: int) -> bool:
        """Replace the hash of one password, or none, by that of another, unless it has changed meanwhile."""
        if old is None:
            changed = await tx.execute(
                "INSERT INTO passwords (account_id, hash, changed_at) VALUES (:account_id, :new, :now)"
                " ON CONFLICT DO NOTHING",
                account_id=account_id,
                new=new,
                now=now,
            )
        else:
            changed = await tx.execute(
                f"UPDATE passwords SET hash = :new, changed_at = {_LATER}"
                " WHERE account_id = :account_id AND hash = :old",
                account_id=account_id,
                old=old,
                new=new,
                now=now,
            )
        return changed == 1

    async def hold(self, tx: Transaction, account_id: str) -> int | None:
        """When the password was set, as :meth:`changed_at`; nobody changes it until the end of the transaction."""
        found = await tx.fetch_value(
            "SELECT changed_at FROM passwords WHERE account_id = :account_id /* FOR NO KEY UPDATE */",
            account_id=account_id,
        )
        return None if found is None else int(found)

    async def rehash(self, tx: Transaction, account_id: str, old: str, new: str) -> bool:
        """Replace a hash by one of the same password with newer parameters, unless it has changed meanwhile."""
        return (
            await tx.execute(
                "UPDATE passwords SET hash = :new WHERE account_id = :account_id AND hash = :old",
                account_id=account_id,
                old=old,
                new=new,
            )
            == 1
        )

    def _normal(self, password: str) -> str | None:
        """The form in which passwords are counted and hashed (NFKC); None where it is too long.

        Bounded before, since normalising takes quadratic time: half a second for a body full of combining marks.
        """
        longest = self._settings.max_length
        if len(password) > longest * _DECOMPOSED:
            return None
        normal = unicodedata.normalize("NFKC", password)
        return normal if len(normal) <= longest else None

    def _check(self, password: str, own_words: list[str]) -> None:
        shortest = self._settings.min_length
        if len(password) < shortest:
            raise _weak("too_short", f"Use at least {shortest} characters.")
        folded = password.casefold()
        if any(word in folded for word in own_words):
            raise _weak("own_name", "Do not use your own name or address in the password.")
        # Imported here: it unpacks its word lists (9 MiB) when first used, which most processes that verify never need.
        from zxcvbn_rs_py import zxcvbn

        if int(zxcvbn(password, own_words).score) <= _GUESSED_FIRST:
            raise _weak("common", "This is among the first passwords anyone would guess. Choose another one.")


def _parts(words: Iterable[str | None]) -> list[str]:
    """The words that a password may not contain: each name whole, its parts, and both sides of an address."""
    found: set[str] = set()
    for word in words:
        folded = unicodedata.normalize("NFKC", word or "").casefold()
        local, _, domain = folded.partition("@")
        found.update([folded, local, domain.rpartition(".")[0], *folded.replace("@", " ").replace(".", " ").split()])
    return sorted(word for word in found if len(word) >= _OWN_WORD)


def _weak(reason: str, detail: str) -> WeakPassword:
    return WeakPassword(detail, field="password", extra={"reason": reason})
