"""Codes as people type them: with spaces, dashes, and what a telephone or a copied line puts between the characters."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

from msgspec import Meta

_LONGEST = 64
_BETWEEN = frozenset({"Zs", "Cc", "Cf", "Pd"})
"""Categories of characters that only part a code: spaces, tabs, invisible marks, dashes of every length."""

# For the published schema; what cannot be read as a code is a wrong code, as it is for somebody who mistypes.
TypedCode = Annotated[str, Meta(extra_json_schema={"maxLength": _LONGEST, "examples": ["123 456"]})]


def compact(text: str) -> str:
    """``text`` in ASCII where it has an ASCII form (full-width digits), without what parts it; "" where it is long."""
    if len(text) > _LONGEST:
        return ""
    return "".join(
        letter for letter in unicodedata.normalize("NFKC", text) if unicodedata.category(letter) not in _BETWEEN
    )


def typed_digits(text: str, length: int) -> str | None:
    """The decimal code of ``length`` that was typed; None where it is none."""
    code = compact(text)
    return code if re.fullmatch(f"[0-9]{{{length}}}", code) else None
