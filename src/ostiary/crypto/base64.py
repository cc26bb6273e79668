"""Base64 that has one spelling: what decodes to the same bytes in another one is refused (RFC 4648 section 3.5)."""

from __future__ import annotations

from base64 import b64decode, b64encode, urlsafe_b64encode
from hashlib import sha256


def encode_unpadded(raw: bytes) -> str:
    """``raw`` as PHC strings have it: the standard alphabet, without padding."""
    return b64encode(raw).rstrip(b"=").decode()


def sha256_url(octets: bytes) -> str:
    """The SHA-256 of ``octets`` in base64url without padding, as thumbprints and challenges have it."""
    return urlsafe_b64encode(sha256(octets).digest()).rstrip(b"=").decode()


def decode_unpadded(text: str) -> bytes:
    """What :func:`encode_unpadded` made.

    Raises:
        ValueError: it is something else.
    """
    return decode_padded(text + "=" * (-len(text) % 4))


def decode_padded(text: str) -> bytes:
    """The bytes behind base64 with its padding.

    Raises:
        ValueError: it is something else.
    """
    raw = b64decode(text, validate=True)
    if b64encode(raw).decode() != text:
        raise ValueError("base64 with bits that mean nothing")
    return raw
