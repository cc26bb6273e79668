"""The nearest ways from a denial to an allow, each of them tried by deciding again, without any I/O.

A role is what holds the permission; a relation is one tuple more; a step-up is the same question with a better or a
fresher proof of who asks (:rfc:`9470`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from ostiary.authorization.decide import decide
from ostiary.authorization.explain import Decision
from ostiary.authorization.facts import Facts
from ostiary.authorization.model import Reason, Request
from ostiary.authorization.schema import Direct, Exclusion, Expression, Named, Through
from ostiary.base.clock import SECOND, rfc3339

LEVELS = ("aal1", "aal2", "aal3")
_AGES = (86_400, 3_600, 900, 300, 60, 30, 10)
"""Seconds since the proof that are tried, the longest first; nobody gets back from a proof in less than the last."""
_SURELY = {"aal2": ("mfa",), "aal3": ("mfa", "hwk")}
"""What a proof of a level has in its ``amr``, whatever else it has (:rfc:`8176`)."""
_MOST = 20
"""Relations that are named at the most."""


class StepUp(msgspec.Struct, frozen=True, omit_defaults=True):
    """``level``: the ``acr`` to reach; ``max_age``: seconds since the proof at the most, where its age counts."""

    level: str
    max_age: int | None = None


class Nearest(msgspec.Struct, frozen=True, omit_defaults=True):
    """What would allow, each by itself.

    Attributes:
        roles: names of roles that hold the permission.
        relations: ``editor of document:1``, of the subject to that object.
        step_up: how well who asks would have to prove who they are.
    """

    roles: tuple[str, ...] = ()
    relations: tuple[str, ...] = ()
    step_up: StepUp | None = None

    def in_words(self) -> tuple[str, ...]:
        """Each way as the end of a sentence, "it would be allowed …"."""
        ways = [f"with the role {role}" for role in self.roles]
        ways += [f"as {relation}" for relation in self.relations]
        if self.step_up is not None:
            age = "" if self.step_up.max_age is None else f", at most {self.step_up.max_age} seconds ago"
            ways.append(f"after a proof of {self.step_up.level}{age}")
        return tuple(ways)


def nearest(decision: Decision) -> Nearest:
    """Nothing where it is allowed, and where no fact was looked at (a token whose scopes do not reach)."""
    facts, request = decision.facts, decision.request
    if facts is None or request is None or facts.subject is None:
        return Nearest()
    if decision.reason not in (Reason.NOTHING_ALLOWS, Reason.DENIED_EXPLICITLY):
        return Nearest()
    return Nearest(decision.would_allow, tuple(_relations(facts, request)), step_up(decision))


def step_up(decision: Decision) -> StepUp | None:
    """The least that who asks would have to prove for an allow; ``None`` where that does not help."""
    facts, request = decision.facts, decision.request
    if decision.allowed or facts is None or request is None or "acr" not in request.context:
        return None
    if not facts.model.ruling(request.permission):
        return None  # only policies ask how somebody has proved who they are
    now = request.context["acr"]
    levels = [now, *(each for each in LEVELS if each > now)] if now in LEVELS else list(LEVELS)
    if not any(decide(facts, _proved(request, level, _AGES[-1])) for level in levels):
        return None  # no proof helps
    for level in levels:
        for age in (None, *_AGES):
            if (level, age) != (now, None) and decide(facts, _proved(request, level, age)):
                return StepUp(level, age)
    return None


def _proved(request: Request, acr: str, age: int | None) -> Request:
    """The same question, had it been proved like this. ``age`` in seconds; ``None`` leaves it as it is."""
    better: dict[str, Any] = {"acr": acr}
    if acr in _SURELY:
        known = request.context.get("amr")
        better["amr"] = list(dict.fromkeys((*(known if isinstance(known, list) else ()), *_SURELY[acr])))
    if age is not None:
        better |= {"age": age, "authenticated_at": rfc3339(request.at - age * SECOND)}
    return replace(request, context={**request.context, **better})


def _relations(facts: Facts, request: Request) -> Iterator[str]:
    type_, _, action = request.permission.rpartition(".")
    subject, resource = facts.subject, request.resource
    if subject is None or not subject.sets or resource is None or type_ != resource.type:
        return
    own = next(iter(subject.sets))
    named = 0
    for key, relation in dict.fromkeys(_leading(facts, str(resource), action, set())):
        tuples = {**facts.around.tuples, (key, relation): (*facts.around.tuples.get((key, relation), ()), own)}
        if _may_stand(facts, key, relation, own) and decide(
            replace(facts, around=replace(facts.around, tuples=tuples)), request
        ):
            yield f"{relation} of {key}"
            named += 1
            if named == _MOST:
                return


def _may_stand(facts: Facts, key: str, relation: str, own: str) -> bool:
    """Whether the model lets a subject of this type stand in the relation by itself."""
    return own.partition(":")[0] in facts.model.targets(key.partition(":")[0], relation)


def _leading(facts: Facts, key: str, name: str, seen: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Objects and their relations in which a tuple more may give ``name`` on ``key``, the nearest first."""
    node = facts.model.node(key.partition(":")[0], name)
    if node is None or (key, name) in seen:
        return
    seen.add((key, name))
    parts = tuple(_parts(node))
    for part in parts:
        if isinstance(part, Direct):
            yield key, part.relation
        elif isinstance(part, Named):
            yield from _leading(facts, key, part.name, seen)
    for part in parts:
        if isinstance(part, Through):
            for there in facts.around.tuples.get((key, part.relation), ()):
                yield from _leading(facts, there, part.name, seen)


def _parts(node: Expression) -> Iterable[Named | Through | Direct]:
    if isinstance(node, Exclusion):
        return _parts(node.base)
    if isinstance(node, Named | Through | Direct):
        return (node,)
    return tuple(part for each in node.of for part in _parts(each))
