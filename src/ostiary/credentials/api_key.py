"""API keys: what programs show instead of a session. 256 random bits that a secret scanner knows when it sees them.

``ost_live_``, 43 characters of the key, 6 of a checksum (CRC-32), all in base 62. The checksum protects nothing: it
tells a key that was mistyped or cut off from one that is wrong, without asking anybody, and lets a scanner be sure of
what it has found.
"""

from __future__ import annotations

import re
import secrets
from binascii import crc32

from ostiary.base.tokens import digest
from ostiary.errors import InvalidToken

PREFIX = "ost_live_"
PATTERN = r"ost_live_[0-9A-Za-z]{49}"
"""What a secret scanner looks for."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BITS = 256
_RANDOM, _CHECKSUM, _HINT = 43, 6, 4  # characters
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_SHAPE = re.compile(PATTERN)


def new_key() -> str:
    """A new key."""
    key = PREFIX + _base62(secrets.randbits(_BITS), _RANDOM)
    return key + _checksum(key)


def looks_like_key(text: str) -> bool:
    """Whether this is meant to be a key of ours, well formed or not."""
    return text.startswith(PREFIX)


def parse_key(text: str) -> str:
    """A key that is well formed; whether anybody has it is not asked.

    Raises:
        InvalidToken: it is no API key, or was mistyped or cut off.
    """
    if not looks_like_key(text):
        raise InvalidToken(f"This is not an API key: one begins with {PREFIX}.")
    if _SHAPE.fullmatch(text) is None:
        raise InvalidToken(
            f"This API key is not whole: after {PREFIX} it has {_RANDOM + _CHECKSUM} letters and digits."
        )
    if text[-_CHECKSUM:] != _checksum(text[:-_CHECKSUM]):
        raise InvalidToken("This API key was mistyped: its checksum is wrong.")
    return text


def key_hash(key: str) -> bytes:
    """What is stored of a key."""
    return digest(key)


def hint_of(key: str) -> str:
    """The last characters, by which its owner knows it again; all of them are of the checksum."""
    return key[-_HINT:]


def _checksum(text: str) -> str:
    rest, last = divmod(crc32(text.encode("ascii")), len(_PAIRS))
    first, middle = divmod(rest, len(_PAIRS))
    return _PAIRS[first] + _PAIRS[middle] + _PAIRS[last]


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
