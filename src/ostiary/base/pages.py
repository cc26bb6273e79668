"""Lists that are read page by page: ``{"items": […], "next": cursor}``.

A cursor is the sort key of the last item of the page before, opaque to clients, so that rows that come or go between
two requests never shift the rest. It carries no authority: it only says where to read on.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import Meta

from ostiary.errors import InvalidRequest

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
_MAX_CURSOR = 4096  # of a relation: two ids of 256 characters, each up to four bytes, and their names

# For the published schema and for queries; ``decode_cursor`` and ``check_limit`` hold whatever built the struct.
Cursor = Annotated[str, Meta(extra_json_schema={"pattern": "^[A-Za-z0-9_-]+$", "maxLength": _MAX_CURSOR})]
Limit = Annotated[int, Meta(ge=1, le=MAX_LIMIT)]

Item = TypeVar("Item")
Row = TypeVar("Row")


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """One page of a list; ``next`` is the cursor of the following page, ``None`` on the last."""

    items: list[Item]
    next: str | None


def decode_cursor(cursor: str) -> str:
    """The key after which to read on.

    Raises:
        InvalidRequest: this is no cursor of ours.
    """
    try:
        if len(cursor) > _MAX_CURSOR:
            raise ValueError
        key = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode("utf-8")
        if not key or not key.isprintable() or encode_cursor(key) != cursor:
            raise ValueError
    except (ValueError, binascii.Error):
        raise InvalidRequest("This is not a cursor from an earlier page.", field="cursor") from None
    return key


class PageQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which part of a list."""

    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


def encode_cursor(key: str) -> str:
    return urlsafe_b64encode(key.encode("utf-8")).rstrip(b"=").decode("ascii")


def check_limit(limit: int) -> int:
    """``limit`` as it is, when it is a size that a page can have.

    Raises:
        InvalidRequest: it is not from 1 to ``MAX_LIMIT``.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise InvalidRequest(f"The limit is a number from 1 to {MAX_LIMIT}.", field="limit")
    return limit


def page_of(rows: Sequence[Row], limit: int, key: Callable[[Row], str], item: Callable[[Row], Item]) -> Page[Item]:
    """A page from up to ``limit + 1`` rows in the order of ``key``: the extra row only tells that there are more."""
    shown = rows[:limit]
    return Page([item(row) for row in shown], encode_cursor(key(shown[-1])) if len(rows) > limit else None)
