"""The operators on values: what a compiled condition calls where a plain Python operator would mean something else.

Values are plain: ``dict``, ``list``, ``str``, ``int``, ``float``, ``bool``, ``None``, :class:`Timestamp`,
:class:`Duration`; a ``datetime`` and a ``tuple`` among the attributes are taken for what they mean. Whatever has no
answer raises Undetermined with the ``path`` that it is given; whatever is linear in the data is charged to ``work``,
which holds the one number that is left of :data:`MAX_WORK`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from ostiary.authorization.conditions.faults import Exhausted, Undetermined
from ostiary.authorization.conditions.times import Duration, Timestamp, duration_of, from_datetime, timestamp_at

# A step is four parts of a macro's round, one member that is compared, eight texts, or 64 characters that are searched.
# 100,000 take some 50 ms at the most.
MAX_WORK = 100_000
_SEARCHED = 6
_COMPARED = 10
_TEXTS = 3

# The values of attributes have any type: what they are is the question that these functions ask.
Value: TypeAlias = Any
Work: TypeAlias = list[int]

NUMBERS = frozenset({int, float})
_SCALARS = frozenset({bool, int, float, type(None), Timestamp, Duration})
_ORDERED = frozenset({bool, Timestamp, Duration})
_PLAIN = frozenset({*_SCALARS, str, list, dict})
_MIN_INT, _MAX_INT = -(2**63), 2**63 - 1


def charge(work: Work, steps: int) -> None:
    """Raises Exhausted once the limit is reached, and at each further step."""
    work[0] -= steps
    if work[0] < 0:
        raise Exhausted


def missing(path: str) -> Undetermined:
    return Undetermined(path, "there is no such attribute")


def kept(fault: Undetermined) -> tuple[str, str]:
    """What is needed to raise ``fault`` again, without its traceback, which would keep the frame alive."""
    return fault.path, fault.why


def again(fault: tuple[str, str]) -> Undetermined:
    return Undetermined(*fault)


def moment(milliseconds: int) -> Timestamp:
    try:
        return timestamp_at(milliseconds * 1_000_000)
    except ValueError as cause:
        raise Undetermined("", str(cause)) from cause


def plain(path: str, value: Value) -> Value:
    if type(value) in _PLAIN:
        return value
    if isinstance(value, datetime):
        try:
            return from_datetime(value)
        except ValueError as cause:
            raise Undetermined(path, str(cause)) from cause
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise Undetermined(path, "its type is none of JSON")


def truth(path: str, value: Value) -> bool:
    if value is True or value is False:
        return value is True
    raise Undetermined(path, "it is neither true nor false")


def invert(path: str, value: Value) -> bool:
    return not truth(path, value)


def select(path: str, value: Value, name: str) -> Value:
    if type(value) is not dict:
        value = plain(path, value)
        if type(value) is not dict:
            raise Undetermined(path, "what should hold it is not a map")
    try:
        return value[name]
    except KeyError:
        raise missing(path) from None


def has(path: str, value: Value, name: str) -> bool:
    value = plain(path, value)
    if type(value) is not dict:
        raise Undetermined(path, "what should hold it is not a map")
    return name in value


def index(path: str, value: Value, key: Value) -> Value:
    value, key = plain(path, value), plain(path, key)
    if type(value) is dict:
        if not _is_key(key) or key not in value:
            raise Undetermined(path, "there is no such key")
        return value[key]
    if type(value) is not list:
        raise Undetermined(path, "it is neither a list nor a map")
    if type(key) not in NUMBERS or key != key // 1:
        raise Undetermined(path, "the index is no whole number")
    if not 0 <= key < len(value):
        raise Undetermined(path, "the index is out of range")
    return value[int(key)]


def _is_key(key: Value) -> bool:
    """Python takes True for the key 1."""
    return type(key) is str or type(key) in NUMBERS


def new_map(*parts: Value) -> dict[Value, Value]:
    made: dict[Value, Value] = {}
    for key, value in zip(parts[::2], parts[1::2], strict=True):
        if type(key) not in (str, int):
            raise Undetermined("", "the key of a map is a string or a whole number")
        if key in made:
            raise Undetermined("", "the map has a key twice")
        made[key] = value
    return made


def equal(work: Work, left: Value, right: Value) -> bool:
    """CEL's equality: numbers by value, ``true`` never a number, lists and maps member by member, else by type."""
    mine, other = type(left), type(right)
    if mine is other:
        if mine is str:
            charge(work, len(left) >> _COMPARED)
            return bool(left == right)
        if mine in _SCALARS:
            return bool(left == right)
        if mine is list:
            return _equal_lists(work, left, right)
        if mine is dict:
            return _equal_maps(work, left, right)
    if mine in NUMBERS and other in NUMBERS:
        return bool(left == right)
    if mine in _PLAIN and other in _PLAIN:
        return False
    return equal(work, plain("", left), plain("", right))


def _equal_lists(work: Work, left: list[Value], right: list[Value]) -> bool:
    if len(left) != len(right):
        return False
    charge(work, len(left))
    return all(equal(work, mine, other) for mine, other in zip(left, right, strict=True))


