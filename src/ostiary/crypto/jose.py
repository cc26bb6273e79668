"""Signed tokens: JWS compact serialization (RFC 7515) holding claims (JWT, RFC 7519; practices of RFC 8725).

The key is found by ``kid`` among the keys given and decides the algorithm; the header only has to agree. Nothing else
in a header (``jwk``, ``jku``, ``x5c``) is ever used, but for the ``jwk`` of a proof of possession, see
:func:`verify_proof`; and anything critical is refused. ``joserfc`` has the keys and the algorithms; the envelope is
opened here, see ``docs/decisions/0002-jose.md``.
"""

from __future__ import annotations

import binascii
from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256
from typing import Any

import msgspec

from ostiary.base import strict_json
from ostiary.base.clock import SECOND
from ostiary.crypto.keys import PRIVATE_MEMBERS, Key
from ostiary.errors import InvalidRequest, InvalidToken

MAX_TOKEN = 16 * 1024
MAX_HEADER = 4096
LEEWAY = 5 * SECOND
"""How far the clocks of two machines may be apart, in milliseconds."""

ACCESS_TOKEN_CLAIMS = ("iss", "exp", "aud", "sub", "client_id", "iat", "jti")
"""What an access token must have (RFC 9068, section 2.2)."""

_TEXT_CLAIMS = ("iss", "sub", "client_id", "jti")
_MAX_REMEMBERED = 2048
_MAX_REMEMBERED_SIZE = 2048
_MAX_HEADERS = 64

_MALFORMED = "The token is not well formed."
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_TO_URL = bytes.maketrans(b"+/", b"-_")


def sign(claims: Mapping[str, Any], *, key: Key, typ: str) -> str:
    """``claims`` as a token of type ``typ``, signed by ``key``, whose private part it needs. Times are in seconds."""
    header = {"alg": key.algorithm, "typ": typ, "kid": key.kid}
    message = _encode(msgspec.json.encode(header)) + b"." + _encode(msgspec.json.encode(claims))
    return (message + b"." + _encode(key.sign(message))).decode()


def verify(
    token: str,
    *,
    keys: Iterable[Key],
    typ: str,
    issuer: str,
    audience: str,
    now: int,
    leeway: int = LEEWAY,
    required: Collection[str] = (),
) -> dict[str, Any]:
    """:meth:`Verifier.verify` once, with ``keys``."""
    return Verifier(keys).verify(
        token, typ=typ, issuer=issuer, audience=audience, now=now, leeway=leeway, required=required
    )


def verify_proof(
    token: str, *, typ: str, algorithms: Collection[str], key: Key | None = None
) -> tuple[Key, dict[str, Any]]:
    """The key and the claims of a proof of possession: a token that shows that its maker holds a private key.

    Without ``key`` it is verified by the public key that it carries in ``jwk`` (RFC 7515, section 4.1.3). Anybody can
    make one with a key of their own, so it says nothing about who they are: the claims have to answer a challenge of
    ours, and whoever calls this has to check that.

    Args:
        typ: the media type it must have, without ``application/``, in lower case.
        algorithms: those that it may be signed with.
        key: the one that its maker is known to hold; what the token carries is then not looked at.

    Raises:
        InvalidToken: a check failed; ``detail`` says which.
    """
    message, segment, payload, signature = _split(_octets(token))
    header = _decode_header(segment)
    if _type_of(header) != typ:
        raise InvalidToken("The token is of another type.")
    key = key or _carried_key(header)
    if key.algorithm not in algorithms or header.get("alg") != key.algorithm:
        raise InvalidToken("The algorithm of the token is not that of its key.")
    if not key.verify(message, _decode(signature)):
        raise InvalidToken("The signature of the token is wrong.")
    return key, _decode_json(_decode(payload))


def unverified_claims(token: str) -> dict[str, Any]:
    """What a token says, before anything of it is believed: only to find out whose key has to verify it.

    Raises:
        InvalidToken: it is not well formed.
    """
    _, segment, payload, _ = _split(_octets(token))
    _decode_header(segment)
    return _decode_json(_decode(payload))


