"""List filters: the decision worked out for all resources of a type at once, as far as one subject's facts tell it.

What is left, ids and conditions on attributes, is for whoever has the rows: ``ostiary.integrations.sqlalchemy`` makes a
``WHERE`` of it. A row is in the list just where :func:`~ostiary.authorization.decide.decide` allows it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from ostiary.authorization.authorizer import NOTHING_BROUGHT, Authorizer, Brought
from ostiary.authorization.caller import Caller
from ostiary.authorization.compiled import Model
from ostiary.authorization.decide import decide
from ostiary.authorization.facts import NOBODY, Facts, Subject, compile_subject
from ostiary.authorization.model import Effect, PolicyCannotFilter, Reason, Request, covers
from ostiary.authorization.partial import (
    FALSE,
    ID,
    UNDETERMINED,
    Present,
    Residual,
    either,
    remaining,
)
from ostiary.authorization.reaching import objects_below, related_objects
from ostiary.authorization.ruling import Attributes
from ostiary.authorization.schema import Attribute, PolicyDefinition
from ostiary.base.clock import Clock
from ostiary.errors import Unavailable

if TYPE_CHECKING:
    from ostiary.database import Database

Kind: TypeAlias = Literal["string", "int", "double", "bool"]
"""What a column holds."""

_ATTEMPTS = 16
_PAGE = 5_000  # records that are read at once
_MOST_CASES = 500
"""What is stored may be different for every resource; a WHERE may not."""


class Case(msgspec.Struct, frozen=True):
    """What is left of a condition for those resources of which something is stored that it reads."""

    ids: tuple[str, ...]
    condition: Residual


class Rule(msgspec.Struct, frozen=True):
    """What is left of a policy. ``otherwise``: its condition for every resource that is in no case."""

    policy: str
    cases: tuple[Case, ...]
    otherwise: Residual


class ListFilter(msgspec.Struct, frozen=True):
    """Which resources of a type are allowed: those that something allows and nothing denies.

    Attributes:
        everything: every one is allowed, but for what denies.
        ids, rules: what allows besides. A rule allows where its condition is true.
        denied_ids, denied_rules: what denies. A rule denies unless its condition is false.
    """

    everything: bool = False
    ids: frozenset[str] = frozenset()
    rules: tuple[Rule, ...] = ()
    denied_ids: frozenset[str] = frozenset()
    denied_rules: tuple[Rule, ...] = ()


NOTHING = ListFilter()
EVERYTHING = ListFilter(everything=True)


class Filtering:
    def __init__(self, db: Database, authorizer: Authorizer, clock: Clock) -> None:
        self._db = db
        self._authorizer = authorizer
        self._clock = clock

    async def of_caller(
        self,
        caller: Caller,
        permission: str,
        type_: str,
        columns: Mapping[str, Kind],
        brought: Brought = NOTHING_BROUGHT,
    ) -> ListFilter:
        """What :meth:`Caller.decide` allows of a type, seeing every change that was acknowledged before the call.

        Args:
            columns: the attributes that a row brings as its resource's properties; one that is NULL is not brought.
            brought: what the request brings besides; its resource properties do not count.

        Raises:
            PolicyCannotFilter: a policy asks what rows cannot be asked.
            NestingTooDeep: groups or resources are nested too deep to say.
            Unavailable: the database does not answer; so nothing is allowed.
        """
        if caller.kind == "operator":
            return EVERYTHING
        if caller.account_id is None:
            return NOTHING
        if caller.scopes is not None and not any(covers(scope, permission) for scope in caller.scopes):
            return NOTHING
        return await self.of_account(caller.account_id, permission, type_, columns, brought)

    async def of_account(
        self,
        account_id: str,
        permission: str,
        type_: str,
        columns: Mapping[str, Kind],
        brought: Brought = NOTHING_BROUGHT,
    ) -> ListFilter:
        """The same for an account, whatever a token of it may reach."""
        request = Request(
            permission,
            None,
            self._clock(),
            brought.context,
            brought.subject_properties,
            action_properties=brought.action_properties,
        )
        as_of = await self._as_of()
        for _ in range(_ATTEMPTS):
            found = await self._worked_out(await self._authorizer.facts(account_id), request, type_, columns)
            read_at, as_of = as_of, await self._as_of()
            if read_at == as_of:
                return found
        raise Unavailable("Permissions are changing too fast to be read; try again.", retry_after=1)

    async def _as_of(self) -> tuple[int, int]:
        return await self._db.revision("authorization"), await self._db.revision("relations")

    async def _worked_out(self, facts: Facts, request: Request, type_: str, columns: Mapping[str, Kind]) -> ListFilter:
        subject, model = facts.subject, facts.model
        everywhere = decide(Facts(facts.roles, facts.subject), request)  # without model: what holds everywhere
        if subject is None or not subject.active or everywhere.reason is Reason.DENIED_EXPLICITLY:
            return NOTHING
        allowed_at, denied_at = _places(facts, subject, request)
        policies = model.ruling(request.permission)
        attributes = Attributes(facts, subject, request)
        rules = _Rules(self._db, model, attributes, type_, columns)
        denied_ids = await objects_below(self._db, model, type_, denied_at)
        denied = await rules.of(Effect.DENY, policies)
        if everywhere.allowed:
            return ListFilter(True, denied_ids=denied_ids, denied_rules=denied)
        ids = await objects_below(self._db, model, type_, allowed_at)
        asked_type, _, action = request.permission.rpartition(".")
        if asked_type == type_:
            ids |= await related_objects(self._db, model, subject, type_, action)
        allows = () if subject is NOBODY else await rules.of(Effect.ALLOW, policies)
        return ListFilter(False, ids, allows, denied_ids, denied)


def _places(facts: Facts, subject: Subject, request: Request) -> tuple[set[str], set[str]]:
    """The resources on which a role or grant of the subject allows, and denies: for itself and all that is in it."""
    allowed: set[str] = set()
    denied: set[str] = set()
    nowhere = compile_subject(subject.kind, subject.id, True, (), ())
    for place, scope in subject.on.items():
        there = decide(Facts(facts.roles, msgspec.structs.replace(nowhere, everywhere=scope)), request)
        if there.allowed:
            allowed.add(str(place))
        elif there.reason is Reason.DENIED_EXPLICITLY:
            denied.add(str(place))
    return allowed, denied


class _Entity(msgspec.Struct, frozen=True):
    object: str
    attributes: str


class _Rules:
    """Policies, with those attributes that are stored put in: resource by resource, alike ones together."""

    def __init__(
        self, db: Database, model: Model, attributes: Attributes, type_: str, columns: Mapping[str, Kind]
    ) -> None:
        self._db = db
        self._attributes = attributes
        self._type = type_
        definition = model.types.get(type_)
        self._declared: Mapping[str, Attribute] = {} if definition is None else definition.attributes
        self._times = {name for name in columns if self._type_of(name) == "timestamp"}
        self._columns = {
            name
            for name, kind in columns.items()
            if (declared := self._type_of(name)) in (None, kind) or (declared, kind) == ("double", "int")
        }

    async def of(self, effect: Effect, policies: Iterable[PolicyDefinition]) -> tuple[Rule, ...]:
        """Those of one effect that may come to anything."""
        read = [(policy, self._stored_reads(policy)) for policy in policies if policy.effect is effect]
        names = frozenset[str]().union(*(reads for _, reads in read))
        groups = await self._groups(names) if names else []
        idle = (FALSE,) if effect is Effect.DENY else (FALSE, UNDETERMINED)
        made = [self._rule(policy, reads, groups) for policy, reads in read]
        return tuple(rule for rule in made if rule.cases or rule.otherwise not in idle)

    def _stored_reads(self, policy: PolicyDefinition) -> frozenset[str]:
        """The attributes of the resource that it reads and that may be stored."""
        reads = () if policy.condition is None else policy.condition.reads
        names = {name for root, name in reads if root == "resource"} - {"*", ID, "type"}
        if times := names & self._times:
            raise PolicyCannotFilter(f"The policy {policy.name} reads {min(times)}, a column of texts, as a time.")
        return frozenset(name for name in names if self._source(name) != "sent")

    def _type_of(self, name: str) -> str | None:
        declared = self._declared.get(name)
        return None if declared is None else declared.type

    def _source(self, name: str) -> str:
        declared = self._declared.get(name)
        return "stored_first" if declared is None else declared.source

    async def _groups(self, names: frozenset[str]) -> list[tuple[Mapping[str, Any], list[str]]]:
        """Resources of which something is stored under these names, those together of which the same is."""
        groups: dict[bytes, tuple[Mapping[str, Any], list[str]]] = {}
        async for row in self._entities():
            stored = msgspec.json.decode(row.attributes, type=dict[str, Any])
            kept = {name: stored[name] for name in sorted(names & stored.keys())}
            if kept:
                group = groups.setdefault(msgspec.json.encode(kept), (kept, []))
                group[1].append(row.object.partition(":")[2])
        return list(groups.values())

    async def _entities(self) -> AsyncIterator[_Entity]:
        after = f"{self._type}:"
        while True:
            rows = await self._db.fetch_all(
                _Entity,
                "SELECT object, attributes FROM entities WHERE object > :after AND object < :last"
                " ORDER BY object LIMIT :most",
                after=after,
                last=f"{self._type};",  # the character after the colon
                most=_PAGE,
            )
            for row in rows:
                yield row
            if len(rows) < _PAGE:
                return
            after = rows[-1].object

    def _rule(
        self, policy: PolicyDefinition, reads: AbstractSet[str], groups: Iterable[tuple[Mapping[str, Any], list[str]]]
    ) -> Rule:
        cases: dict[str, tuple[Residual, list[str]]] = {}
        otherwise = self._left(policy, {})
        for stored, ids in groups:
            left = self._left(policy, {name: stored[name] for name in sorted(reads & stored.keys())})
            if (key := repr(left)) != repr(otherwise):  # not ==, to which true and 1 are one
                cases.setdefault(key, (left, []))[1].extend(ids)
        if len(cases) > _MOST_CASES:
            raise PolicyCannotFilter(
                f"The policy {policy.name} compares columns with what is stored about resources, in more than"
                f" {_MOST_CASES} ways."
            )
        return Rule(policy.name, tuple(Case(tuple(ids), left) for left, ids in cases.values()), otherwise)

    def _left(self, policy: PolicyDefinition, stored: Mapping[str, Any]) -> Residual:
        """As ``ruling`` puts attributes together, with those of the row still to come."""
        known: dict[str, Any] = {"type": self._type}
        asked = {ID}
        both = []
        for name in (*self._columns, *(stored.keys() - self._columns)):
            source = self._source(name)
            is_sent, is_stored = name in self._columns and source != "stored", name in stored and source != "sent"
            if is_sent and is_stored and source == "sent_first":
                both.append(name)
            elif is_stored:
                known[name] = stored[name]
            elif is_sent:
                asked.add(name)
        return self._either(policy, known, asked, both, stored)

    def _either(
        self,
        policy: PolicyDefinition,
        known: Mapping[str, Any],
        asked: AbstractSet[str],
        both: list[str],
        stored: Mapping[str, Any],
    ) -> Residual:
        """``both``: attributes of which the row's own counts where it has it, else the stored one."""
        if not both:
            return remaining(policy, self._attributes, known, asked)
        name, *rest = both
        sent = self._either(policy, known, asked | {name}, rest, stored)
        kept = self._either(policy, {**known, name: stored[name]}, asked, rest, stored)
        return sent if repr(sent) == repr(kept) else either(Present(name), sent, kept)
