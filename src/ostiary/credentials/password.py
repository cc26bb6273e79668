"""Passwords after NIST SP 800-63B-4 section 3.1.1: long, any Unicode, no composition rules, nothing guessed first."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

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


class Passwords:
    """The passwords of all accounts."""

    def __init__(self, db: Database, hasher: PasswordHasher, settings: PasswordSettings) -> None:
        self._db = db
        self._hasher = hasher
        self._settings = settings

    @property
    def rules(self) -> list[str]:
        """The rules in sentences, for people who choose a password."""
        return [
            f"At least {self._settings.min_length} characters. Any characters, spaces too.",
            "Not a common password, and nothing with your own name or address in it.",
        ]

    async def new(self, password: str, own_words: Iterable[str | None]) -> str:
        """Check a new password against the rules and return its hash (a PHC string) to store.

        Args:
            own_words: the account's names and addresses; the password may not contain them.

        Raises:
            WeakPassword: a rule refuses it; ``extra["reason"]`` is one of ``too_short``, ``too_long``, ``own_name``,
                ``common``.
            Unavailable: too many hashes are waiting.
        """
        normal = self._normal(password)
        if normal is None:
            raise _weak("too_long", f"Use at most {self._settings.max_length} characters.")
        self._check(normal, _parts(own_words))
        return await self._hasher.hash(normal)

    async def verify(self, account_id: str | None, password: str) -> str | None:
        """The stored hash if this is the account's password, else None.

        Costs the same for a wrong password, an account without one and no account at all.

        Raises:
            Unavailable: too many hashes are waiting.
        """
        stored = await self.stored(account_id)
        return stored if await self.matches(stored, password) else None

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether ``password`` is the one behind a stored hash; for None, no, at the same cost."""
        normal = self._normal(password)
        if normal is None:  # no stored password is so long: not worth hashing a megabyte
            normal, stored = "", None
        return await self._hasher.verify(stored, normal)

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
            " ON CONFLICT (account_id) DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at",
            account_id=account_id,
            hash=phc,
            now=now,
        )

    async def replace(self, tx: Transaction, account_id: str, old: str, new: str, now: int) -> bool:
        """Replace the hash of one password by that of another, unless it has changed meanwhile."""
        changed = await tx.execute(
            "UPDATE passwords SET hash = :new, changed_at = :now WHERE account_id = :account_id AND hash = :old",
            account_id=account_id,
            old=old,
            new=new,
            now=now,
        )
        return changed == 1

    async def hold(self, tx: Transaction, account_id: str) -> str | None:
        """The account's hash, which nobody else changes until the end of the transaction."""
        found = await tx.fetch_value(
            "SELECT hash FROM passwords WHERE account_id = :account_id /* FOR NO KEY UPDATE */", account_id=account_id
        )
        return None if found is None else str(found)

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