def names_key(token: str) -> str | None:
    """The ``kid`` that a token names, before anything of it is believed. Raises InvalidToken."""
    kid = _decode_header(_split(_octets(token))[1]).get("kid")
    return kid if isinstance(kid, str) else None


def names_algorithm(token: str) -> str | None:
    """The ``alg`` that a token names, before anything of it is believed. Raises InvalidToken."""
    algorithm = _decode_header(_split(_octets(token))[1]).get("alg")
    return algorithm if isinstance(algorithm, str) else None


class Verifier:
    """Verifies tokens with a fixed set of keys, and remembers whose signature was right.

    Only the signature is remembered, by the digest of the whole token; type and claims are checked each time. Another
    set of keys is another verifier, so a key that leaves takes what it signed along.
    """

    def __init__(self, keys: Iterable[Key], *, kid_optional: bool = False) -> None:
        """``kid_optional``: a token that names no key is verified by the only one of its algorithm, if there is one."""
        self._keys = {key.kid: key for key in keys}
        self._kid_optional = kid_optional
        self._headers: dict[bytes, tuple[Key, str]] = {}
        self._remembered: dict[bytes, tuple[str, bytes]] = {}

    def knows(self, kid: str | None) -> bool:
        """Whether there is a key of this name, or one that may be meant by a token that names none."""
        return kid in self._keys or (kid is None and self._kid_optional)

    def verify(
        self,
        token: str,
        *,
        typ: str | Collection[str],
        issuer: str,
        audience: str | Collection[str] | None,
        now: int,
        leeway: int = LEEWAY,
        required: Collection[str] = (),
    ) -> dict[str, Any]:
        """The claims of ``token``.

        Args:
            typ: the media type it must have (RFC 8725, section 3.11), without ``application/``, in lower case; or
                several that it may have, an empty one where it may have none.
            issuer: its ``iss``.
            audience: its ``aud``, or one of them; or several of which one is; None where whoever asks looks itself.
            now: the time, in milliseconds; ``exp`` is required and must be later, ``nbf`` and ``iat`` not.
            leeway: how many milliseconds the issuer's clock may differ.
            required: further claims that it must have.

        Raises:
            InvalidToken: a check failed; ``detail`` says which.
        """
        found, payload = self._open(token)
        if found != typ and (isinstance(typ, str) or found not in typ):
            raise InvalidToken("The token is of another type.")
        claims = _decode_json(payload)
        _check_form(claims, required)
        _check_claims(claims, issuer, audience, now, leeway)
        return claims

    def _open(self, token: str) -> tuple[str, bytes]:
        """The type and the payload of ``token``, whose signature is right."""
        octets = _octets(token)
        digest = sha256(octets).digest()
        remembered = self._remembered.get(digest)
        if remembered is None:
            remembered = self._check_signature(octets)
            if len(octets) <= _MAX_REMEMBERED_SIZE:
                # Emptied when full: no order to keep, and safe with threads.
                if len(self._remembered) >= _MAX_REMEMBERED:
                    self._remembered = {}
                self._remembered[digest] = remembered
        return remembered

    def _check_signature(self, token: bytes) -> tuple[str, bytes]:
        message, header, payload, signature = _split(token)
        known = self._headers.get(header)
        key, typ = known or self._read_header(header)
        if not key.verify(message, _decode(signature)):
            raise InvalidToken("The signature of the token is wrong.")
        if known is None and len(self._headers) < _MAX_HEADERS:
            self._headers[header] = key, typ
        return typ, _decode(payload)

    def _read_header(self, segment: bytes) -> tuple[Key, str]:
        header = _decode_header(segment)
        kid = header.get("kid")
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if kid is None and self._kid_optional:
            candidates = [each for each in self._keys.values() if each.algorithm == header.get("alg")]
            key = candidates[0] if len(candidates) == 1 else None
        if key is None:
            raise InvalidToken("The token does not name a key that is known here.")
        if header.get("alg") != key.algorithm:
            raise InvalidToken("The algorithm of the token is not that of its key.")
        return key, "" if "typ" not in header else _type_of(header)


