"""The formats that hashes are imported in, in one table: how each is told, and what it is parsed to."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from ostiary.base import strict_json
from ostiary.crypto.argon2 import Argon2Hash, Variant
from ostiary.crypto.base64 import decode_padded, decode_unpadded
from ostiary.crypto.foreign_hashes.faults import HashFault, UnusableHash, invalid
from ostiary.crypto.foreign_hashes.kinds import (
    DIGEST_SIZES,
    Digest,
    ForeignHash,
    ImportedScrypt,
    Pbkdf2,
    SaltedDigest,
    parse_argon2_phc,
    parse_bcrypt,
    parse_phpass,
    parse_scrypt,
)
from ostiary.errors import ConfigurationError, InvalidRequest

_LONGEST = 4096


class FirebaseParameters(msgspec.Struct, frozen=True):
    """What a Firebase project hashes passwords with, as its console shows it.

    Attributes:
        signer_key, salt_separator: base64.
        rounds: 1 to 8 there; the r of scrypt.
        mem_cost: 1 to 14 there; the logarithm of the N of scrypt.
    """

    signer_key: str
    salt_separator: str = ""
    rounds: int = 8
    mem_cost: int = 14

    def __repr__(self) -> str:
        return "FirebaseParameters()"


class Beside(msgspec.Struct, frozen=True):
    """What comes beside a hash where the hash does not carry it: only Firebase leaves things out.

    Attributes:
        salt: the account's salt, in base64.
        firebase: the project's parameters.
    """

    salt: str | None = None
    firebase: FirebaseParameters | None = None

    def __repr__(self) -> str:
        return "Beside()"


class Format(msgspec.Struct, frozen=True):
    """One format.

    Attributes:
        begins: what a hash of this format begins with, and of no other one.
    """

    name: str
    begins: re.Pattern[str]
    parse: Callable[[str, Beside], ForeignHash]


def parse_foreign(text: str, format_name: str | None = None, beside: Beside | None = None) -> ForeignHash:
    """A hash as its source wrote it.

    Args:
        format_name: a name of :data:`FORMATS`; None where the hash tells it by itself, which all but Firebase's do.

    Raises:
        UnusableHash: it is of no format that is known, not complete, or too costly to verify.
        ConfigurationError: to verify it takes a package that is not installed.
    """
    beside = beside or Beside()
    if len(text) > _LONGEST or not text.isascii():
        raise UnusableHash(HashFault.INVALID, "No password hash is so long, or has other characters than ASCII.")
    chosen = _named(format_name) if format_name is not None else _recognised(text, beside)
    if beside.salt is not None and chosen.name != "firebase":
        raise UnusableHash(HashFault.INVALID, f"A hash of the format {chosen.name} has its salt in it, not beside it.")
    return chosen.parse(text, beside)


def _named(name: str) -> Format:
    found = FORMATS.get(name)
    if found is None:
        raise UnusableHash(HashFault.UNKNOWN, f"The format is one of {', '.join(FORMATS)}.")
    return found


def _recognised(text: str, beside: Beside) -> Format:
    if beside.salt is not None:
        return FORMATS["firebase"]
    for each in FORMATS.values():
        if each.begins.match(text):
            return each
    raise UnusableHash(HashFault.UNKNOWN, "This begins like no password hash that is known.")


def _parse_bcrypt(text: str, _: Beside, of: str = "") -> ForeignHash:
    try:
        import bcrypt  # noqa: F401 - so that no account is taken in that could not sign in
    except ImportError:
        raise ConfigurationError(["bcrypt hashes need a package: pip install 'ostiary[import]'"]) from None
    return parse_bcrypt(text, of)


def _parse_wordpress(text: str, beside: Beside) -> ForeignHash:
    if not text.startswith("$wp$"):
        raise invalid("WordPress")
    return _parse_bcrypt(text.removeprefix("$wp"), beside, "-of-hmac-sha384")


def _parse_firebase(text: str, beside: Beside) -> ForeignHash:
    given = beside.firebase
    if beside.salt is None or given is None:
        raise UnusableHash(
            HashFault.INVALID, "A hash of Firebase needs its salt, and the parameters of its project beside it."
        )
    try:
        # Its API writes base64 for URLs, its command line the other one.
        hashed, salt, separator, signer_key = (
            decode_padded(each.replace("-", "+").replace("_", "/"))
            for each in (text, beside.salt, given.salt_separator, given.signer_key)
        )
    except ValueError:
        raise invalid("Firebase") from None
    if len(hashed) != len(signer_key) or not (given.rounds >= 1 and given.mem_cost >= 1):
        raise invalid("Firebase")
    stream = bytes(a ^ b for a, b in zip(hashed, signer_key, strict=True))
    return ImportedScrypt(given.mem_cost, given.rounds, 1, salt + separator, stream, firebase=True)


_PASSLIB_PBKDF2 = re.compile(r"\$pbkdf2(-sha256|-sha512)?\$([1-9][0-9]{0,8})\$([A-Za-z0-9./]+)\$([A-Za-z0-9./]+)")


def _parse_passlib_pbkdf2(text: str, _: Beside) -> ForeignHash:
    match = _PASSLIB_PBKDF2.fullmatch(text)
    if match is None:
        raise invalid("PBKDF2")
    digest: Digest = (match[1] or "-sha1")[1:]  # type: ignore[assignment]
    try:
        salt, expected = (decode_unpadded(each.replace(".", "+")) for each in match.group(3, 4))
    except ValueError:
        raise invalid("PBKDF2") from None
    return Pbkdf2(digest, int(match[2]), salt, expected)


_DJANGO_PBKDF2 = re.compile(r"pbkdf2_(sha1|sha256)\$([1-9][0-9]{0,8})\$([^$]+)\$([A-Za-z0-9+/=]+)")
_DJANGO_SCRYPT = re.compile(r"scrypt\$([1-9][0-9]{0,8})\$([^$]+)\$([1-9][0-9]{0,4})\$([1-9][0-9]{0,4})\$([^$]+)")


def _parse_django(text: str, beside: Beside) -> ForeignHash:
    """``algorithm$…``: the names of Django's own hashers."""
    algorithm, _, rest = text.partition("$")
    if algorithm == "argon2":
        return parse_argon2_phc("$" + rest)
    if algorithm in ("bcrypt", "bcrypt_sha256"):
        return _parse_bcrypt(rest, beside, "-of-sha256" if algorithm == "bcrypt_sha256" else "")
    try:
        if match := _DJANGO_PBKDF2.fullmatch(text):
            digest: Digest = match[1]  # type: ignore[assignment]
            return Pbkdf2(digest, int(match[2]), match[3].encode(), decode_padded(match[4]))
        if match := _DJANGO_SCRYPT.fullmatch(text):
            n, r, p = map(int, match.group(1, 3, 4))
            if n.bit_count() == 1 and n > 1:
                return ImportedScrypt(n.bit_length() - 1, r, p, match[2].encode(), decode_padded(match[5]))
    except ValueError:
        pass
    raise invalid("Django")


