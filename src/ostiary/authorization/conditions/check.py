"""What can be known of an expression before there are values: its kinds, its constants, its windows.

Stricter than it need be for safety: whatever could only ever be undetermined is refused when it is written, at its
place, instead of denying for ever without a word.
"""

from __future__ import annotations

from collections.abc import Mapping

from ostiary.authorization.conditions import calls
from ostiary.authorization.conditions.expression import (
    NOW,
    ROOTS,
    Binary,
    Call,
    Choice,
    Comprehension,
    Has,
    Index,
    ListOf,
    Literal,
    Logic,
    MapOf,
    Node,
    Select,
    Unary,
    Variable,
    children,
)
from ostiary.authorization.conditions.faults import InvalidCondition, Undetermined
from ostiary.authorization.conditions.functions import (
    ANY,
    BOOL,
    DOUBLE,
    DURATION,
    FUNCTIONS,
    INT,
    LIST,
    MAP,
    NULL,
    STRING,
    TIMESTAMP,
    accepts,
)
from ostiary.authorization.conditions.patterns import searcher
from ostiary.authorization.conditions.times import time_zone
from ostiary.authorization.conditions.windows import Window

_LITERALS: Mapping[type, str] = {bool: BOOL, int: INT, float: DOUBLE, str: STRING, type(None): NULL}
_SPOKEN = {
    BOOL: "true or false", INT: "a whole number", DOUBLE: "a double", STRING: "a string", NULL: "null", LIST: "a list",
    MAP: "a map", TIMESTAMP: "a timestamp", DURATION: "a duration", ANY: "anything",
}  # fmt: skip
_NUMBERS = frozenset({INT, DOUBLE})
_ORDERED = frozenset({INT, DOUBLE, STRING, BOOL, TIMESTAMP, DURATION, ANY})
_SAME = {
    "+": frozenset({INT, DOUBLE, STRING, LIST, DURATION}),
    "-": frozenset({INT, DOUBLE, DURATION}),
    "*": _NUMBERS,
    "/": _NUMBERS,
    "%": frozenset({INT}),
}
_MIXED = {
    ("+", TIMESTAMP, DURATION): TIMESTAMP,
    ("+", DURATION, TIMESTAMP): TIMESTAMP,
    ("-", TIMESTAMP, TIMESTAMP): DURATION,
    ("-", TIMESTAMP, DURATION): TIMESTAMP,
}
_FOLDED = frozenset({"timestamp", "duration"})


