"""The kinds of imported hashes: how each is kept, what it may cost, and how it is verified.

What is kept is ``imported`` and a string in the manner of PHC, which names its kind and carries its parameters:
``imported$pbkdf2-sha256$i=600000$<salt>$<hash>``. The prefix tells an Argon2id hash from elsewhere, which was made of
a password as it was typed, from one of ours.

Making one checks its parameters. What a verification may cost is about a second on a core, and 256 MiB: a dearer hash
is refused when it is imported, since at a sign-in whoever tries passwords would choose how long the core is busy.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from base64 import b64encode
from collections.abc import Callable
from typing import Literal, Protocol

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ostiary.crypto.argon2 import Argon2Hash, parse_argon2
from ostiary.crypto.base64 import decode_unpadded, encode_unpadded
from ostiary.crypto.foreign_hashes.faults import costly, invalid

_log = logging.getLogger("ostiary.crypto")

_PREFIX = "imported"
_MAX_BCRYPT_COST = 14
_MAX_PHPASS_LOG = 18
_MAX_SCRYPT_WORK = 2**21  # N times r times p; of N times r, each takes 128 bytes: 256 MiB
_MAX_PBKDF2_WORK = {"sha1": 6_000_000, "sha256": 6_000_000, "sha512": 2_000_000}  # iterations times blocks of output

Digest = Literal["sha1", "sha256", "sha512"]

_DIGESTS: dict[Digest, type[HashAlgorithm]] = {"sha1": SHA1, "sha256": SHA256, "sha512": SHA512}
DIGEST_SIZES: dict[Digest, int] = {"sha1": 20, "sha256": 32, "sha512": 64}
_HASH_SIZES = {16, 20, 24, 32, 48, 64}  # of those that may have any; what has another one was cut off
_SALT_SIZES = range(4, 65)
_LDAP_SALT_SIZES = {0, 4, 8, 12, 16, 20, 24, 28, 32}

_B64 = "[A-Za-z0-9+/]"
_BCRYPT = re.compile(
    r"\$2[aby]\$(?P<cost>[0-3][0-9])\$(?P<rest>[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26])"
)
_SCRYPT = re.compile(
    rf"\$(?:firebase-)?scrypt\$ln=([1-9][0-9]?),r=([1-9][0-9]{{0,4}}),p=([1-9][0-9]{{0,4}})\$({_B64}+)\$({_B64}+)"
)
_PBKDF2 = re.compile(rf"\$pbkdf2-(sha1|sha256|sha512)\$i=([1-9][0-9]{{0,8}})\$({_B64}+)\$({_B64}+)")
_SALTED = re.compile(rf"\$salted-(sha1|sha256|sha512)\$({_B64}*)\$({_B64}+)")
_H64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PHPASS = re.compile(r"\$[PH]\$([5-9A-S])([./A-Za-z0-9]{8})([./A-Za-z0-9]{21}[./01])")


class ForeignHash(Protocol):
    """One imported hash."""

    @property
    def phc(self) -> str:
        """What is kept of it after the prefix: ASCII, at most 256 characters."""

    def matches(self, password: bytes) -> bool:
        """Whether it was made of ``password``; compares in constant time. Takes long: call it in a thread."""


class _Hidden(msgspec.Struct, frozen=True):
    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ImportedArgon2(_Hidden, frozen=True):
    """Argon2id or Argon2i with other parameters than ours."""

    argon2: Argon2Hash

    def __post_init__(self) -> None:
        if self.argon2.dear:
            raise costly("Argon2", "256 MiB, and 1 GiB over all passes,")
        if len(self.argon2.hash) not in _HASH_SIZES:
            raise invalid("Argon2")

    @property
    def phc(self) -> str:
        return self.argon2.phc

    def matches(self, password: bytes) -> bool:
        return self.argon2.matches(password)


_BEFORE_BCRYPT: dict[str, Callable[[bytes], bytes]] = {
    "": lambda password: password,
    "-of-sha256": lambda password: hashlib.sha256(password).hexdigest().encode(),
    "-of-hmac-sha384": lambda password: b64encode(hmac.digest(b"wp-sha384", password, "sha384")),
}


class Bcrypt(_Hidden, frozen=True):
    """bcrypt: of the password itself, of its SHA-256 in hex (Django), of an HMAC of it in base64 (WordPress since 6.8).

    ``$2a$``, ``$2b$`` and ``$2y$`` are one algorithm for what a password can be here. It ends after 72 bytes, and what
    comes behind was never looked at. NUL, which ended a password in C, is a byte like others here, as it is to the
    library: taken for an end, everything that begins with NUL would be the empty password.
    """

    cost: int
    rest: str
    of: str = ""

    def __post_init__(self) -> None:
        if self.cost > _MAX_BCRYPT_COST:
            raise costly("bcrypt", f"a cost of {_MAX_BCRYPT_COST}")
        if self.cost < 4:
            raise invalid("bcrypt")

    @property
    def phc(self) -> str:
        return (f"$bcrypt{self.of}" if self.of else "") + self._crypt

    @property
    def _crypt(self) -> str:
        return f"$2b${self.cost:02}${self.rest}"

    def matches(self, password: bytes) -> bool:
        try:
            import bcrypt
        except ImportError:  # it was there when the accounts were imported
            _log.exception("an imported password cannot be verified: pip install 'ostiary[import]'")
            return False
        hashed = bcrypt.hashpw(_BEFORE_BCRYPT[self.of](password)[:72], self._crypt.encode())
        return hmac.compare_digest(hashed, self._crypt.encode())


class ImportedScrypt(_Hidden, frozen=True):
    """scrypt (RFC 7914); ``ln`` is the logarithm of N.

    With ``firebase`` the hash is of Firebase's variant: there the result is a key by which a signer key, the project's
    own and equal for all its accounts, is encrypted with AES in counter mode. To encrypt so is to add a key stream, and
    what is kept is that stream. So nobody finds the signer key here, and none is needed to verify.
    """

    ln: int
    r: int
    p: int
    salt: bytes
    hash: bytes
    firebase: bool = False

    def __post_init__(self) -> None:
        if self.ln > 24 or self.p * self.r << self.ln > _MAX_SCRYPT_WORK:
            raise costly("scrypt", "256 MiB, and 2^21 blocks,")
        if len(self.hash) not in _HASH_SIZES or len(self.salt) not in _SALT_SIZES:
            raise invalid("scrypt")

    @property
    def phc(self) -> str:
        kind = "firebase-scrypt" if self.firebase else "scrypt"
        salt, expected = encode_unpadded(self.salt), encode_unpadded(self.hash)
        return f"${kind}$ln={self.ln},r={self.r},p={self.p}${salt}${expected}"

    def matches(self, password: bytes) -> bool:
        length = 32 if self.firebase else len(self.hash)
        derived = Scrypt(salt=self.salt, length=length, n=1 << self.ln, r=self.r, p=self.p).derive(password)
        if self.firebase:
            counted = Cipher(algorithms.AES(derived), modes.CTR(bytes(16))).encryptor()
            derived = counted.update(bytes(len(self.hash)))
        return hmac.compare_digest(derived, self.hash)


class Pbkdf2(_Hidden, frozen=True):
    """PBKDF2 with HMAC (RFC 8018 section 5.2)."""

    digest: Digest
    iterations: int
    salt: bytes
    hash: bytes

    def __post_init__(self) -> None:
        blocks = -(-len(self.hash) // DIGEST_SIZES[self.digest])
        if self.iterations * blocks > _MAX_PBKDF2_WORK[self.digest]:
            raise costly("PBKDF2", f"{_MAX_PBKDF2_WORK[self.digest]:,} iterations over all blocks")
        if len(self.hash) not in _HASH_SIZES or len(self.salt) not in _SALT_SIZES or self.iterations < 1:
            raise invalid("PBKDF2")

    @property
    def phc(self) -> str:
        salt, expected = encode_unpadded(self.salt), encode_unpadded(self.hash)
        return f"$pbkdf2-{self.digest}$i={self.iterations}${salt}${expected}"

    def matches(self, password: bytes) -> bool:
        primitive = PBKDF2HMAC(_DIGESTS[self.digest](), len(self.hash), self.salt, self.iterations)
        return hmac.compare_digest(primitive.derive(password), self.hash)


class SaltedDigest(_Hidden, frozen=True):
    """One SHA of password and salt, in that order, as LDAP has it (RFC 2307, and what servers made of it)."""

    digest: Digest
    salt: bytes
    hash: bytes

    def __post_init__(self) -> None:
        if len(self.hash) != DIGEST_SIZES[self.digest] or len(self.salt) not in _LDAP_SALT_SIZES:
            raise invalid("LDAP")

    @property
    def phc(self) -> str:
        return f"$salted-{self.digest}${encode_unpadded(self.salt)}${encode_unpadded(self.hash)}"

    def matches(self, password: bytes) -> bool:
        return hmac.compare_digest(hashlib.new(self.digest, password + self.salt).digest(), self.hash)


class Phpass(_Hidden, frozen=True):
    """The portable hash of phpass: MD5 over and over. ``$H$`` is what phpBB calls ``$P$``."""

    log: int
    salt: str
    hash: str

    def __post_init__(self) -> None:
        if self.log > _MAX_PHPASS_LOG:
            raise costly("phpass", f"2^{_MAX_PHPASS_LOG} rounds")

    @property
    def phc(self) -> str:
        return f"$P${_H64[self.log]}{self.salt}{self.hash}"

    def matches(self, password: bytes) -> bool:
        md5 = hashlib.md5
        state = md5(self.salt.encode() + password).digest()
        for _ in range(1 << self.log):
            state = md5(state + password).digest()
        return hmac.compare_digest(_encode_h64(state), self.hash)


def kept(parsed: ForeignHash) -> str:
    """The text that stands in the table ``passwords``."""
    return _PREFIX + parsed.phc


def is_kept(text: str) -> bool:
    """Whether this is the text of an imported hash, be it usable or not."""
    return text.startswith(_PREFIX)


def parse_kept(text: str) -> ForeignHash:
    """What :func:`kept` made.

    Raises:
        UnusableHash: it is something else, or too costly to verify.
    """
    phc = text.removeprefix(_PREFIX)
    for begins, parse in _KINDS.items():
        if phc.startswith(begins) and phc != text:
            return parse(phc)
    raise invalid("imported")


def parse_argon2_phc(phc: str) -> ForeignHash:
    parsed = parse_argon2(phc)
    if parsed is None:
        raise invalid("Argon2")
    return ImportedArgon2(parsed)


def parse_bcrypt(crypt: str, of: str = "") -> ForeignHash:
    """Of the form of crypt(3): identifier, cost, and 53 characters of salt and hash.

    Args:
        of: what is done with the password before, a key of ``_BEFORE_BCRYPT``.
    """
    match = _BCRYPT.fullmatch(crypt)
    if match is None:
        raise invalid("bcrypt")
    return Bcrypt(int(match["cost"]), match["rest"], of)


def parse_scrypt(phc: str) -> ForeignHash:
    match = _SCRYPT.fullmatch(phc)
    if match is None:
        raise invalid("scrypt")
    ln, r, p = map(int, match.group(1, 2, 3))
    return ImportedScrypt(ln, r, p, *_octets(match[4], match[5], "scrypt"), firebase=phc.startswith("$firebase-"))


def _parse_pbkdf2(phc: str) -> ForeignHash:
    match = _PBKDF2.fullmatch(phc)
    if match is None:
        raise invalid("PBKDF2")
    digest: Digest = match[1]  # type: ignore[assignment]
    return Pbkdf2(digest, int(match[2]), *_octets(match[3], match[4], "PBKDF2"))


def _parse_salted(phc: str) -> ForeignHash:
    match = _SALTED.fullmatch(phc)
    if match is None:
        raise invalid("LDAP")
    digest: Digest = match[1]  # type: ignore[assignment]
    return SaltedDigest(digest, *_octets(match[2], match[3], "LDAP"))


def parse_phpass(text: str) -> ForeignHash:
    match = _PHPASS.fullmatch(text)
    if match is None:
        raise invalid("phpass")
    return Phpass(_H64.index(match[1]), match[2], match[3])


_KINDS: dict[str, Callable[[str], ForeignHash]] = {
    "$argon2": parse_argon2_phc,
    "$2b$": parse_bcrypt,
    "$bcrypt-of-sha256$": lambda phc: parse_bcrypt(phc.removeprefix("$bcrypt-of-sha256"), "-of-sha256"),
    "$bcrypt-of-hmac-sha384$": lambda phc: parse_bcrypt(phc.removeprefix("$bcrypt-of-hmac-sha384"), "-of-hmac-sha384"),
    "$scrypt$": parse_scrypt,
    "$firebase-scrypt$": parse_scrypt,
    "$pbkdf2-": _parse_pbkdf2,
    "$salted-": _parse_salted,
    "$P$": parse_phpass,
}


def _octets(salt: str, expected: str, kind: str) -> tuple[bytes, bytes]:
    try:
        return decode_unpadded(salt), decode_unpadded(expected)
    except ValueError:
        raise invalid(kind) from None


def _encode_h64(raw: bytes) -> str:
    """The base64 of crypt(3): least significant bits first."""
    text = ""
    for start in range(0, len(raw), 3):
        part = raw[start : start + 3]
        value = int.from_bytes(part, "little")
        text += "".join(_H64[(value >> shift) & 63] for shift in range(0, len(part) * 8, 6))
    return text