_KEYCLOAK_DIGESTS: dict[str, Digest] = {"pbkdf2": "sha1", "pbkdf2-sha256": "sha256", "pbkdf2-sha512": "sha512"}


class _KeycloakSecret(msgspec.Struct, frozen=True):
    value: str
    salt: str


class _KeycloakArgon2(msgspec.Struct, frozen=True, rename="camel"):
    type: tuple[str]
    version: tuple[str]
    memory: tuple[str]
    parallelism: tuple[str]


class _KeycloakParameters(msgspec.Struct, frozen=True, rename="camel"):
    hash_iterations: int
    algorithm: str
    additional_parameters: dict[str, Any] | None = None


def _parse_keycloak(text: str, _: Beside) -> ForeignHash:
    """A credential of type password of a realm's export; the two members in it are JSON once more, in a string."""
    try:
        credential = strict_json.decode(text.encode())
        parameters, secret = (_nested(credential[name]) for name in ("credentialData", "secretData"))
        told = msgspec.convert(parameters, _KeycloakParameters)
        hidden = msgspec.convert(secret, _KeycloakSecret)
        salt, expected = (decode_unpadded(each.rstrip("=")) for each in (hidden.salt, hidden.value))
        if told.algorithm == "argon2":
            return _keycloak_argon2(told, salt, expected)
        return Pbkdf2(_KEYCLOAK_DIGESTS[told.algorithm], told.hash_iterations, salt, expected)
    except (InvalidRequest, ValueError, KeyError, TypeError):
        raise invalid("Keycloak") from None


