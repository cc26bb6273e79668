"""Conditions worked out as far as can be before the resource is known: what is left asks of its attributes alone.

What is left is a small tree in Kleene's three-valued logic (Introduction to Metamathematics, 1952, section 64), as
conditions and SQL both have it: a test of an attribute that is missing, or of a type that does not fit, is
undetermined.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Literal, TypeAlias, cast

import msgspec

from ostiary.authorization.conditions.expression import (
    Binary,
    Call,
    Choice,
    Has,
    Index,
    Logic,
    Node,
    Select,
    Unary,
    Variable,
    children,
)
from ostiary.authorization.conditions.expression import Literal as Constant
from ostiary.authorization.conditions.faults import Exhausted, Undetermined
from ostiary.authorization.model import PolicyCannotFilter
from ostiary.authorization.ruling import Attributes
from ostiary.authorization.schema import PolicyDefinition

ID = "id"
"""The attribute that every resource has: its own id."""
Order: TypeAlias = Literal["==", "<", "<=", ">", ">="]
TextFunction: TypeAlias = Literal["startsWith", "endsWith", "contains"]
Scalar: TypeAlias = str | int | float | bool


class Settled(msgspec.Struct, frozen=True):
    """Known for every resource; ``None``: it cannot be worked out for any."""

    value: bool | None


class Compared(msgspec.Struct, frozen=True):
    """``attribute operator value``. A value of another type is unequal to it, and in no order with it."""

    attribute: str
    operator: Order
    value: Scalar


class ComparedTwo(msgspec.Struct, frozen=True):
    """``left operator right``, both attributes of the resource."""

    left: str
    operator: Order
    right: str


class Among(msgspec.Struct, frozen=True):
    """The attribute is equal to one of ``values``."""

    attribute: str
    values: tuple[Scalar, ...]


class TextTest(msgspec.Struct, frozen=True):
    attribute: str
    function: TextFunction
    text: str


class Present(msgspec.Struct, frozen=True):
    """There is such an attribute; never undetermined."""

    attribute: str


class Holds(msgspec.Struct, frozen=True):
    """The attribute itself is true or false."""

    attribute: str


class Not(msgspec.Struct, frozen=True):
    of: Residual


class Every(msgspec.Struct, frozen=True):
    of: tuple[Residual, ...]


class Some(msgspec.Struct, frozen=True):
    of: tuple[Residual, ...]


class Either(msgspec.Struct, frozen=True):
    """``test ? then : otherwise``; undetermined where the test is."""

    test: Residual
    then: Residual
    otherwise: Residual


Residual: TypeAlias = (
    Settled | Compared | ComparedTwo | Among | TextTest | Present | Holds | Not | Every | Some | Either
)
TRUE, FALSE, UNDETERMINED = Settled(True), Settled(False), Settled(None)


def every(parts: Iterable[Residual]) -> Residual:
    """False as soon as one is, whatever the others are."""
    left = [part for part in parts if part != TRUE]
    if FALSE in left:
        return FALSE
    return TRUE if not left else left[0] if len(left) == 1 else Every(tuple(left))


def some(parts: Iterable[Residual]) -> Residual:
    """True as soon as one is, whatever the others are."""
    left = [part for part in parts if part != FALSE]
    if TRUE in left:
        return TRUE
    return FALSE if not left else left[0] if len(left) == 1 else Some(tuple(left))


def negated(part: Residual) -> Residual:
    if isinstance(part, Settled):
        return part if part.value is None else Settled(not part.value)
    return Not(part)


def either(test: Residual, then: Residual, otherwise: Residual) -> Residual:
    if isinstance(test, Settled):
        return UNDETERMINED if test.value is None else then if test.value else otherwise
    return Either(test, then, otherwise)


def remaining(
    policy: PolicyDefinition, attributes: Attributes, known: Mapping[str, Any], asked: AbstractSet[str]
) -> Residual:
    """What is left of a policy's condition.

    Args:
        attributes: of subject, action and context; those of the resource do not count here.
        known: attributes of the resource that are known already.
        asked: those that only the resource itself can tell; every other one is missing.

    Raises:
        PolicyCannotFilter: what is left is no such tree.
    """
    if policy.condition is None:
        return TRUE
    try:
        return _Partial(policy, attributes, known, asked).truth(policy.condition.expression)
    except Exhausted:
        return UNDETERMINED


_TEXT_FUNCTIONS = ("startsWith", "endsWith", "contains")
_MIRRORED: Mapping[str, Order] = {"==": "==", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


class _Partial:
    def __init__(
        self, policy: PolicyDefinition, attributes: Attributes, known: Mapping[str, Any], asked: AbstractSet[str]
    ) -> None:
        self._policy = policy
        self._attributes = attributes
        self._known = known
        self._asked = asked

    def truth(self, node: Node) -> Residual:
        try:
            return self._settled(node) if self._is_known(node) else self._left(node)
        except Undetermined:
            return UNDETERMINED

    def _settled(self, node: Node) -> Settled:
        value = self._value(node)
        return Settled(value) if isinstance(value, bool) else UNDETERMINED

    def _left(self, node: Node) -> Residual:
        match node:
            case Logic():
                return (every if node.operator == "&&" else some)([self.truth(each) for each in node.operands])
            case Unary(operator="!"):
                return negated(self.truth(node.operand))
            case Choice():
                return either(self.truth(node.test), self.truth(node.then), self.truth(node.otherwise))
            case Binary(operator="!="):
                return negated(self._comparison("==", node))
            case Binary(operator="in"):
                return self._among(node, node.left, node.right)
            case Binary() if node.operator in _MIRRORED:
                return self._comparison(cast("Order", node.operator), node)
            case Call() if node.function in _TEXT_FUNCTIONS:
                return self._text(node)
            case Has() if (name := _member(node)) is not None:
                return Present(name)
            case Select() | Index() if (name := _member(node)) is not None:
                return Holds(name)
        raise self._refusal(node)

    def _comparison(self, operator: Order, node: Binary) -> Residual:
        left, right = self._asked_name(node.left), self._asked_name(node.right)
        if left is not None and right is not None:
            return ComparedTwo(left, operator, right)
        if left is None:
            left, operator, other = right, _MIRRORED[operator], node.left
        else:
            other = node.right
        if left is None or not self._is_known(other):
            raise self._refusal(node)
        value = self._value(other)
        if isinstance(value, str | int | float):
            return Compared(left, operator, value)
        # No attribute of a resource that is asked for is null, a list, a map or a time.
        return Among(left, ()) if operator == "==" else UNDETERMINED

    def _among(self, node: Node, item: Node, container: Node) -> Residual:
        name = self._asked_name(item)
        if name is None or not self._is_known(container):
            raise self._refusal(node)
        values = self._value(container)
        if not isinstance(values, list | tuple | Mapping):
            return UNDETERMINED
        if isinstance(values, Mapping):  # keys; true is none of them
            values = [key for key in values if not isinstance(key, bool)]
        return Among(name, tuple(value for value in values if isinstance(value, str | int | float)))

    def _text(self, node: Call) -> Residual:
        whole, part = node.arguments
        if node.function == "contains" and self._is_known(whole):
            if isinstance(self._value(whole), list | tuple):
                return self._among(node, part, whole)
            raise self._refusal(node)
        name = self._asked_name(whole)
        if name is None or not self._is_known(part):
            raise self._refusal(node)
        text = self._value(part)
        return TextTest(name, cast("TextFunction", node.function), text) if isinstance(text, str) else UNDETERMINED

    def _asked_name(self, node: Node) -> str | None:
        """The attribute that ``node`` is, where only the resource itself can tell it."""
        name = _member(node) if isinstance(node, Select | Index) else None
        return name if name in self._asked else None

    def _is_known(self, node: Node) -> bool:
        name = _member(node)
        if name is not None:
            return name not in self._asked
        if isinstance(node, Variable):
            return node.name != "resource"
        return all(self._is_known(each) for each in children(node))

    def _value(self, node: Node) -> Any:
        if isinstance(node, Constant):
            return node.value
        at = self._attributes
        if self._policy.condition is None:
            raise AssertionError("there is nothing to work out")
        return self._policy.condition.value_of(node, at.subject, self._known, at.action, at.context, at.now)

    def _refusal(self, node: Node) -> PolicyCannotFilter:
        return PolicyCannotFilter(
            f"The policy {self._policy.name} asks something of the resource, at position {node.position} of its"
            " condition, that no WHERE can answer in the same way."
        )


def _member(node: Node) -> str | None:
    """The name of an attribute of the resource that ``node`` reads, or asks for."""
    if not isinstance(node, Select | Has | Index):
        return None
    if not (isinstance(node.operand, Variable) and node.operand.name == "resource"):
        return None
    if not isinstance(node, Index):
        return node.name
    return node.key.value if isinstance(node.key, Constant) and isinstance(node.key.value, str) else None
