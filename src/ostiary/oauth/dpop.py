"""Demonstrating proof of possession (RFC 9449): a signed note of this very request, that counts once."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import urlsplit

import msgspec

from ostiary.base.clock import MINUTE, SECOND
from ostiary.base.tokens import equal
from ostiary.crypto import ALGORITHMS, Key, jose
from ostiary.crypto.base64 import sha256_url
from ostiary.errors import InvalidToken
from ostiary.oauth.faults import InvalidDpopProof, UseDpopNonce
from ostiary.oauth.spent import Spend

LIFETIME = MINUTE
"""How old a proof may be, or how far ahead of us its clock."""
_NONCE_FOR = 5 * MINUTE
_MAX_JTI = 256


class DpopProofs:
    """Checks proofs, and hands out nonces that are a keyed hash of the time, so that none is stored."""

    def __init__(self, key: bytes, *, nonce: bool) -> None:
        """``nonce``: each proof has to have one of ours."""
        self._key = key
        self.nonce_required = nonce

    def check(self, proof: str, method: str, url: str, now: int, *, token: str | None = None) -> tuple[str, Spend]:
        """The thumbprint of the key that a proof is made with, and what has to be spent so that it counts once.

        Args:
            method, url: of the request; the URL without query and fragment.
            token: the access token that comes with it (section 4.3).

        Raises:
            InvalidDpopProof: it is not for this request, too old, or not well formed.
            UseDpopNonce: it lacks a nonce of ours, or has an old one.
        """
        try:
            key, claims = jose.verify_proof(proof, typ="dpop+jwt", algorithms=ALGORITHMS)
        except InvalidToken as fault:
            raise InvalidDpopProof(fault.detail) from None
        jti, issued = claims.get("jti"), claims.get("iat")
        if not isinstance(jti, str) or not 0 < len(jti) <= _MAX_JTI or type(issued) is not int:
            raise InvalidDpopProof("The proof lacks jti or iat.")
        if claims.get("htm") != method or not _is_url(claims.get("htu"), url):
            raise InvalidDpopProof("The proof is for another request.")
        if token is not None and claims.get("ath") != sha256_url(token.encode("ascii", "replace")):
            raise InvalidDpopProof("The proof is for another access token.")
        self._check_nonce(claims.get("nonce"), now)
        if abs(now - issued * SECOND) > LIFETIME:
            raise InvalidDpopProof("The proof is too old, or from the future.")
        thumbprint = thumbprint_of(key)
        return thumbprint, Spend("dpop", thumbprint, jti, issued * SECOND + LIFETIME + SECOND)

    def nonce(self, now: int) -> str:
        """A nonce that is good for some minutes (section 8)."""
        window = (now // _NONCE_FOR).to_bytes(8)
        mac = hmac.digest(self._key, window, hashlib.sha256)[:16]
        return base64.urlsafe_b64encode(window + mac).rstrip(b"=").decode()

    def _check_nonce(self, nonce: object, now: int) -> None:
        if nonce is None and not self.nonce_required:
            return
        good = (self.nonce(now), self.nonce(now - _NONCE_FOR))
        if not isinstance(nonce, str) or not any(equal(nonce.encode(), each.encode()) for each in good):
            raise UseDpopNonce(self.nonce(now))


def thumbprint_of(key: Key) -> str:
    """The SHA-256 thumbprint of a key (RFC 7638)."""
    return sha256_url(msgspec.json.encode(key.required_members()))


def _is_url(claimed: object, url: str) -> bool:
    """Whether the URL of a proof is the request's, after scheme and host in small letters and without query."""
    if not isinstance(claimed, str):
        return False
    try:
        parts, ours = urlsplit(claimed), urlsplit(url)
        return (parts.scheme, parts.netloc.lower(), parts.path) == (ours.scheme, ours.netloc.lower(), ours.path)
    except ValueError:
        return False