def _nested(value: Any) -> Any:
    return strict_json.decode(value.encode()) if isinstance(value, str) else value


def _keycloak_argon2(told: _KeycloakParameters, salt: bytes, expected: bytes) -> ForeignHash:
    more = msgspec.convert(told.additional_parameters, _KeycloakArgon2)
    if more.version != ("1.3",) or more.type[0] not in ("id", "i"):
        raise invalid("Keycloak")
    memory, lanes = int(more.memory[0]), int(more.parallelism[0])
    variant: Variant = "argon2id" if more.type[0] == "id" else "argon2i"
    # By way of the text, whose parser knows the limits.
    return parse_argon2_phc(Argon2Hash(variant, memory, told.hash_iterations, lanes, salt, expected).phc)


_ASPNET_PRFS: dict[int, Digest] = {0: "sha1", 1: "sha256", 2: "sha512"}


def _parse_aspnet(text: str, _: Beside) -> ForeignHash:
    """Version 2: 0, 16 bytes of salt, 32 of hash. Version 3: 1, then function, iterations and length of the salt."""
    try:
        blob = decode_padded(text)
    except ValueError:
        raise invalid("ASP.NET Identity") from None
    if len(blob) == 49 and blob[0] == 0:
        return Pbkdf2("sha1", 1000, blob[1:17], blob[17:])
    function, iterations, length = (int.from_bytes(blob[at : at + 4]) for at in (1, 5, 9))
    if len(blob) < 45 or blob[0] != 1 or function not in _ASPNET_PRFS or not 16 <= length <= len(blob) - 29:
        raise invalid("ASP.NET Identity")
    return Pbkdf2(_ASPNET_PRFS[function], iterations, blob[13 : 13 + length], blob[13 + length :])


_LDAP = re.compile(r"\{(S?SHA)(256|512)?\}([A-Za-z0-9+/=]+)", re.IGNORECASE)


def _parse_ldap(text: str, _: Beside) -> ForeignHash:
    match = _LDAP.fullmatch(text)
    if match is None:
        raise invalid("LDAP")
    digest: Digest = f"sha{match[2] or 1}"  # type: ignore[assignment]
    try:
        raw = decode_padded(match[3])
    except ValueError:
        raise invalid("LDAP") from None
    size = DIGEST_SIZES[digest]
    if (len(raw) > size) != match[1].upper().startswith("SS"):
        raise invalid("LDAP")
    return SaltedDigest(digest, raw[size:], raw[:size])


FORMATS = {
    each.name: each
    for each in (
        Format("argon2", re.compile(r"\$argon2"), lambda text, _: parse_argon2_phc(text)),
        Format("bcrypt", re.compile(r"\$2"), _parse_bcrypt),
        Format("scrypt", re.compile(r"\$scrypt\$"), lambda text, _: parse_scrypt(text)),
        Format("firebase", re.compile(r"(?!)"), _parse_firebase),
        Format("pbkdf2", re.compile(r"\$pbkdf2"), _parse_passlib_pbkdf2),
        Format("django", re.compile(r"(pbkdf2_\w+|argon2|bcrypt|bcrypt_sha256|scrypt)\$"), _parse_django),
        Format("keycloak", re.compile(r"\{\s*\""), _parse_keycloak),
        Format("aspnet", re.compile(r"A[A-P][A-Za-z0-9+/]{64}==\Z|AQAAAA"), _parse_aspnet),
        Format("ldap", re.compile(r"\{S?SHA", re.IGNORECASE), _parse_ldap),
        Format("wordpress", re.compile(r"\$wp\$"), _parse_wordpress),
        Format("phpass", re.compile(r"\$[PH]\$"), lambda text, _: parse_phpass(text)),
    )
}
"""Every format, by its name."""
