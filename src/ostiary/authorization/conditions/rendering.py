"""From the abstract syntax back to CEL, for people to read: what a condition in JSON means."""

from __future__ import annotations

import json
import re

from ostiary.authorization.conditions.expression import (
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
    Scalar,
    Select,
    Unary,
    Variable,
)
from ostiary.authorization.conditions.functions import FUNCTIONS

_ATOM = 8
_STRENGTHS = {
    "?": 0, "||": 1, "&&": 2, "==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3, "in": 3, "+": 4, "-": 4,
    "*": 5, "/": 5, "%": 5, "unary": 6,
}  # fmt: skip
_INFINITE = re.compile(r"inf")


def write(node: Node) -> str:
    """An expression that is parsed to ``node`` again."""
    return _write(node)[0]


def _write(node: Node) -> tuple[str, int]:
    """The text, and how strongly it holds together."""
    match node:
        case Logic():
            strength = _STRENGTHS[node.operator]
            return f" {node.operator} ".join(_at_least(each, strength + 1) for each in node.operands), strength
        case Binary():
            strength = _STRENGTHS[node.operator]
            return f"{_at_least(node.left, strength)} {node.operator} {_at_least(node.right, strength + 1)}", strength
        case Choice():
            test, then = _at_least(node.test, 1), _at_least(node.then, 1)
            return f"{test} ? {then} : {write(node.otherwise)}", _STRENGTHS["?"]
        case Unary(operator="-", operand=Literal()):
            # Without brackets the sign would belong to the number.
            return f"-({write(node.operand)})", _STRENGTHS["unary"]
        case Unary():
            return f"{node.operator}{_at_least(node.operand, _ATOM)}", _STRENGTHS["unary"]
        case Literal(value=value):
            negative = isinstance(value, int | float) and str(value).startswith("-")
            return _scalar(value), _STRENGTHS["unary"] if negative else _ATOM
        case _:
            return _member(node), _ATOM


def _at_least(node: Node, strength: int) -> str:
    text, own = _write(node)
    return text if own >= strength else f"({text})"


def _scalar(value: Scalar) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        return _INFINITE.sub("1e999", repr(value))
    return (
        {None: "null", True: "true", False: "false"}[value]
        if value is None or value is True or value is False
        else str(value)
    )


def _member(node: Node) -> str:
    match node:
        case Variable():
            return node.name
        case Select():
            return f"{_at_least(node.operand, _ATOM)}.{node.name}"
        case Index():
            return f"{_at_least(node.operand, _ATOM)}[{write(node.key)}]"
        case Has():
            return f"has({_at_least(node.operand, _ATOM)}.{node.name})"
        case ListOf():
            return f"[{', '.join(write(item) for item in node.items)}]"
        case MapOf():
            return "{" + ", ".join(f"{write(key)}: {write(value)}" for key, value in node.entries) + "}"
        case Comprehension():
            parts = [node.variable, *([] if node.test is None else [write(node.test)]), write(node.body)]
            return f"{_at_least(node.over, _ATOM)}.{node.macro}({', '.join(parts)})"
        case Call():
            return _call(node)
    raise AssertionError(node)


def _call(node: Call) -> str:
    arguments = node.arguments
    if FUNCTIONS[node.function].function:
        return f"{node.function}({', '.join(write(each) for each in arguments)})"
    return f"{_at_least(arguments[0], _ATOM)}.{node.function}({', '.join(write(each) for each in arguments[1:])})"
