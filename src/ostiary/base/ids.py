"""Sortable public ids: a readable prefix and 128 bits, 48 of time and 80 random, in Crockford's base 32.

``acc_01jd5v0q6k8m3n7r2t4w6y8z0b``. Ids are names, not secrets: they order rows by creation and tell people what they
are looking at. What must not be guessed comes from :mod:`ostiary.base.tokens`.
"""

from __future__ import annotations

import re
import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_SHIFTS = tuple(range(120, -1, -10))
_TO_BASE_32 = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
_SHAPE = re.compile(r"[a-z]{2,8}_[0-7][0-9a-hjkmnp-tv-z]{25}")


def new_id(prefix: str, now: int) -> str:
    """A new id with ``prefix``, sorting after every id made in an earlier millisecond. ``now`` in milliseconds."""
    return _text(prefix, (now << 80) | secrets.randbits(80))


def id_to_bytes(text: str) -> bytes:
    """The 16 bytes behind an id, without its prefix. ValueError: it has not the form of an id."""
    if _SHAPE.fullmatch(text) is None:
        raise ValueError("not an id")
    return int(text[-26:].translate(_TO_BASE_32), 32).to_bytes(16)


def id_from_bytes(prefix: str, raw: bytes) -> str:
    """The id with ``prefix`` that :func:`id_to_bytes` made ``raw`` of."""
    return _text(prefix, int.from_bytes(raw))


def _text(prefix: str, value: int) -> str:
    return prefix + "_" + "".join([_PAIRS[(value >> shift) & 1023] for shift in _SHIFTS])


def is_id(text: str, prefix: str) -> bool:
    """Whether ``text`` has the form of an id with ``prefix``; says nothing about whether it exists."""
    return text.startswith(prefix + "_") and _SHAPE.fullmatch(text) is not None
