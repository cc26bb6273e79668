"""Conditions as JSON: ``{"resource.amount": {"<=": 500}, "time": "business_hours"}``, where every member must hold.

A plain value asks for equality, a list for any of its members, an object for each of its comparisons. What a member
stands for is an expression; both notations are the same from there on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar, cast

import msgspec

from ostiary.authorization.conditions.expression import (
    MAX_DEPTH,
    NOW,
    ROOTS,
    Binaries,
    Binary,
    Call,
    Has,
    Index,
    ListOf,
    Literal,
    Logic,
    Logics,
    Node,
    Select,
    Unary,
    Variable,
)
from ostiary.authorization.conditions.faults import InvalidCondition
from ostiary.authorization.conditions.lexer import KEYWORDS, MAX_INT, MAX_LENGTH
from ostiary.authorization.conditions.parser import Limits

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ROOTS = {**{root: root for root in ROOTS}, "user": "subject"}
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_TEXT_TESTS = {"starts_with": "startsWith", "ends_with": "endsWith", "matches": "matches"}
_OPERATORS = (*sorted(_COMPARISONS), "in", "not_in", "contains", *_TEXT_TESTS, "exists")
_AnyNode = TypeVar("_AnyNode", bound=Node)
_LONGEST_PATH = 200
_KEYS = "Keys begin with subject., resource., action. or context., or are time, any, all or not."


@contextmanager
def placed(paths: Sequence[str]) -> Iterator[None]:
    """Have a fault name the member of the JSON form that it comes from, by the position of its node in ``paths``."""
    try:
        yield
    except InvalidCondition as fault:
        if fault.path:
            raise
        raise InvalidCondition(fault.message, hint=fault.hint, path=paths[fault.position]) from None


def parse_json(value: object) -> tuple[Node, Sequence[str]]:
    """The abstract syntax of a condition in JSON, and the path of the member that each position in it stands for.

    Raises:
        InvalidCondition: it is none, or too large.
    """
    reader = _Reader()
    with placed(reader.paths):
        return reader.condition(value, "condition", 0), reader.paths


class _Reader:
    def __init__(self) -> None:
        self.paths: list[str] = []
        self._limits = Limits()
        self._length = 0

    def condition(self, value: object, path: str, depth: int) -> Node:
        if depth >= MAX_DEPTH // 2:
            raise InvalidCondition("The condition is nested too deeply.", hint="Make it two policies.", path=path)
        if not isinstance(value, Mapping) or not value:
            raise InvalidCondition("A condition is an object with a member or more.", hint=_KEYS, path=path)
        return self._all("&&", [self._member(key, wanted, path, depth) for key, wanted in value.items()], path)

    def _member(self, key: object, wanted: object, path: str, depth: int) -> Node:
        if not isinstance(key, str):
            raise InvalidCondition("A key is a string.", path=path)
        here = f"{path}.{key}"
        match key:
            case "any" | "all":
                below = self._list(wanted, here)
                nodes = [self.condition(each, f"{here}[{at}]", depth + 1) for at, each in enumerate(below)]
                return self._all("||" if key == "any" else "&&", nodes, here)
            case "not":
                return self._made(Unary(0, "!", self.condition(wanted, here, depth + 1)), here)
            case "time":
                return self._time(wanted, here)
        return self._tests(key, wanted, here)

    def _made(self, node: _AnyNode, path: str) -> _AnyNode:
        if not self.paths or self.paths[-1] != path:
            self.paths.append(path)
        return self._limits.made(msgspec.structs.replace(node, position=len(self.paths) - 1))

    def _all(self, operator: Logics, nodes: Sequence[Node], path: str) -> Node:
        return nodes[0] if len(nodes) == 1 else self._made(Logic(0, operator, tuple(nodes)), path)

    def _list(self, value: object, path: str) -> Sequence[object]:
        if isinstance(value, list | tuple) and value:
            return value
        raise InvalidCondition("Here belongs a list with a member or more.", path=path)

    def _time(self, wanted: object, path: str) -> Node:
        names = wanted if isinstance(wanted, list) else [wanted]
        nodes = [self._within(name, path) for name in self._list(names, path)]
        return self._all("||", nodes, path)

    def _within(self, name: object, path: str) -> Node:
        if not isinstance(name, str):
            raise InvalidCondition("Here belongs the name of a window.", hint='Write "business_hours".', path=path)
        arguments = (self._made(Variable(0, NOW), path), self._scalar(name, path))
        return self._made(Call(0, "within", arguments), path)

    def _attribute(self, key: str, path: str) -> Node:
        self._count(key, path)
        root, *names = key.split(".")
        if root not in _ROOTS or not names or not all(names):
            raise InvalidCondition("This names no attribute.", hint=_KEYS, path=path)
        node: Node = self._made(Variable(0, _ROOTS[root]), path)
        for name in names:
            node = self._below(node, name, path)
        return node

    def _below(self, node: Node, name: str, path: str) -> Node:
        if _NAME.fullmatch(name) and name not in KEYWORDS:
            return self._made(Select(0, node, name), path)
        return self._made(Index(0, node, self._scalar(name, path)), path)

    def _count(self, text: str, path: str) -> None:
        self._length += len(text)
        if self._length > MAX_LENGTH:
            raise InvalidCondition(f"A condition has at most {MAX_LENGTH} characters.", path=path[:_LONGEST_PATH])

    def _scalar(self, value: object, path: str) -> Node:
        if isinstance(value, str):
            self._count(value, path)
            if any("\ud800" <= character <= "\udfff" for character in value):
                raise InvalidCondition("A surrogate is no character.", path=path)
        elif isinstance(value, int) and not isinstance(value, bool):
            if not -MAX_INT - 1 <= value <= MAX_INT:
                raise InvalidCondition("The number does not fit into 64 bits.", path=path)
        elif isinstance(value, float):
            if value - value != 0:
                raise InvalidCondition("This is no finite number.", path=path)
        elif value is not None and not isinstance(value, bool):
            raise InvalidCondition("Here belongs a plain value.", hint="Write a string, a number or a bool.", path=path)
        return self._made(Literal(0, value), path)

    def _right(self, value: object, path: str) -> Node:
        """A value to compare with: plain, or another attribute."""
        if not isinstance(value, Mapping):
            return self._scalar(value, path)
        key = value.get("attribute")
        if len(value) != 1 or not isinstance(key, str):
            raise InvalidCondition(
                "Here belongs a plain value or an attribute.", hint='Write {"attribute": "subject.id"}.', path=path
            )
        return self._attribute(key, f"{path}.attribute")

    def _tests(self, key: str, wanted: object, path: str) -> Node:
        if isinstance(wanted, Mapping) and "attribute" not in wanted:
            if not wanted:
                raise InvalidCondition(
                    "A comparison is missing.", hint=f"There are {', '.join(_OPERATORS)}.", path=path
                )
            nodes = [self._test(key, operator, value, f"{path}.{operator}") for operator, value in wanted.items()]
            return self._all("&&", nodes, path)
        if isinstance(wanted, list | tuple):
            return self._among(key, wanted, path)
        return self._binary("==", key, wanted, path)

    def _test(self, key: str, operator: object, value: object, path: str) -> Node:
        tests: Iterable[tuple[bool, Callable[[], Node]]] = (
            (operator in _COMPARISONS, lambda: self._binary(cast("Binaries", operator), key, value, path)),
            (operator == "in", lambda: self._among(key, value, path)),
            (operator == "not_in", lambda: self._made(Unary(0, "!", self._among(key, value, path)), path)),
            (operator == "contains", lambda: self._contains(key, value, path)),
            (operator in _TEXT_TESTS, lambda: self._text_test(_TEXT_TESTS[str(operator)], key, value, path)),
            (operator == "exists", lambda: self._exists(key, value, path)),
        )
        for fits, make in tests:
            if fits:
                return make()
        raise InvalidCondition("There is no such comparison.", hint=f"There are {', '.join(_OPERATORS)}.", path=path)

    def _binary(self, operator: Binaries, key: str, value: object, path: str) -> Node:
        left = self._attribute(key, path)
        return self._made(Binary(0, operator, left, self._right(value, path)), path)

    def _among(self, key: str, value: object, path: str) -> Node:
        left = self._attribute(key, path)
        if isinstance(value, Mapping):
            return self._made(Binary(0, "in", left, self._right(value, path)), path)
        items = tuple(self._right(each, f"{path}[{at}]") for at, each in enumerate(self._list(value, path)))
        return self._made(Binary(0, "in", left, self._made(ListOf(0, items), path)), path)

    def _contains(self, key: str, value: object, path: str) -> Node:
        arguments = (self._attribute(key, path), self._right(value, path))
        return self._made(Call(0, "contains", arguments), path)

    def _text_test(self, function: str, key: str, value: object, path: str) -> Node:
        if not isinstance(value, str | Mapping):
            raise InvalidCondition("Here belongs a string.", path=path)
        arguments = (self._attribute(key, path), self._right(value, path))
        return self._made(Call(0, function, arguments), path)

    def _exists(self, key: str, value: object, path: str) -> Node:
        """Each step of the path is asked for, so that a missing one in the middle is an answer, too."""
        if not isinstance(value, bool):
            raise InvalidCondition("exists is true or false.", path=path)
        node: Node = self._attribute(key, path)
        names = key.split(".")[1:]
        if not all(_NAME.fullmatch(name) and name not in KEYWORDS for name in names):
            raise InvalidCondition("The name is too unusual to ask for.", hint="Write it as an expression.", path=path)
        steps = []
        while isinstance(node, Select):
            steps.append(self._made(Has(0, node.operand, node.name), path))
            node = node.operand
        found = self._all("&&", steps[::-1], path)
        return found if value else self._made(Unary(0, "!", found), path)
