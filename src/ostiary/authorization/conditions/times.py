"""Timestamps and durations as CEL has them: exact to the nanosecond, written as RFC 3339 and as ``1h30m``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec

SECOND = 1_000_000_000
_MICROSECOND = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = -62_135_596_800 * SECOND
_LAST = 253_402_300_800 * SECOND - 1
_LONGEST = 315_576_000_000 * SECOND
_MAX_INT = 2**63 - 1

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_DURATION = re.compile(r"[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:h|ms|m|s|us|µs|ns))+)", re.ASCII)
_PART = re.compile(r"(\d*)\.?(\d*)(h|ms|m|s|us|µs|ns)", re.ASCII)
_UNITS = {
    "h": 3_600 * SECOND, "m": 60 * SECOND, "s": SECOND, "ms": 1_000_000, "us": 1_000, "µs": 1_000, "ns": 1,
}  # fmt: skip
_OFFSET = re.compile(r"([+-]?)(\d{1,2}):(\d\d)", re.ASCII)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(?:/[A-Za-z0-9_+-]{1,31}){0,2}", re.ASCII)
_LONGEST_TEXT = 64


class Timestamp(msgspec.Struct, frozen=True, order=True):
    """A moment of the years 1 to 9999, in nanoseconds since 1970 UTC."""

    ns: int


class Duration(msgspec.Struct, frozen=True, order=True):
    """A length of time in nanoseconds, negative ones as well."""

    ns: int


def timestamp_at(ns: int) -> Timestamp:
    """Raises ValueError outside of the years 1 to 9999."""
    if not _FIRST <= ns <= _LAST:
        raise ValueError("the timestamp is out of range")
    return Timestamp(ns)


def duration_of(ns: int) -> Duration:
    """What arithmetic may give: 64 bits of nanoseconds, 292 years. Raises ValueError beyond."""
    if not -_MAX_INT - 1 <= ns <= _MAX_INT:
        raise ValueError("the duration is out of range")
    return Duration(ns)


def from_datetime(value: datetime) -> Timestamp:
    """Raises ValueError without a time zone."""
    if value.tzinfo is None:
        raise ValueError("the time has no time zone")
    return Timestamp((value - _EPOCH) // timedelta(microseconds=1) * _MICROSECOND)


def parse_timestamp(text: str) -> Timestamp:
    """RFC 3339. Raises ValueError."""
    found = _RFC3339.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    if found is None:
        raise ValueError("it is no time such as 2026-01-31T08:00:00Z")
    day, clock, fraction, zone = found.groups()
    try:
        naive = datetime.fromisoformat(f"{day}T{clock}")
    except ValueError as cause:
        raise ValueError("there is no such day or time") from cause
    offset = 0 if zone in "Zz" else _minutes(zone[0], zone[1:3], zone[4:])
    seconds = (naive - _EPOCH.replace(tzinfo=None)) // timedelta(seconds=1) - offset * 60
    return timestamp_at(seconds * SECOND + int((fraction or "").ljust(9, "0")))


def parse_duration(text: str) -> Duration:
    """A sequence of numbers with units, such as ``1h30m`` or ``-1.5s``. Raises ValueError."""
    if len(text) > _LONGEST_TEXT or not _DURATION.fullmatch(text):
        raise ValueError("it is no duration such as 1h30m or 90s")
    ns = 0
    for whole, fraction, unit in _PART.findall(text):
        ns += int(whole or "0") * _UNITS[unit] + int(fraction or "0") * _UNITS[unit] // 10 ** len(fraction)
    if ns > _LONGEST:
        raise ValueError("the duration is out of range")
    return Duration(-ns if text[0] == "-" else ns)


def write_timestamp(value: Timestamp) -> str:
    seconds, ns = divmod(value.ns, SECOND)
    return f"{(_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()}{_fraction(ns)}Z"


def write_duration(value: Duration) -> str:
    seconds, ns = divmod(abs(value.ns), SECOND)
    return f"{'-' if value.ns < 0 else ''}{seconds}{_fraction(ns)}s"


def _fraction(ns: int) -> str:
    """None, three, six or nine digits, as in the JSON form of protocol buffers."""
    if ns == 0:
        return ""
    digits = f"{ns:09}"
    return "." + (digits[:3] if digits[3:] == "000000" else digits[:6] if digits[6:] == "000" else digits)


@lru_cache(maxsize=1_024)
def time_zone(name: str) -> tzinfo:
    """A zone of the IANA database, or an offset such as ``+02:00``. Raises ValueError."""
    if offset := _OFFSET.fullmatch(name):
        minutes = _minutes(*offset.groups())
        if abs(minutes) < 24 * 60:
            return timezone(timedelta(minutes=minutes))
    elif _ZONE.fullmatch(name):
        try:
            return ZoneInfo(name)
        except (OSError, ValueError, KeyError) as cause:
            raise ValueError("there is no such time zone") from cause
    raise ValueError("there is no such time zone")


def _minutes(sign: str, hours: str, minutes: str) -> int:
    return (int(hours) * 60 + int(minutes)) * (-1 if sign == "-" else 1)


def local_time(moment: Timestamp, zone: tzinfo) -> datetime:
    """The time on the wall. Raises ValueError where the zone leaves the years 1 to 9999."""
    try:
        return (_EPOCH + timedelta(microseconds=moment.ns // _MICROSECOND)).astimezone(zone)
    except OverflowError as cause:
        raise ValueError("the timestamp is out of range") from cause
