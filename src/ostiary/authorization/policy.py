"""One policy (ABAC) as it is written, and made ready for deciding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from ostiary.authorization.model import Effect
from ostiary.authorization.schema import PolicyDefinition
from ostiary.errors import InvalidRequest

if TYPE_CHECKING:
    from ostiary.authorization.conditions import Window

Names = Annotated[str, Meta(min_length=1, max_length=128)] | Annotated[list[str], Meta(min_length=1, max_length=100)]


class PolicyRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a policy says. ``action`` and ``resource`` are one name, several, or ``*``.

    Attributes:
        condition: in JSON: ``{"user.department": "engineering"}``.
        when: the same as an expression in CEL; one of the two at the most. Without either it always holds.
    """

    effect: Effect
    action: Names
    resource: Names
    condition: dict[str, Any] | None = None
    when: Annotated[str, Meta(max_length=4096)] | None = None
    description: Annotated[str, Meta(max_length=500)] = ""


def compile_policy(name: str, rule: PolicyRule, windows: Mapping[str, Window]) -> PolicyDefinition:
    """A policy, ready for deciding; ``windows``: the times that its condition may name.

    Raises:
        InvalidRequest: the condition is not one, with its place; or there are two.
    """
    # A regular expression engine and a compiler, which who has no policy does not load.
    from ostiary.authorization.conditions import InvalidCondition, compile_cel, compile_json

    if rule.condition is not None and rule.when is not None:
        raise InvalidRequest("A policy has a condition in one notation: condition or when.", field="when")
    field = "condition" if rule.when is None else "when"
    try:
        condition = None
        if rule.condition is not None:
            condition = compile_json(rule.condition, windows)
        elif rule.when is not None:
            condition = compile_cel(rule.when, windows)
    except InvalidCondition as cause:
        raise InvalidRequest(str(cause), field=cause.path or field) from None
    return PolicyDefinition(name, rule.effect, _tuple(rule.action), _tuple(rule.resource), condition, rule.description)


def _tuple(names: str | list[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