class Checker:
    """Finds the kind of every node; :attr:`kinds` goes by the identity of the node."""

    def __init__(self, windows: Mapping[str, Window]) -> None:
        self._windows = windows
        self.kinds: dict[int, str] = {}

    def check(self, node: Node) -> None:
        """Raises InvalidCondition unless ``node`` is a condition."""
        kind = self.kind(node)
        if kind not in (BOOL, ANY):
            raise InvalidCondition(
                f"A condition is true or false; this is {_SPOKEN[kind]}.", node.position, "Compare it with something."
            )

    def kind(self, node: Node) -> str:
        """Raises InvalidCondition where ``node`` could never have a value."""
        for child in children(node):
            self.kind(child)
        found = self.kinds[id(node)] = self._own(node)
        return found

    def _of(self, node: Node) -> str:
        return self.kinds[id(node)]

    def _own(self, node: Node) -> str:
        match node:
            case Literal():
                return _LITERALS[type(node.value)]
            case Variable():
                return MAP if node.name in ROOTS else TIMESTAMP if node.name == NOW else ANY
            case Select(operand=operand) | Has(operand=operand):
                self._need(operand, MAP)
                return BOOL if isinstance(node, Has) else ANY
            case ListOf():
                return LIST
            case Index() | MapOf() | Comprehension():
                return self._collection(node)
            case Unary() | Binary() | Logic() | Choice():
                return self._operator(node)
            case Call():
                return self._call(node)

    def _need(self, node: Node, *kinds: str) -> None:
        kind = self._of(node)
        if kind not in (*kinds, ANY):
            wanted = " or ".join(_SPOKEN[each] for each in kinds)
            raise InvalidCondition(f"This is {_SPOKEN[kind]}; here belongs {wanted}.", node.position)

    def _collection(self, node: Index | MapOf | Comprehension) -> str:
        if isinstance(node, Index):
            self._need(node.operand, LIST, MAP)
            self._need(node.key, *((INT, DOUBLE) if self._of(node.operand) == LIST else (STRING, INT, DOUBLE)))
            return ANY
        if isinstance(node, MapOf):
            self._keys(node)
            return MAP
        self._need(node.over, LIST, MAP)
        if node.test is not None:
            self._need(node.test, BOOL)
        if node.macro != "map":
            self._need(node.body, BOOL)
        return LIST if node.macro in ("map", "filter") else BOOL

    def _keys(self, node: MapOf) -> None:
        seen: set[object] = set()
        for key, _ in node.entries:
            self._need(key, STRING, INT)
            if isinstance(key, Literal):
                if key.value in seen:
                    raise InvalidCondition("The map has this key twice.", key.position)
                seen.add(key.value)

    def _operator(self, node: Unary | Binary | Logic | Choice) -> str:
        match node:
            case Unary(operator="!"):
                self._need(node.operand, BOOL)
                return BOOL
            case Unary():
                self._need(node.operand, INT, DOUBLE)
                return self._of(node.operand)
            case Logic():
                for operand in node.operands:
                    self._need(operand, BOOL)
                return BOOL
            case Choice():
                self._need(node.test, BOOL)
                return self._either(node)
            case Binary(operator="==" | "!="):
                self._comparable(node)
                return BOOL
            case Binary(operator="in"):
                self._need(node.right, LIST, MAP)
                return BOOL
            case Binary(operator="<" | "<=" | ">" | ">="):
                self._ordered(node)
                return BOOL
            case Binary():
                return self._arithmetic(node)

    def _either(self, node: Choice) -> str:
        then, otherwise = self._of(node.then), self._of(node.otherwise)
        if then == otherwise:
            return then
        if not {ANY, NULL} & {then, otherwise}:
            raise InvalidCondition(
                f"One side is {_SPOKEN[then]}, the other {_SPOKEN[otherwise]}.", node.otherwise.position
            )
        return ANY

    def _comparable(self, node: Binary) -> None:
        left, right = self._of(node.left), self._of(node.right)
        if left == right or {left, right} <= _NUMBERS or {ANY, NULL} & {left, right}:
            return
        raise self._unlike(node, "They are never equal.")

    def _ordered(self, node: Binary) -> None:
        left, right = self._of(node.left), self._of(node.right)
        same = left == right or {left, right} <= _NUMBERS or ANY in (left, right)
        if not (same and left in _ORDERED and right in _ORDERED):
            raise self._unlike(node, "These have no order.")

    def _unlike(self, node: Binary, hint: str) -> InvalidCondition:
        left, right = _SPOKEN[self._of(node.left)], _SPOKEN[self._of(node.right)]
        return InvalidCondition(f"{node.operator} stands between {left} and {right}.", node.position, hint)

    def _arithmetic(self, node: Binary) -> str:
        left, right = self._of(node.left), self._of(node.right)
        same = _SAME[node.operator]
        if (mixed := _MIXED.get((node.operator, left, right))) is not None:
            return mixed
        if left == right and left in same:
            return left
        known = right if left == ANY else left
        pairs = (pair for pair in _MIXED if pair[0] == node.operator)
        if ANY in (left, right) and (known in (*same, ANY) or any(known in pair[1:] for pair in pairs)):
            return known if known in same and known not in (DURATION, INT, DOUBLE) else ANY
        hint = (
            "Convert with int(…) or double(…)." if {left, right} == _NUMBERS else "The operator is not defined there."
        )
        raise self._unlike(node, hint)

    def _call(self, node: Call) -> str:
        function = FUNCTIONS[node.function]
        kinds = tuple(self._of(argument) for argument in node.arguments)
        if not accepts(function, kinds):
            given = ", ".join(_SPOKEN[kind] for kind in kinds) or "nothing"
            raise InvalidCondition(f"{node.function} does not take {given}.", node.position, f"Write {function.usage}.")
        self._constants(node)
        return function.gives

    def _constants(self, node: Call) -> None:
        """Constants that a function could never use are refused now."""
        if node.function == "matches":
            self._pattern(node.arguments[1])
        elif node.function == "within":
            self._window(node.arguments[1])
        elif node.function in _FOLDED:
            fold(node)
        elif node.function.startswith("get") and len(node.arguments) == 2:
            zone = node.arguments[1]
            if isinstance(zone, Literal) and isinstance(zone.value, str):
                try:
                    time_zone(zone.value)
                except ValueError as cause:
                    raise InvalidCondition("There is no such time zone.", zone.position) from cause

    def _pattern(self, node: Node) -> None:
        if not isinstance(node, Literal) or not isinstance(node.value, str):
            raise InvalidCondition("A pattern is a constant string.", node.position, "Patterns cannot be attributes.")
        try:
            searcher(node.value)
        except ValueError as cause:
            raise InvalidCondition(
                f"The pattern is none: {cause}", node.position, "Patterns are those of RE2."
            ) from cause

    def _window(self, node: Node) -> None:
        if not isinstance(node, Literal) or not isinstance(node.value, str):
            raise InvalidCondition("The name of a window is a constant string.", node.position)
        if node.value not in self._windows:
            known = ", ".join(sorted(self._windows)) or "none"
            raise InvalidCondition(f"There is no window {node.value}.", node.position, f"There are: {known}.")


def fold(node: Call) -> object:
    """The value of ``timestamp('…')`` and ``duration('…')``; ``None`` for all other calls. Raises InvalidCondition."""
    if node.function not in _FOLDED or not isinstance(node.arguments[0], Literal):
        return None
    try:
        return calls.FUNCTIONS[node.function]([0], "", node.arguments[0].value)
    except Undetermined as cause:
        raise InvalidCondition(f"This {node.function} is none: {cause.why}.", node.arguments[0].position) from cause
