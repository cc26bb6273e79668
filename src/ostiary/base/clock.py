"""Time as integers: milliseconds since the epoch, UTC. Passed in everywhere, so that tests turn it and never sleep."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

from msgspec import Meta

Clock = Callable[[], int]
"""Returns now, in milliseconds since the epoch."""

Timestamp = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""A time as :func:`rfc3339` writes it."""

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def system_clock() -> int:
    return time.time_ns() // 1_000_000


@lru_cache(4096)  # the same few times are shown again and again, and formatting costs more than a database read
def rfc3339(milliseconds: int) -> str:
    """``1700000000000`` to ``2023-11-14T22:13:20.000Z`` (RFC 3339, always UTC)."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"
