"""Policies: rules over the attributes of subject, resource, action and context.

What cannot be worked out allows nothing: a policy whose condition meets a missing attribute, or one of another type,
does not apply if it allows, and denies if it denies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from ostiary.authorization.conditions import Undetermined
from ostiary.authorization.facts import Facts, Subject
from ostiary.authorization.model import Effect, Request, Ruled
from ostiary.authorization.schema import ANYONE, USER, Attribute, PolicyDefinition


class NotApplied(msgspec.Struct, frozen=True):
    """A policy that would have allowed, and did not. ``values``: what its condition read; ``why``: what was wrong."""

    policy: str
    values: Mapping[str, Any]
    why: str


class Attributes:
    """What conditions may read, put together when the first one reads it."""

    __slots__ = ("action", "context", "now", "resource", "subject")

    def __init__(self, facts: Facts, subject: Subject, request: Request) -> None:
        types = facts.model.types
        own = types.get(USER if subject.kind in _ACCOUNT_KINDS else subject.kind)
        self.subject = _merged(subject.attributes, request.subject_properties, own.attributes if own else {})
        self.subject.update(id=subject.id, kind=subject.kind)
        resource = request.resource
        declared = types.get(resource.type) if resource else None
        self.resource = _merged(
            facts.around.attributes, request.resource_properties, declared.attributes if declared else {}
        )
        if resource is not None:
            self.resource.update(id=resource.id, type=resource.type)
        self.action = {**request.action_properties, "name": request.permission.rpartition(".")[2]}
        self.context = request.context
        self.now = request.at

    def holds(self, policy: PolicyDefinition) -> bool:
        """Raises Undetermined where the condition cannot be worked out."""
        return policy.condition is None or policy.condition.holds(
            self.subject, self.resource, self.action, self.context, self.now
        )

    def values(self, policy: PolicyDefinition) -> Mapping[str, Any]:
        """What the policy's condition reads, by path."""
        if policy.condition is None:
            return {}
        return policy.condition.values(self.subject, self.resource, self.action, self.context, self.now)


_ACCOUNT_KINDS = frozenset({"user", "service", "agent"})


def applied(facts: Facts, subject: Subject, request: Request) -> Iterator[Ruled]:
    """The policies that apply to the request, or that deny because it cannot be worked out whether they do."""
    attributes = Attributes(facts, subject, request)
    for policy in facts.model.ruling(request.permission):
        if policy.effect is Effect.ALLOW and subject.kind == ANYONE:
            continue  # a policy that forgot to ask who it is would open the door to the world
        try:
            if attributes.holds(policy):
                yield Ruled(policy.name, policy.effect)
        except Undetermined as cause:
            if policy.effect is Effect.DENY:
                yield Ruled(policy.name, policy.effect, str(cause))


def not_applied(facts: Facts, subject: Subject, request: Request) -> Iterator[NotApplied]:
    """The policies that would have allowed the request, with what kept them from it."""
    attributes = Attributes(facts, subject, request)
    for policy in facts.model.ruling(request.permission):
        if policy.effect is Effect.ALLOW:
            try:
                if not attributes.holds(policy):
                    yield NotApplied(policy.name, attributes.values(policy), "")
            except Undetermined as cause:
                yield NotApplied(policy.name, attributes.values(policy), str(cause))


def fits(value: object, attribute: Attribute) -> bool:
    """Whether a value, as JSON has it, is of the type that the model declares."""
    if isinstance(value, bool):
        return attribute.type == "bool"
    return isinstance(value, _TYPES[attribute.type]) and (attribute.type != "timestamp" or _is_time(value))


_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "int": (int,),
    "double": (int, float),
    "bool": (bool,),
    "timestamp": (str,),
    "list": (list,),
    "map": (dict,),
}


def _is_time(value: object) -> bool:
    try:
        return datetime.fromisoformat(str(value)).tzinfo is not None
    except ValueError:
        return False


def _merged(stored: Mapping[str, Any], sent: Mapping[str, Any], declared: Mapping[str, Attribute]) -> dict[str, Any]:
    """Stored attributes and sent ones, by what the model says of whose word counts; by default what is stored."""
    merged = {**sent, **stored}
    for name, attribute in declared.items():
        if name in sent and not fits(sent[name], attribute):
            sent = {key: value for key, value in sent.items() if key != name}
            if name not in stored:
                merged.pop(name, None)
        if attribute.source == "stored" and name not in stored:
            merged.pop(name, None)
        elif name in sent and attribute.source in ("sent", "sent_first"):
            merged[name] = sent[name]
        elif attribute.source == "sent":
            merged.pop(name, None)
    return merged
