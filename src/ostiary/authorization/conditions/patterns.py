"""Regular expressions by RE2, whose time is linear in the text: no pattern can be made that takes long to fail."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

MAX_PATTERN = 256
_MEMORY = 1 << 20


@lru_cache(maxsize=256)
def searcher(pattern: str) -> Callable[[str], bool]:
    """A function that tells whether ``pattern`` is found anywhere in a text.

    It raises UnicodeEncodeError for a text with lone surrogates.

    Raises:
        ValueError: the pattern is too long or none of RE2.
    """
    import re2  # type: ignore[import-untyped]

    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"A pattern has at most {MAX_PATTERN} characters.")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        search = re2.compile(pattern.encode(), options).search
    except re2.error as cause:
        reason = cause.args[0] if cause.args else ""
        raise ValueError(reason.decode() if isinstance(reason, bytes) else str(reason)) from cause

    def found(text: str) -> bool:
        return search(text.encode()) is not None

    return found