def _octets(token: str) -> bytes:
    if len(token) > MAX_TOKEN:
        raise InvalidToken("The token is too large.")
    try:
        return token.encode("ascii")
    except UnicodeEncodeError:
        raise InvalidToken(_MALFORMED) from None


def _split(token: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """What is signed, its two segments, and the signature."""
    message, _, signature = token.rpartition(b".")
    header, dot, payload = message.partition(b".")
    if not dot or b"." in payload:
        raise InvalidToken(_MALFORMED)
    return message, header, payload, signature


def _decode_header(segment: bytes) -> dict[str, Any]:
    if len(segment) > MAX_HEADER:
        raise InvalidToken("The header of the token is too large.")
    header = _decode_json(_decode(segment))
    if "crit" in header or "b64" in header:
        raise InvalidToken("The token has critical header parameters, and none is understood here.")
    return header


def _type_of(header: dict[str, Any]) -> str:
    typ = header.get("typ")
    if not isinstance(typ, str):
        raise InvalidToken("The token is of another type.")
    return typ.lower().removeprefix("application/")


def _carried_key(header: dict[str, Any]) -> Key:
    jwk = header.get("jwk")
    if not isinstance(jwk, dict):
        raise InvalidToken("The token does not carry the key that signed it.")
    if not PRIVATE_MEMBERS.isdisjoint(jwk):
        raise InvalidToken("The token carries a private key, which is one no longer.")
    try:
        return Key.from_jwk(jwk)
    except InvalidRequest:
        raise InvalidToken("The token carries a key that cannot be used here.") from None


def _check_form(claims: dict[str, Any], required: Collection[str]) -> None:
    if type(claims.get("exp")) is not int:
        raise InvalidToken("The token has no expiry in whole seconds.")
    for name in ("nbf", "iat"):
        if type(claims.get(name, 0)) is not int:
            raise InvalidToken(f"The token's {name} is not in whole seconds.")
    for name in _TEXT_CLAIMS:
        if type(claims.get(name, "")) is not str:
            raise InvalidToken(f"The token's {name} is not text.")
    for name in required:
        if not claims.get(name):
            raise InvalidToken(f"The token lacks {name}.")


def _check_claims(
    claims: dict[str, Any], issuer: str, audience: str | Collection[str] | None, now: int, leeway: int
) -> None:
    if claims.get("iss") != issuer:
        raise InvalidToken("The token is from another issuer.")
    if audience is not None and not is_for(claims.get("aud"), audience):
        raise InvalidToken("The token is for another audience.")
    if claims["exp"] * SECOND + leeway <= now:
        raise InvalidToken("The token has expired.")
    latest = now + leeway
    if claims.get("nbf", 0) * SECOND > latest or claims.get("iat", 0) * SECOND > latest:
        raise InvalidToken("The token is not valid yet.")


def is_for(intended: object, audience: str | Collection[str]) -> bool:
    """Whether an ``aud`` names this audience, or one of these (RFC 7519 section 4.1.3)."""
    if isinstance(audience, str):
        return intended == audience or (isinstance(intended, list) and audience in intended)
    return any(is_for(intended, each) for each in audience)


def _decode_json(octets: bytes) -> dict[str, Any]:
    try:
        value = strict_json.decode(octets)
    except InvalidRequest:
        raise InvalidToken(_MALFORMED) from None
    if not isinstance(value, dict):
        raise InvalidToken(_MALFORMED)
    return value


def _encode(octets: bytes) -> bytes:
    return binascii.b2a_base64(octets, newline=False).translate(_TO_URL).rstrip(b"=")


def _decode(segment: bytes) -> bytes:
    """Base64url without padding; any spelling but the one that encoding gives is refused (RFC 7515, section 2)."""
    try:
        octets = binascii.a2b_base64(segment.translate(_TO_STANDARD) + b"==")
    except binascii.Error:
        raise InvalidToken(_MALFORMED) from None
    if _encode(octets) != segment:
        raise InvalidToken(_MALFORMED)
    return octets
