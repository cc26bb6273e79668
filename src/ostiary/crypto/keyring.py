"""The signing keys of this installation, shared by its processes through the database, sealed there.

A key is published as soon as it is made and signs a publish lead later, when everybody who caches the key set has it.
From that moment the one before it signs nothing, and stays published until the last token it signed has expired.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from ostiary.base.clock import DAY, MINUTE, Clock
from ostiary.crypto.jose import LEEWAY, Verifier
from ostiary.crypto.keys import Key
from ostiary.crypto.sealing import Sealer

if TYPE_CHECKING:
    from ostiary.database import Database, Transaction

_NEVER = 1 << 63

_SELECT = """
    SELECT kid, algorithm, public_jwk, sealed_private, created_at, signs_from, signs_until, expires_at
    FROM signing_keys ORDER BY signs_from, created_at, kid
"""


class SigningKey(msgspec.Struct, frozen=True):
    """A row of ``signing_keys``. Times in milliseconds; without an end, the key has no successor yet."""

    kid: str
    algorithm: str
    public_jwk: bytes
    sealed_private: bytes
    created_at: int
    signs_from: int
    signs_until: int | None
    expires_at: int | None

    def state(self, now: int) -> Literal["published", "signing", "retired", "expired"]:
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        if self.signs_until is not None and self.signs_until <= now:
            return "retired"
        return "signing" if self.signs_from <= now else "published"


class _Held(msgspec.Struct, frozen=True):
    row: SigningKey
    key: Key


class KeyRing:
    """Signing keys by algorithm, and the keys that verify.

    Args:
        algorithms: those to sign with; a key of each is made by :meth:`load`.
        publish_lead: how long a new key is published before it signs; longer than anybody caches the key set, and
            than two calls of :meth:`refresh` are apart, in milliseconds.
        token_lifetime: that of the longest-lived token that is signed, in milliseconds.
    """

    def __init__(
        self,
        db: Database,
        sealer: Sealer,
        clock: Clock,
        algorithms: Collection[str] = ("ES256", "RS256", "EdDSA"),
        *,
        publish_lead: int = 10 * MINUTE,
        token_lifetime: int = DAY,
    ) -> None:
        self._db = db
        self._sealer = sealer
        self._clock = clock
        self._algorithms = tuple(algorithms)
        self._publish_lead = publish_lead
        self._token_lifetime = token_lifetime
        self._revision = -1
        self._held: tuple[_Held, ...] = ()
        self._verifier: Verifier | None = None
        self._verifier_until = 0
        self._published: tuple[Verifier, dict[str, Any]] | None = None

    async def load(self) -> None:
        """Read the keys, and make the first of each algorithm that has none; it signs at once.

        Raises:
            Unsealable: the master key is not the one that sealed them.
        """
        await self.refresh()
        missing = _without_key(self._algorithms, [held.row for held in self._held])
        if not missing:
            return
        made = await self.generate(missing)
        now = self._clock()
        async with self._db.transaction() as tx:
            # Two processes start at once: the second waits here, and then sees the keys of the first.
            await tx.bump("keys")
            missing = _without_key(self._algorithms, await tx.fetch_all(SigningKey, _SELECT))
            for key in made:
                if key.algorithm in missing:
                    await self._insert(tx, key, now, now)
        await self.refresh()

    async def refresh(self) -> None:
        """Take over what another process or :meth:`rotate` changed. Cheap when nothing did; call it often."""
        revision = await self._db.revision("keys")
        if revision == self._revision:
            return
        rows = await self._db.fetch_all(SigningKey, _SELECT)
        known = {held.row.kid: held.key for held in self._held}
        if all(row.kid in known for row in rows):
            self._held = tuple(_Held(row, known[row.kid]) for row in rows)
        else:
            # Parsing an RSA key takes 40 ms.
            self._held = await asyncio.to_thread(self._parse, rows, known, self._clock())
        self._verifier = None
        self._revision = revision

    def signing_key(self, algorithm: str, now: int) -> Key:
        """The key that signs with ``algorithm`` at ``now``. Raises LookupError for an algorithm that is not set up."""
        for held in reversed(self._held):
            if held.row.algorithm == algorithm and held.row.state(now) == "signing":
                return held.key
        raise LookupError(f"no key signs with {algorithm}")

    def verification_keys(self, now: int) -> tuple[Key, ...]:
        """The keys whose signatures count at ``now``: the next, the current and those whose tokens still live."""
        return tuple(held.key for held in self._held if held.row.state(now) != "expired")

    def verifier(self, now: int) -> Verifier:
        """A verifier with :meth:`verification_keys`; the same one until these change."""
        if self._verifier is None or self._verifier_until <= now:
            self._verifier = Verifier(self.verification_keys(now))
            ends = (held.row.expires_at for held in self._held)
            self._verifier_until = min((end for end in ends if end is not None and end > now), default=_NEVER)
        return self._verifier

    def jwks(self, now: int) -> dict[str, Any]:
        """The JWK Set to publish (RFC 7517, section 5): public keys with ``kid``, ``alg`` and ``use``."""
        verifier = self.verifier(now)
        if self._published is None or self._published[0] is not verifier:
            self._published = verifier, {"keys": [key.public_jwk() for key in self.verification_keys(now)]}
        return self._published[1]

    async def list(self) -> Sequence[SigningKey]:
        """Every key that is stored, the oldest first."""
        return await self._db.fetch_all(SigningKey, _SELECT)

    async def generate(self, algorithms: Iterable[str] | None = None) -> tuple[Key, ...]:
        """New keys for :meth:`rotate`, one of each of ``algorithms`` (default: all), made off the event loop."""
        wanted = self._algorithms if algorithms is None else algorithms
        return tuple([await asyncio.to_thread(Key.generate, algorithm) for algorithm in wanted])

    async def rotate(self, tx: Transaction, now: int, fresh: Iterable[Key]) -> None:
        """Let each of ``fresh``, from :meth:`generate`, follow the current key of its algorithm.

        The keys come from outside because a transaction must not wait for them to be made. Call :meth:`refresh` after
        the commit.
        """
        await tx.bump("keys")
        rows = await tx.fetch_all(SigningKey, _SELECT)
        for key in fresh:
            current = [row for row in rows if row.algorithm == key.algorithm and row.signs_until is None]
            start = max([now + self._publish_lead, *(row.signs_from for row in current)]) if current else now
            await tx.execute(
                "UPDATE signing_keys SET signs_until = :signs_until, expires_at = :expires_at"
                " WHERE algorithm = :algorithm AND signs_until IS NULL",
                algorithm=key.algorithm,
                signs_until=start,
                expires_at=start + self._token_lifetime + LEEWAY,
            )
            await self._insert(tx, key, now, start)
        await self.delete_expired(tx, now)

    async def delete_expired(self, tx: Transaction, now: int) -> int:
        """Delete the keys whose last token has expired; how many. :meth:`rotate` does it too."""
        deleted = await tx.execute("DELETE FROM signing_keys WHERE expires_at <= :now", now=now)
        if deleted:
            await tx.bump("keys")
        return deleted

    async def _insert(self, tx: Transaction, key: Key, now: int, signs_from: int) -> None:
        await tx.execute(
            "INSERT INTO signing_keys (kid, algorithm, public_jwk, sealed_private, created_at, signs_from)"
            " VALUES (:kid, :algorithm, :public_jwk, :sealed_private, :created_at, :signs_from)",
            kid=key.kid,
            algorithm=key.algorithm,
            public_jwk=msgspec.json.encode(key.public_jwk()),
            sealed_private=self._sealer.seal(key.to_der(), _context(key.kid)),
            created_at=now,
            signs_from=signs_from,
        )

    def _parse(self, rows: Sequence[SigningKey], known: dict[str, Key], now: int) -> tuple[_Held, ...]:
        return tuple(_Held(row, known.get(row.kid) or self._read(row, now)) for row in rows)

    def _read(self, row: SigningKey, now: int) -> Key:
        if row.state(now) in ("retired", "expired"):
            return Key.from_jwk(msgspec.json.decode(row.public_jwk))
        return Key.from_der(self._sealer.open(row.sealed_private, _context(row.kid)), row.algorithm, row.kid)


def _without_key(algorithms: Iterable[str], rows: Iterable[SigningKey]) -> list[str]:
    present = {row.algorithm for row in rows if row.signs_until is None}
    return [algorithm for algorithm in algorithms if algorithm not in present]


def _context(kid: str) -> str:
    return f"signing_keys.sealed_private/{kid}"
