"""Sortable public ids: a readable prefix and 128 bits, 48 of time and 80 random, in Crockford's base 32.

``acc_01jd5v0q6k8m3n7r2t4w6y8z0b``. Ids are names, not secrets: they order rows by creation and tell people what they
are looking at. What must not be guessed comes from :mod:`ostiary.base.tokens`.
"""

from __future__ import annotations

import re
import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_SHAPE = re.compile(r"[a-z]{2,8}_[0-9a-hjkmnp-tv-z]{26}")


def new_id(prefix: str, now: int) -> str:
    """A new id with ``prefix``, sorting after every id made in an earlier millisecond. ``now`` in milliseconds."""
    value = (now << 80) | secrets.randbits(80)
    return prefix + "_" + "".join(_PAIRS[(value >> shift) & 1023] for shift in range(120, -1, -10))


def is_id(text: str, prefix: str) -> bool:
    """Whether ``text`` has the form of an id with ``prefix``; says nothing about whether it exists."""
    return text.startswith(prefix + "_") and _SHAPE.fullmatch(text) is not None
