"""Deciding about accounts as they are in the database now.

Roles and facts are held in memory, but never used without asking first whether anything has changed: every writer of
facts, in whatever process, bumps the revision ``authorization`` in its own transaction, a writer of roles also
``roles``, and one of the model or of a policy ``model``. What is around a resource is read at each decision; whoever
writes relations or attributes bumps ``relations``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any

import msgspec

from ostiary.audit import DeferredWrites
from ostiary.authorization import administrators
from ostiary.authorization.compiled import Model
from ostiary.authorization.decide import decide
from ostiary.authorization.decision_log import DecisionLog
from ostiary.authorization.escalation import EVERYTHING, Holdings, held_anywhere, holdings_everywhere, uncovered
from ostiary.authorization.explain import Decision
from ostiary.authorization.facts import NOBODY, NOWHERE, Facts, RoleGraph, Subject, Surroundings
from ostiary.authorization.model import NestingTooDeep, Request, Resource
from ostiary.authorization.schema import USER
from ostiary.authorization.store import (
    Snapshot,
    load_model,
    load_roles,
    load_subjects,
    snapshot_of_account,
    snapshot_of_other,
)
from ostiary.authorization.surroundings import (
    load_attributes,
    load_many_attributes,
    load_many_surroundings,
    load_surroundings,
)
from ostiary.base.clock import Clock
from ostiary.errors import Forbidden, InvalidRequest, PersonRequired, Unavailable
from ostiary.settings.model import DecisionSettings

if TYPE_CHECKING:
    from ostiary.authorization.caller import Caller
    from ostiary.database import Database, Transaction

_Around = Mapping[tuple[Resource | None, Resource], Surroundings]
_REMEMBERED = 16_384
_ATTEMPTS = 16
_QUIET = DecisionSettings()
_TOKEN = re.compile(r"rev_(\d{1,18})", re.ASCII)


class Brought(msgspec.Struct, frozen=True):
    """What a question brings besides its three names: context, and attributes that are not stored."""

    context: Mapping[str, Any] = {}
    subject_properties: Mapping[str, Any] = {}
    resource_properties: Mapping[str, Any] = {}
    action_properties: Mapping[str, Any] = {}


NOTHING_BROUGHT = Brought()


class Question(msgspec.Struct, frozen=True):
    """One of many questions.

    Attributes:
        subject: an account as type ``user``, by its id; another subject; or ``None`` for who has not signed in.
    """

    subject: Resource | None
    permission: str
    resource: Resource | None = None
    brought: Brought = NOTHING_BROUGHT


class _Common(msgspec.Struct, frozen=True):
    """What counts for everybody. ``as_of``: the revisions of all facts, of roles and of the model."""

    as_of: tuple[int, ...]
    roles: RoleGraph
    model: Model


class Authorizer:
    """May be shared by every task of one event loop."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        settings: DecisionSettings = _QUIET,
        deferred: DeferredWrites | None = None,
        *,
        remembered: int = _REMEMBERED,
    ) -> None:
        """An authorizer over ``db``.

        Args:
            deferred: through what decisions are recorded.
            remembered: how many accounts' facts are held in memory at most.
        """
        self.log = DecisionLog(deferred or DeferredWrites(db), clock, settings)
        self._db = db
        self._clock = clock
        self._remembered = remembered
        self._revision = -1
        self._common = _Common((-1, -1, -1), RoleGraph({}, {}), Model())
        self._facts: dict[str, Facts] = {}

    async def decide(
        self, account_id: str, permission: str, resource: Resource | None = None, brought: Brought = NOTHING_BROUGHT
    ) -> Decision:
        """Whether the account may do this now, seeing every change that was acknowledged before the call.

        Raises:
            Unavailable: the database does not answer; so nothing is allowed.
            NestingTooDeep: groups or resources are nested too deep to say.
        """
        return await self._decide(lambda: self.facts(account_id), permission, resource, brought)

    async def decide_other(
        self, subject: Resource, permission: str, resource: Resource | None = None, brought: Brought = NOTHING_BROUGHT
    ) -> Decision:
        """The same for a subject that is no account, such as a device."""
        return await self._decide(lambda: self._facts_of_other(subject), permission, resource, brought)

    async def decide_nobody(
        self, permission: str, resource: Resource | None = None, brought: Brought = NOTHING_BROUGHT
    ) -> Decision:
        """The same for who has not signed in: what anyone may do."""
        return await self._decide(self._facts_of_nobody, permission, resource, brought)

    async def facts(self, account_id: str) -> Facts:
        """All that counts about one account: roles, the model and its own facts, as of one and the same revision."""
        return await self._known(account_id, lambda: snapshot_of_account(self._db, account_id))

    async def _facts_of_other(self, subject: Resource) -> Facts:
        key = str(subject)
        facts = await self._known(key, lambda: snapshot_of_other(self._db, subject.type, subject.id))
        # What is stored about devices changes too often to count as a change of everybody's facts.
        attributes = await load_attributes(self._db, key)
        return msgspec.structs.replace(facts, subject=_with(facts.subject, attributes))

    async def _facts_of_nobody(self) -> Facts:
        return (await self._facts_as_of(self._snapshot_of_nobody))[1]

    async def _snapshot_of_nobody(self) -> Snapshot:
        return Snapshot(NOBODY, await self._db.revision("authorization"))

    async def _decide(
        self, find: Callable[[], Awaitable[Facts]], permission: str, resource: Resource | None, brought: Brought
    ) -> Decision:
        request = self._request(permission, resource, brought)
        facts = await find()
        if resource is None or not (resource.type in facts.model.types or facts.model.ruling(permission)):
            return decide(facts, request)
        as_of = await self._as_of()
        for _ in range(_ATTEMPTS):
            facts = await find()
            around = await self._look_around(facts, permission, resource)
            # A group of before a change with a relation of after it may allow what was never allowed: look again.
            read_at, as_of = as_of, await self._as_of()
            if read_at == as_of:
                return decide(msgspec.structs.replace(facts, around=around), request)
        raise _changing_too_fast()

    async def decide_many(self, questions: Sequence[Question]) -> list[Decision]:
        """Each question answered as if it were asked alone, all as of one and the same moment.

        Raises:
            Unavailable, NestingTooDeep: as with :meth:`decide`, for any of them.
        """
        as_of = await self._as_of()
        for _ in range(_ATTEMPTS):
            facts = await self._facts_of_many({question.subject for question in questions}, as_of[0])
            around = await self._look_around_many(questions, facts)
            read_at, as_of = as_of, await self._as_of()
            if read_at == as_of:
                return [self._answer(question, facts[question.subject], around) for question in questions]
        raise _changing_too_fast()

    def _answer(self, question: Question, known: Facts, around: _Around) -> Decision:
        there = NOWHERE if question.resource is None else around.get((question.subject, question.resource), NOWHERE)
        request = self._request(question.permission, question.resource, question.brought)
        return decide(Facts(known.roles, known.subject, known.model, there), request)

    def _request(self, permission: str, resource: Resource | None, brought: Brought) -> Request:
        return Request(
            permission,
            resource,
            self._clock(),
            brought.context,
            brought.subject_properties,
            brought.resource_properties,
            brought.action_properties,
        )

    async def _facts_of_many(self, subjects: Set[Resource | None], revision: int) -> dict[Resource | None, Facts]:
        if len(subjects) == 1:
            (subject,) = subjects
            return {subject: await self.facts_of(subject)}
        nobody = await self._facts_of_nobody()
        roles, model = nobody.roles, nobody.model
        found: dict[Resource | None, Facts] = {}
        wanted: dict[str, list[str]] = defaultdict(list)
        for subject in subjects:
            if subject is None:
                found[None] = nobody
            elif subject.type == USER and self._revision == revision and subject.id in self._facts:
                found[subject] = self._facts[subject.id]
            else:
                wanted[subject.type].append(subject.id)
        for type_, ids in wanted.items():  # not remembered: a search over everybody would push out who is here
            loaded = await load_subjects(self._db, type_, ids)
            found |= {Resource(type_, id_): Facts(roles, loaded.get(id_), model) for id_ in ids}
        return found

    async def facts_of(self, subject: Resource | None) -> Facts:
        """The same for any subject: an account as type ``user``, another one, or nobody."""
        if subject is None:
            return await self._facts_of_nobody()
        return await (self.facts(subject.id) if subject.type == USER else self._facts_of_other(subject))

    async def _look_around_many(
        self, questions: Sequence[Question], facts: Mapping[Resource | None, Facts]
    ) -> dict[tuple[Resource | None, Resource], Surroundings]:
        actions: dict[Resource | None, dict[Resource, set[str]]] = defaultdict(lambda: defaultdict(set))
        ruled: set[tuple[Resource | None, Resource]] = set()
        for question in questions:
            subject, resource, model = question.subject, question.resource, facts[question.subject].model
            if resource is None or facts[subject].subject is None:
                continue
            if resource.type in model.types:
                actions[subject][resource].add(question.permission.rpartition(".")[2])
            if model.ruling(question.permission):
                ruled.add((subject, resource))
        around: dict[tuple[Resource | None, Resource], Surroundings] = {}
        for subject, asked_of in actions.items():
            found = await self._surroundings(facts[subject], asked_of)
            around |= {(subject, resource): there for resource, there in found.items()}
        if ruled:
            attributes = await load_many_attributes(self._db, list({str(resource) for _, resource in ruled}))
            for key in ruled:
                there = around.get(key, NOWHERE)
                around[key] = Surroundings(there.places, there.tuples, attributes.get(str(key[1]), {}))
        return around

    async def _surroundings(self, facts: Facts, asked_of: Mapping[Resource, set[str]]) -> dict[Resource, Surroundings]:
        """Of fewer at a time where those of all together are too many."""
        if facts.subject is None:
            return {}
        try:
            return await load_many_surroundings(self._db, facts.model, facts.subject, asked_of)
        except NestingTooDeep:
            if len(asked_of) == 1:
                raise
        each = list(asked_of.items())
        half = len(each) // 2
        first = await self._surroundings(facts, dict(each[:half]))
        return {**first, **await self._surroundings(facts, dict(each[half:]))}

    async def _as_of(self) -> tuple[int, int]:
        authorization, relations = await self._db.revisions("authorization", "relations")
        return authorization, relations

    async def _look_around(self, facts: Facts, permission: str, resource: Resource) -> Surroundings:
        around = NOWHERE
        if facts.subject is not None and resource.type in facts.model.types:
            action = permission.rpartition(".")[2]
            around = await load_surroundings(self._db, facts.model, facts.subject, resource, action)
        if facts.model.ruling(permission):
            return msgspec.structs.replace(around, attributes=await load_attributes(self._db, str(resource)))
        return around

    async def _known(self, key: str, load: Callable[[], Awaitable[Snapshot]]) -> Facts:
        if key in self._facts:
            revision = await self._db.revision("authorization")
            if revision == self._revision and (known := self._facts.pop(key, None)) is not None:
                self._facts[key] = known  # last in the order: the least recently asked for goes first
                return known
        revision, found = await self._facts_as_of(load)
        self._remember(revision, key, found)
        return found

    async def _facts_as_of(self, load: Callable[[], Awaitable[Snapshot]]) -> tuple[int, Facts]:
        """What ``load`` brings, with the roles and the model of the same moment, and the revision of that moment.

        Roles of before a change with assignments of after it may allow what was never allowed. Roles and the model
        change seldom, other facts often: the former are only read again when one of them has changed.
        """
        for _ in range(_ATTEMPTS):
            read = await load()
            common = self._common
            if common.as_of[0] != read.revision:
                common = await self._common_now()
            if common.as_of[0] == read.revision:
                return read.revision, Facts(common.roles, read.subject, common.model)
        raise _changing_too_fast()

    async def _common_now(self) -> _Common:
        known, as_of = self._common, await self._common_as_of()
        for _ in range(_ATTEMPTS):
            roles = known.roles if known.as_of[1] == as_of[1] else await load_roles(self._db)
            model = known.model if known.as_of[2] == as_of[2] else await load_model(self._db)
            read_at, as_of = as_of, await self._common_as_of()
            if read_at[1:] == as_of[1:]:
                self._common = _Common(as_of, roles, model)
                return self._common
        raise _changing_too_fast()

    async def _common_as_of(self) -> tuple[int, ...]:
        return await self._db.revisions("authorization", "roles", "model")

    async def outranked(self, caller: Caller, account_id: str) -> bool:
        """Whether the account holds permissions of Ostiary that the caller does not: then it is not theirs to touch.

        One's own account is, but not with what has only a part of one's permissions.
        """
        if caller.kind == "operator" or (caller.account_id == account_id and caller.scopes is None):
            return False
        held = held_anywhere(await self.facts(account_id), self._clock())
        return bool(uncovered(await self.holdings(caller), held))

    async def holdings(self, caller: Caller) -> Holdings:
        """What of Ostiary the caller may give and take, for :func:`ostiary.authorization.escalation.require_cover`.

        Raises:
            Unauthenticated: nobody has signed in.
        """
        if caller.kind == "operator":
            return EVERYTHING
        return holdings_everywhere(await self.facts(caller.require_signed_in()), self._clock(), caller.scopes)

    async def forbid_outranked(self, caller: Caller, account_id: str) -> None:
        """Refuse a caller to whom the account is not theirs to touch.

        Raises:
            Forbidden: :meth:`outranked`. PersonRequired: it is the account of the key that calls: who has a key could
                have the address changed by it, and the password after that.
        """
        if caller.account_id == account_id and caller.delegated:
            raise PersonRequired
        if await self.outranked(caller, account_id):
            raise Forbidden("This account holds permissions in Ostiary that you do not hold.")

    async def is_last_administrator(self, tx: Transaction, account_id: str) -> bool:
        """See :func:`ostiary.authorization.administrators.is_last_administrator`; call ``tx.bump`` before."""
        return await administrators.is_last_administrator(tx, account_id, self._clock())

    async def model_as_of(self) -> tuple[int, Model]:
        """All models as they are now, with the revision of that."""
        common = await self._common_now()
        return common.as_of[2], common.model

    async def require_fresh(self, token: str) -> None:
        """Go on only if decisions see the write that gave this token, ``rev_17``.

        Raises:
            InvalidRequest: it is none of ours. Unavailable: the database that answers here is behind that write.
        """
        found = _TOKEN.fullmatch(token)
        if found is None:
            raise InvalidRequest("This is not a token from a write of relations.", field="at_least_as_fresh")
        if await self._db.revision("relations") < int(found[1]):
            raise Unavailable("The database that answers is behind that write; try again.", retry_after=1)

    def _remember(self, revision: int, key: str, found: Facts) -> None:
        if found.subject is None:
            return  # made-up ids would push real ones out
        if revision != self._revision:
            self._revision, self._facts = revision, {}
        self._facts[key] = found
        if len(self._facts) > self._remembered:
            del self._facts[next(iter(self._facts))]


def _changing_too_fast() -> Unavailable:
    return Unavailable("Permissions are changing too fast to be read; try again.", retry_after=1)


def _with(subject: Subject | None, attributes: Mapping[str, Any]) -> Subject | None:
    return None if subject is None else msgspec.structs.replace(subject, attributes=attributes)
