"""Keys that sign tokens, and their public form (JWK, RFC 7517; thumbprint, RFC 7638).

A key is for one algorithm and knows it, so that a token never chooses how it is verified. Symmetric keys are made by
:meth:`Key.from_secret` alone and never read from a JWK: a key set fetched from elsewhere cannot contain one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, cast

from cryptography.hazmat.primitives.serialization import load_der_private_key
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from ostiary.errors import InvalidRequest

_PUBLIC_MEMBERS = {"ES256": ("kty", "crv", "x", "y"), "RS256": ("kty", "n", "e"), "EdDSA": ("kty", "crv", "x")}
_ALGORITHM_OF = {("EC", "P-256"): "ES256", ("RSA", None): "RS256", ("OKP", "Ed25519"): "EdDSA"}
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""What a public JWK never has (RFC 7518, section 6)."""
_KEY_TYPE: dict[str, type[ECKey] | type[RSAKey] | type[OKPKey]] = {"ES256": ECKey, "RS256": RSAKey, "EdDSA": OKPKey}
_RSA_BITS = range(2048, 8193)
_MIN_SECRET = 32

ALGORITHMS = frozenset(_PUBLIC_MEMBERS)
"""The asymmetric algorithms spoken here: ES256, RS256 (RFC 7518, section 3) and EdDSA with Ed25519 (RFC 8037)."""


class Key:
    """A key for one algorithm, with or without its private part. Immutable; its repr shows no secret.

    Attributes:
        algorithm: the JWS ``alg`` it is for.
        kid: its name in tokens and key sets.
    """

    __slots__ = ("_key", "_model", "algorithm", "kid")

    def __init__(self, key: ECKey | RSAKey | OKPKey | OctKey, algorithm: str, kid: str | None) -> None:
        self._key = key
        self._model = JWSRegistry.algorithms[algorithm]
        self._model.check_key(key)
        self.algorithm = algorithm
        self.kid = kid or key.thumbprint()

    def __repr__(self) -> str:
        return f"Key({self.algorithm}, {self.kid})"

    @classmethod
    def generate(cls, algorithm: str) -> Self:
        """A new private key, named by its thumbprint. RSA takes a few hundred milliseconds: not in the event loop."""
        if algorithm == "RS256":
            return cls(RSAKey.generate_key(2048), algorithm, None)
        if algorithm == "ES256":
            return cls(ECKey.generate_key("P-256"), algorithm, None)
        if algorithm == "EdDSA":
            return cls(OKPKey.generate_key("Ed25519"), algorithm, None)
        raise ValueError(f"cannot make a key for {algorithm}")

    @classmethod
    def from_der(cls, der: bytes, algorithm: str, kid: str | None = None) -> Self:
        """The private key in PKCS #8. RSA takes 40 ms. Raises ValueError if it does not fit ``algorithm``."""
        try:
            native = cast(Any, load_der_private_key(der, None))
            return cls(_checked(_KEY_TYPE[algorithm].import_key(native)), algorithm, kid)
        except (JoseError, SecurityWarning, ValueError, TypeError, KeyError) as cause:
            raise ValueError(f"not a private key for {algorithm}") from cause

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any]) -> Self:
        """The public key in a JWK; private members are not read. Without ``kid`` it is named by its thumbprint.

        Raises:
            InvalidRequest: the key is not for signatures with an algorithm spoken here, or is weak or malformed.
        """
        try:
            algorithm = _ALGORITHM_OF[jwk["kty"], jwk.get("crv")]
            if jwk.get("alg", algorithm) != algorithm or jwk.get("use", "sig") != "sig":
                raise ValueError("for another use")
            if "verify" not in jwk.get("key_ops", ("verify",)):
                raise ValueError("for another operation")
            kid = jwk.get("kid")
            if kid is not None and not isinstance(kid, str):
                raise ValueError("kid is not text")
            public = {name: jwk[name] for name in _PUBLIC_MEMBERS[algorithm]}
            return cls(_checked(_KEY_TYPE[algorithm].import_key(public)), algorithm, kid)
        except (JoseError, SecurityWarning, ValueError, TypeError, KeyError) as cause:
            raise InvalidRequest("The key is not a public key that can be used here.") from cause

    @classmethod
    def from_secret(cls, secret: bytes, kid: str) -> Self:
        """A symmetric key for HS256. Raises ValueError below 256 bits (RFC 7518, section 3.2)."""
        if len(secret) < _MIN_SECRET:
            raise ValueError("a key for HS256 has at least 256 bits")
        return cls(OctKey.import_key(secret), "HS256", kid)

    @property
    def is_private(self) -> bool:
        return self._key.is_private

    def to_der(self) -> bytes:
        """The private key in PKCS #8, unencrypted: seal it."""
        if isinstance(self._key, OctKey):
            raise ValueError("a symmetric key has no PKCS #8 form")
        return self._key.as_der(private=True)

    def required_members(self) -> dict[str, str]:
        """The members of the public JWK that make the key, in the order of a thumbprint (RFC 7638, section 3.2)."""
        jwk = self.public_jwk()
        return {name: jwk[name] for name in sorted(_PUBLIC_MEMBERS[self.algorithm])}

    def public_jwk(self) -> dict[str, str]:
        """The public JWK with ``kid``, ``alg`` and ``use``. Raises ValueError for a symmetric key."""
        if self.algorithm not in ALGORITHMS:
            raise ValueError("a symmetric key has no public form")
        members = self._key.as_dict(private=False)
        public = {name: cast(str, members[name]) for name in _PUBLIC_MEMBERS[self.algorithm]}
        return public | {"kid": self.kid, "alg": self.algorithm, "use": "sig"}

    def sign(self, message: bytes) -> bytes:
        """The JWS signature of ``message``. Raises ValueError without the private part."""
        if not self.is_private:
            raise ValueError("a public key cannot sign")
        return self._model.sign(message, self._key)

    def verify(self, message: bytes, signature: bytes) -> bool:
        return self._model.verify(message, signature, self._key)


def parse_key_set(document: Mapping[str, Any]) -> list[Key]:
    """The usable keys of a JWK Set; others are passed over, as RFC 7517, section 5 says.

    Raises:
        InvalidRequest: it is not a JWK Set.
    """
    members = document.get("keys")
    if not isinstance(members, list):
        raise InvalidRequest("This is not a JWK Set.")
    keys = []
    for jwk in members:
        try:
            keys.append(Key.from_jwk(jwk))
        except InvalidRequest:
            continue
    return keys


def _checked(key: ECKey | RSAKey | OKPKey) -> ECKey | RSAKey | OKPKey:
    if isinstance(key, RSAKey) and key.raw_value.key_size not in _RSA_BITS:
        raise ValueError("an RSA key has 2048 to 8192 bits")
    if isinstance(key, OKPKey) and key.curve_name != "Ed25519":
        raise ValueError("EdDSA is spoken with Ed25519 only")
    return key
