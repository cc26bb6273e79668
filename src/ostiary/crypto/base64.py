"""Base64 that has one spelling: what decodes to the same bytes in another one is refused (RFC 4648 section 3.5)."""

from __future__ import annotations

from base64 import b64decode, b64encode


def encode_unpadded(raw: bytes) -> str:
    """``raw`` as PHC strings have it: the standard alphabet, without padding."""
    return b64encode(raw).rstrip(b"=").decode()


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
