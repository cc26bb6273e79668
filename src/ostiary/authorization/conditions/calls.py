"""The functions of :mod:`.functions` on values. Each takes what is left of the work, the path of the attribute that a
fault is blamed on, and its arguments; it raises Undetermined for arguments that it is not defined for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from ostiary.authorization.conditions import windows
from ostiary.authorization.conditions.faults import Undetermined
from ostiary.authorization.conditions.operations import Value, Work, charge, member, plain
from ostiary.authorization.conditions.times import (
    SECOND,
    Duration,
    Timestamp,
    local_time,
    parse_duration,
    parse_timestamp,
    time_zone,
    timestamp_at,
    write_duration,
    write_timestamp,
)

_INT = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_DOUBLE = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?|inf|infinity|nan)", re.ASCII | re.IGNORECASE)
_LONGEST_NUMBER = 64
_BOOLS = {
    **dict.fromkeys(("true", "True", "TRUE", "t", "1"), True),
    **dict.fromkeys(("false", "False", "FALSE", "f", "0"), False),
}
_UTC = "UTC"
_SEARCH = 1_000
_PLAIN_EXPONENTS = range(-4, 6)


def _unfit(path: str) -> Undetermined:
    return Undetermined(path, "its type does not fit the function")


def _texts(path: str, value: Value, part: Value) -> None:
    if type(value) is not str or type(part) is not str:
        raise _unfit(path)


def size(work: Work, path: str, value: Value) -> int:
    """Of a text in code points."""
    value = plain(path, value)
    if type(value) in (str, list, dict):
        return len(value)
    raise _unfit(path)


def starts_with(work: Work, path: str, value: Value, part: Value) -> bool:
    _texts(path, value, part)
    charge(work, len(part) >> 10)
    return bool(value.startswith(part))


def ends_with(work: Work, path: str, value: Value, part: Value) -> bool:
    _texts(path, value, part)
    charge(work, len(part) >> 10)
    return bool(value.endswith(part))


def contains(work: Work, path: str, value: Value, part: Value) -> bool:
    value = plain(path, value)
    if type(value) is list:
        return member(work, path, part, value)
    _texts(path, value, part)
    charge(work, len(value) >> 6)
    return part in value


def matches(work: Work, path: str, value: Value, found: Callable[[str], bool]) -> bool:
    if type(value) is not str:
        raise _unfit(path)
    charge(work, len(value) >> 4)
    try:
        return found(value)
    except UnicodeEncodeError as cause:
        raise Undetermined(path, "it is no text of Unicode") from cause


def within(work: Work, path: str, value: Value, window: windows.Window) -> bool:
    value = plain(path, value)
    if type(value) is not Timestamp:
        raise _unfit(path)
    try:
        return windows.within(value, window)
    except ValueError as cause:
        raise Undetermined(path, str(cause)) from cause


def to_int(work: Work, path: str, value: Value) -> int:
    """Doubles are cut towards zero; a timestamp gives its whole seconds since 1970."""
    value = plain(path, value)
    made: int
    match value:
        case bool():
            raise _unfit(path)
        case int():
            made = value
        case float():
            if not -(2.0**63) < value < 2.0**63:
                raise Undetermined(path, "the number does not fit into 64 bits")
            made = int(value)
        case str():
            if not _INT.fullmatch(value):
                raise Undetermined(path, "it is no whole number")
            made = int(value)
        case Timestamp():
            made = value.ns // SECOND
        case _:
            raise _unfit(path)
    if not -(2**63) <= made < 2**63:
        raise Undetermined(path, "the number does not fit into 64 bits")
    return made


def to_double(work: Work, path: str, value: Value) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        try:
            return float(value)
        except OverflowError as cause:
            raise Undetermined(path, "the number is out of range") from cause
    if type(value) is str:
        if len(value) > _LONGEST_NUMBER or not _DOUBLE.fullmatch(value):
            raise Undetermined(path, "it is no number")
        return float(value)
    raise _unfit(path)


def to_string(work: Work, path: str, value: Value) -> str:
    value = plain(path, value)
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            # Python refuses to write numbers of thousands of digits, which no attribute of CEL has.
            if not -(2**63) <= value < 2**63:
                raise Undetermined(path, "the number does not fit into 64 bits")
            return str(value)
        case float():
            return write_double(value)
        case Timestamp():
            return write_timestamp(value)
        case Duration():
            return write_duration(value)
    raise _unfit(path)


def write_double(value: float) -> str:
    """As ``%g`` with as many digits as it takes to read the same number again."""
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    shortest = next(text for count in range(17) if float(text := f"{value:.{count}e}") == value)
    if value and int(shortest.partition("e")[2]) not in _PLAIN_EXPONENTS:
        return shortest
    return repr(value).removesuffix(".0")


def to_bool(work: Work, path: str, value: Value) -> bool:
    if type(value) is bool:
        return value
    if type(value) is not str:
        raise _unfit(path)
    if value not in _BOOLS:
        raise Undetermined(path, "it is neither true nor false")
    return _BOOLS[value]


def to_timestamp(work: Work, path: str, value: Value) -> Timestamp:
    """A text of RFC 3339, or seconds since 1970."""
    value = plain(path, value)
    try:
        if type(value) is Timestamp:
            return value
        if type(value) is int:
            return timestamp_at(value * SECOND)
        if type(value) is str:
            return parse_timestamp(value)
    except ValueError as cause:
        raise Undetermined(path, str(cause)) from cause
    raise _unfit(path)


def to_duration(work: Work, path: str, value: Value) -> Duration:
    try:
        if type(value) is Duration:
            return value
        if type(value) is str:
            return parse_duration(value)
    except ValueError as cause:
        raise Undetermined(path, str(cause)) from cause
    raise _unfit(path)


def _getter(of_time: Callable[[datetime], int], of_length: Callable[[int], int] | None = None) -> Callable[..., int]:
    def get(work: Work, path: str, value: Value, zone: Value = _UTC) -> int:
        value = plain(path, value)
        if type(value) is Duration and of_length is not None:
            return of_length(abs(value.ns)) * (-1 if value.ns < 0 else 1)
        if type(value) is not Timestamp or type(zone) is not str:
            raise _unfit(path)
        try:
            return of_time(local_time(value, time_zone(zone)))
        except ValueError as cause:
            # A zone that is not there has been looked for in files.
            charge(work, 0 if zone is _UTC else _SEARCH)
            raise Undetermined(path, str(cause)) from cause

    return get


FUNCTIONS: Mapping[str, Callable[..., object]] = {
    "size": size,
    "startsWith": starts_with,
    "endsWith": ends_with,
    "contains": contains,
    "matches": matches,
    "within": within,
    "int": to_int,
    "double": to_double,
    "string": to_string,
    "bool": to_bool,
    "timestamp": to_timestamp,
    "duration": to_duration,
    "getFullYear": _getter(lambda at: at.year),
    "getMonth": _getter(lambda at: at.month - 1),
    "getDate": _getter(lambda at: at.day),
    "getDayOfMonth": _getter(lambda at: at.day - 1),
    "getDayOfWeek": _getter(lambda at: at.isoweekday() % 7),
    "getDayOfYear": _getter(lambda at: at.timetuple().tm_yday - 1),
    "getHours": _getter(lambda at: at.hour, lambda ns: ns // (3_600 * SECOND)),
    "getMinutes": _getter(lambda at: at.minute, lambda ns: ns // (60 * SECOND)),
    "getSeconds": _getter(lambda at: at.second, lambda ns: ns // SECOND),
    "getMilliseconds": _getter(lambda at: at.microsecond // 1_000, lambda ns: ns % SECOND // 1_000_000),
}
