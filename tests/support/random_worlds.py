"""Models, facts and questions at random, for comparing the engine with :mod:`tests.support.naive`.

Few names of everything, so that what is drawn meets: groups in each other, folders in each other, roles at a parent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from ostiary.authorization.schema import (
    Exclusion,
    Expression,
    Intersection,
    Named,
    SubjectKind,
    Through,
    TypeDefinition,
    Union,
)
from tests.support.naive import Grant, Missing, Policy, World

ACCOUNTS = {"user:ann": "active", "user:bob": "active", "user:eve": "disabled"}
ACTIONS = ("read", "write", "share")
"""In the order in which they may lean on each other: after ``but not`` stands only what comes before."""
AT = 1_767_225_600_000
_RELATIONS = ("viewer", "editor", "blocked")
_OBJECTS = ("document", "folder", "org")
_IDS = {"user": ("ann", "ann", "bob")}
T = TypeVar("T")


@dataclass(frozen=True)
class Question:
    subject: str
    permission: str
    resource: str | None
    context: Mapping[str, object]


def random_world(random: Random) -> World:
    """A model, named or not, with facts of all kinds."""
    return _Drawing(random).world()


def random_question(random: Random, world: World) -> Question:
    """Mostly about what could be allowed, at times about what nobody has heard of."""
    types = [each for each in world.types if each.rpartition("/")[2] in _OBJECTS]
    resource = random.choice([None, *(f"{type_}:{n}" for type_ in types for n in (1, 2, 3))])
    type_ = resource.partition(":")[0] if resource and random.random() < 0.8 else random.choice(types)
    device = next(each for each in world.types if each.endswith("device"))
    return Question(
        random.choice([*["user:ann"] * 5, "user:bob", "user:eve", "user:zoe", f"{device}:1", "anyone:*"]),
        f"{type_}.{random.choice([*ACTIONS, *ACTIONS, 'viewer', 'fly'])}",
        resource,
        random.choice([{}, {"level": 0}, {"level": 1}]),
    )


class _Drawing:
    def __init__(self, random: Random) -> None:
        self._random = random
        self._prefix = random.choice(["", "", "hr/"])
        self._types = self._draw_types()
        self._objects = [f"{self._prefix}{type_}:{n}" for type_ in _OBJECTS for n in (1, 2, 3)]
        self._roles = [f"{self._prefix}{each}" for each in ("editor", "auditor", "chief")]

    def world(self) -> World:
        choice, some, roles = self._random.choice, self._some, self._roles
        grants = {(each.holder, each.permission, each.effect, each.on): each for each in some(4, self._grant)}
        return World(
            self._types,
            ACCOUNTS,
            {each: tuple(dict.fromkeys(some(2, self._pattern))) for each in roles},
            {roles[2]: tuple(dict.fromkeys(some(2, lambda: choice(roles[:2]))))},
            tuple(dict.fromkeys(some(4, lambda: (self._holder(), choice(roles), self._place())))),
            tuple(grants.values()),
            tuple(dict.fromkeys(some(24, self._tuple))),
            tuple({each.name: each for each in some(2, self._policy)}.values()),
            {each: {"level": choice([0, 1])} for each in some(4, lambda: choice(self._objects))},
        )

    def _some(self, most: int, draw: Callable[[], T]) -> list[T]:
        return [draw() for _ in range(self._random.randint(0, most))]

    def _pattern(self) -> str:
        type_ = self._prefix + self._random.choice(_OBJECTS)
        return self._random.choice([f"{self._prefix}*", "*", f"{type_}.*", *(f"{type_}.{each}" for each in ACTIONS)])

    def _holder(self) -> str:
        groups = [f"{self._prefix}group:{n}#member" for n in (1, 2, 3)]
        return self._random.choice(["user:ann", "user:bob", *groups])

    def _place(self) -> str | None:
        return self._random.choice([None, *self._objects])

    def _grant(self) -> Grant:
        effect, until = self._random.choice(["allow", "allow", "deny"]), self._random.choice([None, AT, AT + 1])
        return Grant(self._holder(), self._pattern(), effect, self._place(), until)

    def _policy(self) -> Policy:
        types = [f"{self._prefix}{each}" for each in (*_OBJECTS, "*")]
        name = f"{self._prefix}policy-{self._random.randint(1, 99)}"
        actions = (self._random.choice([*ACTIONS, "*"]),)
        return Policy(name, self._random.choice(["allow", "deny"]), actions, (self._random.choice(types),), _same_level)

    def _tuple(self) -> tuple[str, str, str]:
        pairs = [
            (type_, relation, kinds)
            for type_, each in self._types.items()
            for relation, kinds in each.relations.items()
        ]
        # What leads from object to object is as likely as all the rest.
        wanted = self._random.choice(["parent", "member", "org", None, None])
        likely = [each for each in pairs if wanted in (None, each[1]) and each[2]]
        type_, relation, kinds = self._random.choice(likely)
        return f"{type_}:{self._random.randint(1, 3)}", relation, self._subject(self._random.choice(kinds))

    def _subject(self, kind: SubjectKind) -> str:
        if kind.everyone:
            return f"{kind.type}:*"
        if kind.relation == "holder":
            return f"role:{self._random.choice(self._roles)}#holder"
        id_ = self._random.choice(_IDS.get(kind.type, ("1", "2", "3")))
        return f"{kind.type}:{id_}" + (f"#{kind.relation}" if kind.relation else "")

    def _draw_types(self) -> dict[str, TypeDefinition]:
        prefix = self._prefix
        group, org, device = (f"{prefix}{each}" for each in ("group", "org", "device"))
        members = (SubjectKind("user"), SubjectKind(group, "member"), SubjectKind("user", everyone=True))
        others = (SubjectKind("anyone", everyone=True), SubjectKind("role", "holder"), SubjectKind(device))
        people = (*members, *others, SubjectKind(org, "member"))
        types = {
            "user": TypeDefinition("user"),
            device: TypeDefinition(device),
            "role": TypeDefinition("role", {"holder": ()}),
            group: TypeDefinition(group, {"member": members}),
        }
        relations = {
            "parent": (SubjectKind(f"{prefix}folder"), SubjectKind(org)),
            "org": (SubjectKind(org),),
            **dict.fromkeys(_RELATIONS, people),
        }
        for name in _OBJECTS:
            own = {**relations, "member": members} if name == "org" else relations
            types[prefix + name] = self._draw_type(prefix + name, own)
        return types

    def _draw_type(self, name: str, relations: Mapping[str, tuple[SubjectKind, ...]]) -> TypeDefinition:
        parents = ("parent",) if self._random.random() < 0.7 else ()
        permissions = {action: self._expression(index, 2) for index, action in enumerate(ACTIONS)}
        acl = tuple(each for each in ("viewer", "editor", "read", "share") if self._random.random() < 0.4)
        return TypeDefinition(name, relations, permissions, parents, acl)

    def _expression(self, index: int, depth: int) -> Expression:
        form = self._random.randint(0, 4) if depth else 0
        if form <= 1:
            return self._leaf(ACTIONS[: index + 1], ACTIONS[:index])
        parts = tuple(self._expression(index, depth - 1) for _ in range(self._random.randint(2, 3)))
        if form == 4:
            return Exclusion(parts[0], self._leaf(ACTIONS[:index], ACTIONS[:index]))
        return Union(parts) if form == 2 else Intersection(parts)

    def _leaf(self, behind: Sequence[str], own: Sequence[str]) -> Expression:
        if self._random.random() < 0.5:
            return Named(self._random.choice([*_RELATIONS, *own]))
        return Through(self._random.choice(["parent", "org"]), self._random.choice([*_RELATIONS, *behind]))


def _same_level(resource: Mapping[str, object], context: Mapping[str, object]) -> bool:
    if "level" not in resource or "level" not in context:
        raise Missing
    return resource["level"] == context["level"]
