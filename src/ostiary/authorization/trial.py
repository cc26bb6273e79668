"""A question asked on trial: with some relations more or fewer than there are, to see what they would change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from ostiary.authorization.caller import Caller
from ostiary.authorization.decide import decide
from ostiary.authorization.explain import Decision
from ostiary.authorization.facts import NOBODY, Facts, Subject
from ostiary.authorization.model import Request, Resource
from ostiary.authorization.relations import Relation
from ostiary.authorization.schema import USER
from ostiary.authorization.store import load_model, load_roles, load_subject, snapshot_of_other
from ostiary.authorization.surroundings import load_attributes, load_surroundings
from ostiary.base.clock import Clock
from ostiary.permissions import Permission

if TYPE_CHECKING:
    from ostiary.database import Database, Reader, Transaction


class Question(msgspec.Struct, frozen=True):
    """What is asked, and what is supposed.

    Attributes:
        subject: ``None`` for who has not signed in.
        more, fewer: relations that are supposed to be there, and not to be there.
    """

    subject: Resource | None
    permission: str
    resource: Resource | None
    context: Mapping[str, Any] = {}
    more: tuple[Relation, ...] = ()
    fewer: tuple[Relation, ...] = ()


class Answer(msgspec.Struct, frozen=True):
    """The decision as things are, and as they would be; the second is ``None`` where nothing is supposed."""

    now: Decision
    then: Decision | None


class _UndoneError(Exception):
    """Ends the transaction in which something was only supposed."""


class Trials:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def ask(self, caller: Caller, question: Question) -> Answer:
        """Decide, and decide once more with what is supposed; nothing of that is kept, and nobody else sees it.

        Raises:
            Unauthenticated, Forbidden: the caller may not ask about others, or not read relations.
            NestingTooDeep: groups or resources are nested too deep to say.
        """
        await caller.require(Permission.DECISIONS_EVALUATE)
        await caller.require(Permission.RELATIONS_READ)
        now = await self._decide(self._db, question)
        if not (question.more or question.fewer):
            return Answer(now, None)
        found: list[Decision] = []
        try:
            async with self._db.transaction(durable=False) as tx:
                await _suppose(tx, question)
                found.append(await self._decide(tx, question))
                raise _UndoneError
        except _UndoneError:
            return Answer(now, found[0])

    async def _decide(self, on: Reader, question: Question) -> Decision:
        model, subject = await load_model(on), NOBODY
        if question.subject is not None:
            known = await _subject(on, question.subject)
            if known is None:
                return decide(Facts(await load_roles(on), None, model), self._request(question))
            subject = known
        facts = Facts(await load_roles(on), subject, model)
        if question.resource is not None:
            action = question.permission.rpartition(".")[2]
            around = await load_surroundings(on, model, subject, question.resource, action)
            attributes = await load_attributes(on, str(question.resource))
            facts = msgspec.structs.replace(facts, around=msgspec.structs.replace(around, attributes=attributes))
        return decide(facts, self._request(question))

    def _request(self, question: Question) -> Request:
        return Request(question.permission, question.resource, self._clock(), question.context)


async def _subject(on: Reader, subject: Resource) -> Subject | None:
    if subject.type == USER:
        return await load_subject(on, subject.id)
    return (await snapshot_of_other(on, subject.type, subject.id)).subject


async def _suppose(tx: Transaction, question: Question) -> None:
    for relation in question.more:
        await tx.execute(
            "INSERT INTO relations (object, relation, subject, created_at) VALUES (:object, :relation, :subject, 0)"
            " ON CONFLICT DO NOTHING",
            object=str(relation.object),
            relation=relation.relation,
            subject=relation.subject.key,
        )
    for relation in question.fewer:
        await tx.execute(
            "DELETE FROM relations WHERE object = :object AND relation = :relation AND subject = :subject",
            object=str(relation.object),
            relation=relation.relation,
            subject=relation.subject.key,
        )