def _equal_maps(work: Work, left: dict[Value, Value], right: dict[Value, Value]) -> bool:
    if len(left) != len(right):
        return False
    charge(work, len(left))
    return all(key in right and equal(work, value, right[key]) for key, value in left.items())


def member(work: Work, path: str, item: Value, among: Value) -> bool:
    """``item in among``: an equal member of a list, or a key of a map."""
    among = plain(path, among)
    if type(among) is dict:
        item = plain(path, item)
        return _is_key(item) and item in among
    if type(among) is not list:
        raise Undetermined(path, "it is neither a list nor a map")
    if type(item) is str:
        charge(work, len(among) >> _TEXTS)
        return item in among
    charge(work, len(among))
    return any(equal(work, item, each) for each in among)


def _comparable(work: Work, path: str, left: Value, right: Value) -> tuple[Value, Value]:
    mine, other = type(left), type(right)
    if mine in NUMBERS and other in NUMBERS:
        return left, right
    if mine is other and mine is str:
        charge(work, len(left) >> _COMPARED)
        return left, right
    if mine is other and mine in _ORDERED:
        return left, right
    if mine in _PLAIN and other in _PLAIN:
        raise Undetermined(path, "the two values are not of types that have an order")
    return _comparable(work, path, plain(path, left), plain(path, right))


def less(work: Work, path: str, left: Value, right: Value) -> bool:
    left, right = _comparable(work, path, left, right)
    return bool(left < right)


def at_most(work: Work, path: str, left: Value, right: Value) -> bool:
    left, right = _comparable(work, path, left, right)
    return bool(left <= right)


def _arithmetic(path: str) -> Undetermined:
    return Undetermined(path, "the types do not fit the operator")


def _int(path: str, value: int) -> int:
    if not _MIN_INT <= value <= _MAX_INT:
        raise Undetermined(path, "the number does not fit into 64 bits")
    return value


def _timestamp(path: str, ns: int) -> Timestamp:
    try:
        return timestamp_at(ns)
    except ValueError as cause:
        raise Undetermined(path, str(cause)) from cause


def _duration(path: str, ns: int) -> Duration:
    try:
        return duration_of(ns)
    except ValueError as cause:
        raise Undetermined(path, str(cause)) from cause


def negate(path: str, value: Value) -> Value:
    if type(value) is int:
        return _int(path, -value)
    if type(value) is float:
        return -value
    raise _arithmetic(path)


def add(work: Work, path: str, left: Value, right: Value) -> Value:
    left, right = plain(path, left), plain(path, right)
    match left, right:
        case bool(), _:
            raise _arithmetic(path)
        case int(), int() if type(right) is int:
            return _int(path, left + right)
        case float(), float():
            return left + right
        case str(), str():
            charge(work, len(left) + len(right) >> _SEARCHED)
            return left + right
        case list(), list():
            charge(work, len(left) + len(right))
            return left + right
        case Timestamp(), Duration():
            return _timestamp(path, left.ns + right.ns)
        case Duration(), Timestamp():
            return _timestamp(path, left.ns + right.ns)
        case Duration(), Duration():
            return _duration(path, left.ns + right.ns)
    raise _arithmetic(path)


def subtract(path: str, left: Value, right: Value) -> Value:
    left, right = plain(path, left), plain(path, right)
    match left, right:
        case bool(), _:
            raise _arithmetic(path)
        case int(), int() if type(right) is int:
            return _int(path, left - right)
        case float(), float():
            return left - right
        case Timestamp(), Timestamp():
            return _duration(path, left.ns - right.ns)
        case Timestamp(), Duration():
            return _timestamp(path, left.ns - right.ns)
        case Duration(), Duration():
            return _duration(path, left.ns - right.ns)
    raise _arithmetic(path)


def multiply(path: str, left: Value, right: Value) -> Value:
    if type(left) is type(right) is int:
        return _int(path, left * right)
    if type(left) is type(right) is float:
        return left * right
    raise _arithmetic(path)


def divide(path: str, left: Value, right: Value) -> Value:
    """Whole numbers are cut towards zero; doubles follow IEEE 754."""
    if type(left) is type(right) is int:
        if right == 0:
            raise Undetermined(path, "division by zero")
        quotient = abs(left) // abs(right)
        return _int(path, quotient if (left < 0) is (right < 0) else -quotient)
    if type(left) is type(right) is float:
        return left / right if right else _over_zero(left, right)
    raise _arithmetic(path)


def _over_zero(left: float, right: float) -> float:
    # Times the infinity of the divisor's sign: the sign is the one that IEEE 754 asks for, and of zero comes no number.
    return left * float(str(right).replace("0.0", "inf"))


def remainder(path: str, left: Value, right: Value) -> Value:
    """It has the sign of the dividend."""
    if not type(left) is type(right) is int:
        raise _arithmetic(path)
    if right == 0:
        raise Undetermined(path, "division by zero")
    if right == -1:
        _int(path, -left)
    rest = abs(left) % abs(right)
    return -rest if left < 0 else rest


def each(path: str, value: Value) -> Collection[Value]:
    """What a macro goes over: the members of a list, the keys of a map."""
    value = plain(path, value)
    if type(value) in (list, dict):
        return value  # type: ignore[no-any-return]
    raise Undetermined(path, "it is neither a list nor a map")
