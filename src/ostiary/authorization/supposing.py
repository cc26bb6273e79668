"""Decisions over facts that are supposed and not stored: a model is tried before it is applied.

The same pure ``decide``; only where the facts come from differs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ostiary.authorization.compiled import Model
from ostiary.authorization.decide import decide
from ostiary.authorization.explain import Decision
from ostiary.authorization.facts import NOBODY, Facts, RoleGraph, Subject, Surroundings, compile_subject
from ostiary.authorization.model import Granted, Request, Resource
from ostiary.authorization.model_file import Check, FactsGiven, ModelTest
from ostiary.authorization.relations import EVERYBODY, SubjectSet
from ostiary.authorization.schema import BUILT_IN, USER, AuthorizationModel

STRANGER = Resource(USER, "somebody-else")
"""Somebody about whom nothing is known but that they have signed in."""


class Unmet(msgspec.Struct, frozen=True):
    """An assertion of a model's test that does not hold; ``line`` of the file, from 1."""

    test: str
    line: int
    message: str


class Supposed:
    """What a model decides where ``given`` is the case."""

    def __init__(self, model: AuthorizationModel, given: FactsGiven) -> None:
        self._model = Model([BUILT_IN, model])
        self._sets = BUILT_IN.sets() | model.sets()
        self._given = given
        self._roles = RoleGraph(
            {name: role.permissions for name, role in model.roles.items()},
            {name: role.includes for name, role in model.roles.items()},
        )
        tuples: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._in: dict[str, list[str]] = defaultdict(list)
        for relation in given.relations:
            tuples[str(relation.object), relation.relation].append(relation.subject.key)
            if (relation.object.type, relation.relation) in self._sets:
                of = SubjectSet(relation.object.type, relation.object.id, relation.relation)
                self._in[relation.subject.key].append(of.key)
        self._tuples = {key: tuple(subjects) for key, subjects in tuples.items()}

    def decide(self, check: Check) -> Decision:
        """One question of a test."""
        attributes: Mapping[str, Any] = {}
        if check.resource is not None:
            attributes = self._given.attributes.get(check.resource, {})
        around = Surroundings(self._places(check.resource), self._tuples, attributes)
        subject = NOBODY if check.subject is None else self._subject(check.subject)
        request = Request(check.permission, check.resource, check.when.at or 0, check.when.context)
        return decide(Facts(self._roles, subject, self._model, around), request)

    def subjects(self) -> frozenset[Resource]:
        """Everybody whom the facts name, and no sets of them."""
        given = self._given
        named = [relation.subject for relation in given.relations]
        alone = {Resource(each.type, each.id) for each in named if not each.relation and each.id != "*"}
        holders = {each.subject for each in given.roles} | {each.subject for each in given.grants}
        return frozenset(each for each in (*alone, *holders, *given.attributes) if each.type == USER)

    def objects(self, type_: str) -> frozenset[Resource]:
        """Every object of a type that the facts name."""
        given = self._given
        named = {relation.object for relation in given.relations}
        named |= {Resource(each.subject.type, each.subject.id) for each in given.relations if each.subject.id != "*"}
        places = [*(each.on for each in given.roles), *(each.on for each in given.grants)]
        return frozenset(
            each for each in (*named, *places, *given.attributes) if each is not None and each.type == type_
        )

    def _subject(self, who: Resource) -> Subject:
        sets = self._memberships(str(who), f"{who.type}:*")
        held = [(each, _holder(each.subject, who, sets)) for each in self._given.roles]
        roles = [(each.role, each.on, holder) for each, holder in held if holder is not None]
        for role, where, by in roles:
            if where is None:
                sets.setdefault(f"role#holder:{role}", by or str(who))
        grants = [
            Granted(each.permission, each.effect, each.on, each.until, holder)
            for each in self._given.grants
            if (holder := _holder(each.subject, who, sets)) is not None
        ]
        return compile_subject(
            who.type, who.id, True, roles, grants, sets=sets, attributes=self._given.attributes.get(who, {})
        )

    def _memberships(self, *start: str) -> dict[str, str]:
        found = dict.fromkeys((*start, EVERYBODY), "")
        reached = list(found)
        for key in reached:  # grows as it is walked, so that the shortest way wins
            for into in self._in.get(key, ()):
                if into not in found:
                    found[into] = key
                    reached.append(into)
        return found

    def _places(self, resource: Resource | None) -> tuple[Resource, ...]:
        reached = [] if resource is None else [resource]
        for each in reached:
            for relation in self._model.parents(each.type):
                for key in self._tuples.get((str(each), relation), ()):
                    type_, _, id_ = key.partition(":")
                    if (above := Resource(type_, id_)) not in reached:
                        reached.append(above)
        return tuple(reached[1:])


def _holder(given: Resource, who: Resource, sets: Mapping[str, str]) -> str | None:
    """By which key the subject has what was given: empty for itself, ``None`` where it has it not."""
    if given == who:
        return ""
    key = SubjectSet(given.type, given.id, "member").key
    return key if key in sets else None


def run(model: AuthorizationModel, tests: Iterable[ModelTest]) -> tuple[Unmet, ...]:
    """Every assertion that does not hold, in the order of the file."""
    return tuple(unmet for test in tests for unmet in _run(Supposed(model, test.facts), test))


def _run(supposed: Supposed, test: ModelTest) -> Iterable[Unmet]:
    for check in test.check:
        decision = supposed.decide(check)
        if decision.allowed != check.allowed:
            because = "; ".join(str(path) for path in decision.because) or decision.reason.value
            word = "allowed" if decision.allowed else "denied"
            asked = f"{check.subject or 'nobody'} {check.permission} {check.resource or 'everywhere'}"
            yield Unmet(test.name, check.line, f"{asked} is {word}: {because}")
    for who in test.who_can:
        found = {
            "user:*" if each is STRANGER else str(each)
            for each in (*supposed.subjects(), STRANGER)
            if supposed.decide(Check(each, who.permission, who.resource, True, who.when)).allowed
        }
        yield from _compared(test, who.line, f"who can {who.permission} {who.resource}", map(str, who.subjects), found)
    for what in test.what_can:
        objects = {
            str(each)
            for each in supposed.objects(what.type)
            if supposed.decide(Check(what.subject, what.permission, each, True, what.when)).allowed
        }
        asked = f"what {what.subject or 'nobody'} can {what.permission}"
        yield from _compared(test, what.line, asked, map(str, what.resources), objects)


def _compared(test: ModelTest, line: int, asked: str, wanted: Iterable[str], found: set[str]) -> Iterable[Unmet]:
    expected = set(wanted)
    if more := sorted(found - expected):
        yield Unmet(test.name, line, f"{asked}: also {', '.join(more)}")
    if fewer := sorted(expected - found):
        yield Unmet(test.name, line, f"{asked}: not {', '.join(fewer)}")
