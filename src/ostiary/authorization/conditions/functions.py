"""The functions of expressions: one row a function, with what it takes and gives.

The names and meanings are those of CEL's standard definitions; ``within`` is Ostiary's own, and so is that ``contains``
takes a list as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

import msgspec

from ostiary.authorization.conditions.expression import MACROS
from ostiary.authorization.conditions.faults import InvalidCondition

# The kinds of values, as far as they are known before there are any. ``any`` is known only when it is there.
ANY, BOOL, INT, DOUBLE, STRING, NULL = "any", "bool", "int", "double", "string", "null"
LIST, MAP, TIMESTAMP, DURATION = "list", "map", "timestamp", "duration"


class Function(msgspec.Struct, frozen=True):
    """``takes``: every list of kinds that it accepts; a method's receiver comes first. ``gives``: what comes of it."""

    gives: str
    takes: tuple[tuple[str, ...], ...]
    method: bool
    function: bool
    usage: str


def _function(gives: str, *takes: str, usage: str) -> Function:
    return Function(gives, tuple((kind,) for kind in takes), method=False, function=True, usage=usage)


def _getter(usage: str, *, of_duration: bool = False) -> Function:
    takes: tuple[tuple[str, ...], ...] = ((TIMESTAMP,), (TIMESTAMP, STRING))
    return Function(INT, (*takes, (DURATION,)) if of_duration else takes, method=True, function=False, usage=usage)


def _of_text(usage: str, *more: tuple[str, ...], function: bool = False) -> Function:
    return Function(BOOL, ((STRING, STRING), *more), method=True, function=function, usage=usage)


FUNCTIONS: Mapping[str, Function] = {
    "size": Function(INT, ((STRING,), (LIST,), (MAP,)), method=True, function=True, usage="size(subject.groups)"),
    "startsWith": _of_text("subject.email.startsWith('a')"),
    "endsWith": _of_text("subject.email.endsWith('@example.com')"),
    "contains": _of_text("resource.title.contains('x')", (LIST, ANY)),
    "matches": _of_text("subject.email.matches('^[a-z]+@')", function=True),
    "int": _function(INT, INT, DOUBLE, STRING, TIMESTAMP, usage="int(resource.amount)"),
    "double": _function(DOUBLE, DOUBLE, INT, STRING, usage="double(resource.amount)"),
    "string": _function(STRING, STRING, INT, DOUBLE, BOOL, TIMESTAMP, DURATION, usage="string(resource.number)"),
    "bool": _function(BOOL, BOOL, STRING, usage="bool(resource.flag)"),
    "timestamp": _function(TIMESTAMP, TIMESTAMP, STRING, INT, usage="timestamp('2026-01-31T08:00:00Z')"),
    "duration": _function(DURATION, DURATION, STRING, usage="duration('1h30m')"),
    "getFullYear": _getter("now.getFullYear()"),
    "getMonth": _getter("now.getMonth()"),
    "getDate": _getter("now.getDate('Europe/Berlin')"),
    "getDayOfMonth": _getter("now.getDayOfMonth()"),
    "getDayOfWeek": _getter("now.getDayOfWeek('Europe/Berlin')"),
    "getDayOfYear": _getter("now.getDayOfYear()"),
    "getHours": _getter("now.getHours('Europe/Berlin')", of_duration=True),
    "getMinutes": _getter("now.getMinutes()", of_duration=True),
    "getSeconds": _getter("now.getSeconds()", of_duration=True),
    "getMilliseconds": _getter("now.getMilliseconds()", of_duration=True),
    "within": Function(
        BOOL, ((TIMESTAMP, STRING),), method=False, function=True, usage="within(now, 'business_hours')"
    ),
}

_UNSUPPORTED = {
    "uint": "Unsigned numbers are not supported; write int(…).",
    "bytes": "Bytes are not supported.",
    "type": "Types are no values here; test with has(…) and compare.",
    "dyn": "It is not needed: attributes may be of any type.",
    "existsOne": "Write exists_one(x, …).",
    "lowerAscii": "Keep attributes in one case, or write matches('(?i)…').",
}


def find_function(name: str, position: int, *, method: bool) -> str:
    """``name`` if it is called the way that it may be. Raises InvalidCondition."""
    found = FUNCTIONS.get(name)
    if found is not None:
        if found.method if method else found.function:
            return name
        raise InvalidCondition(f"{name} is not called like this.", position, f"Write {found.usage}.")
    hint = _UNSUPPORTED.get(name, "")
    if not hint and (close := get_close_matches(name, [*FUNCTIONS, *MACROS, "has"], 1)):
        hint = f"Is {close[0]} meant?"
    raise InvalidCondition(f"There is no function {name}.", position, hint)


def accepts(function: Function, kinds: tuple[str, ...]) -> bool:
    """Whether values of these kinds may fit; ``any`` fits everywhere."""
    return any(
        len(takes) == len(kinds)
        and all(ANY in (kind, taken) or kind == taken for kind, taken in zip(kinds, takes, strict=True))
        for takes in function.takes
    )
