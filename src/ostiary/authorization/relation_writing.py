"""Writing relation tuples: all of a change or nothing of it, under conditions where one is asked for.

What an access control list changes, and what an embedder writes in a transaction of its own, goes through here too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from ostiary.audit import Event, record
from ostiary.authorization.administrators import leaves_no_administrator
from ostiary.authorization.authorizer import Authorizer
from ostiary.authorization.caller import Caller
from ostiary.authorization.compiled import Model
from ostiary.authorization.escalation import Holdings, own, require_cover
from ostiary.authorization.membership import any_set_holds, change_members_privileges, held_by_set
from ostiary.authorization.model import LastAdministrator, Resource
from ostiary.authorization.relation_reading import (
    RelationFilter,
    RelationQuery,
    RelationView,
    Written,
    any_fits,
    check_filter,
    list_relations,
)
from ostiary.authorization.relations import Relation, SubjectSet, parse_object, parse_relation, read_key
from ostiary.authorization.store import lock_facts
from ostiary.authorization.tuple_rules import forbid_own, keys_of, require_allowed, sets_in
from ostiary.base.clock import Clock
from ostiary.base.pages import Page
from ostiary.errors import Conflict, InvalidRequest, Unavailable
from ostiary.permissions import Permission

if TYPE_CHECKING:
    from ostiary.database import Database, Reader, Transaction

MAX_TUPLES = 1_000
MAX_PRECONDITIONS = 100
MAX_OBJECTS = 100
_MOST_OF_OBJECT = 10_000
_MOST_RECORDED = 10
_ATTEMPTS = 3

Tuples = Annotated[tuple[Written, ...], Meta(max_length=MAX_TUPLES)]


class RelationPreconditionFailed(Conflict):
    code = "relation_precondition_failed"
    title = "A condition of this change does not hold; nothing was written."
    remedy = "Read the relations again; `precondition` counts from 0 which of the conditions it was."


class LastOwner(Conflict):
    code = "last_owner"
    title = "This would leave something without an owner; make another one first."
    remedy = "Give what `objects` names another owner first, or name it in `delete_objects` where it is no more."


class ModelChanged(Unavailable):
    """The model changed between reading it and writing by it: the same change may do, or not, when tried again."""


class Precondition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Goes on only if tuples that fit the filter exist, or none does (``exists: false``)."""

    filter: RelationFilter
    exists: bool = True


class RelationWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One change of tuples, up to 1,000 of them. What is there already, or gone already, is no fault.

    Attributes:
        writes, deletes: tuples such as ``document:1#viewer@user:7``; none of them in both.
        preconditions: what has to hold at the moment of the change.
        delete_objects: objects that are no more, each with every tuple in which it stands.
    """

    writes: Tuples = ()
    deletes: Tuples = ()
    preconditions: Annotated[tuple[Precondition, ...], Meta(max_length=MAX_PRECONDITIONS)] = ()
    delete_objects: Annotated[tuple[Written, ...], Meta(max_length=MAX_OBJECTS)] = ()


class WriteAnswer(msgspec.Struct, frozen=True):
    """``revision``: a token; a check that is given it sees this change and all before it."""

    revision: str


class Change(msgspec.Struct, frozen=True):
    """A change that the model allows, ready to be made.

    Attributes:
        model_revision: of the model that allowed it.
        holdings: what of Ostiary the caller may hand out.
        of_type: a type whose tuples may be deleted besides, once it is known which there are.
    """

    writes: tuple[Relation, ...]
    deletes: tuple[Relation, ...]
    model: Model
    model_revision: int
    holdings: Holdings
    preconditions: tuple[Precondition, ...] = ()
    gone: tuple[Resource, ...] = ()
    of_type: str = ""


class _Row(msgspec.Struct, frozen=True):
    object: str
    relation: str
    subject: str


class Relations:
    def __init__(self, db: Database, authorizer: Authorizer, clock: Clock) -> None:
        self._db = db
        self._authorizer = authorizer
        self._clock = clock

    async def list(self, caller: Caller, query: RelationQuery) -> Page[RelationView]:
        """Tuples page by page, none left out.

        Raises:
            InvalidRequest: the filter, the cursor or the limit is not usable.
        """
        await caller.require(Permission.RELATIONS_READ)
        return await list_relations(self._db, query)

    async def write(self, caller: Caller, write: RelationWrite) -> WriteAnswer:
        """Make a change, whole or not at all.

        Raises:
            InvalidRequest: a tuple is not well formed, or the model does not allow it.
            RelationPreconditionFailed: a condition does not hold.
            LastOwner: something that needs an owner would have none.
            Forbidden: it is about a group that holds more of Ostiary than the caller does.
            LastAdministrator: a group's denial would leave nobody to administer Ostiary.
        """
        for _ in range(_ATTEMPTS):
            change = await self._prepare(caller, write)
            try:
                async with self._db.transaction() as tx:
                    return await self.apply(tx, caller, change)
            except ModelChanged:
                continue
        raise ModelChanged(retry_after=1)

    async def write_in(self, tx: Transaction, caller: Caller, write: RelationWrite) -> WriteAnswer:
        """The same within a transaction of somebody else's, who commits it or does not.

        Raises:
            Unavailable: the model was changed meanwhile; begin the transaction again. And what :meth:`write` raises.
        """
        return await self.apply(tx, caller, await self._prepare(caller, write))

    async def check(self, caller: Caller, writes: Iterable[Relation], deletes: Iterable[Relation]) -> Change:
        """A change by its tuples, checked against the model; who may make it is for the caller of this to know.

        Raises:
            InvalidRequest: the model does not allow a tuple, or one is both written and deleted.
        """
        revision, model = await self._authorizer.model_as_of()
        holdings = await self._authorizer.holdings(caller)
        change = Change(tuple(dict.fromkeys(writes)), tuple(dict.fromkeys(deletes)), model, revision, holdings)
        for number, relation in enumerate(change.writes):
            require_allowed(model, relation, f"writes.{number}")
        for relation in change.deletes:
            forbid_own(relation.object.type, "deletes")
        if both := set(change.writes) & set(change.deletes):
            raise InvalidRequest(f"{min(map(str, both))} is both written and deleted.", field="deletes")
        return change

    async def apply(self, tx: Transaction, caller: Caller, change: Change) -> WriteAnswer:
        """Make a change that was checked. Raises what :meth:`write` does, but for InvalidRequest; and ModelChanged."""
        await self.begin(tx, change)
        for number, precondition in enumerate(change.preconditions):
            if await any_fits(tx, precondition.filter) != precondition.exists:
                raise RelationPreconditionFailed(extra={"precondition": number})
        return await self.carry_out(tx, caller, change)

    async def begin(self, tx: Transaction, change: Change) -> None:
        """Hold off every other change of tuples, and of the model, until the end of ``tx``.

        What is read after this, and what :meth:`carry_out` writes of the change or less, belongs together.

        Raises:
            ModelChanged: the change was checked against another model.
        """
        sets = sets_in(change.model)
        of_sets = any((each.object.type, each.relation) in sets for each in (*change.writes, *change.deletes))
        if change.gone or of_sets or any(type_ == change.of_type for type_, _ in sets):
            await lock_facts(tx)
        await _hold_model(tx, change.model_revision)
        await tx.bump("relations")

    async def carry_out(self, tx: Transaction, caller: Caller, change: Change) -> WriteAnswer:
        """What :meth:`apply` does after :meth:`begin`."""
        sets = sets_in(change.model)
        gone = await _tuples_of(tx, change.model, change.gone)
        await _require_cover(tx, sets, change.holdings, (*change.writes, *change.deletes, *gone))
        now = self._clock()
        written = [each for each in change.writes if await _insert(tx, each, now)]
        deleted = [each for each in dict.fromkeys((*change.deletes, *gone)) if await _delete(tx, each)]
        await _keep_owners(tx, change, deleted)
        await self._after_membership(tx, sets, (*written, *deleted))
        if written or deleted:
            await _record(tx, now, caller, written, deleted)
        return WriteAnswer(await revision_token(tx))

    async def _prepare(self, caller: Caller, write: RelationWrite) -> Change:
        await caller.require(Permission.RELATIONS_UPDATE)
        if len(write.writes) + len(write.deletes) > MAX_TUPLES or len(write.delete_objects) > MAX_OBJECTS:
            raise InvalidRequest(f"At most {MAX_TUPLES} tuples and {MAX_OBJECTS} objects are changed at once.")
        if len(write.preconditions) > MAX_PRECONDITIONS:
            raise InvalidRequest(f"There are at most {MAX_PRECONDITIONS} preconditions.", field="preconditions")
        for number, precondition in enumerate(write.preconditions):
            check_filter(precondition.filter, f"preconditions.{number}.filter")
        writes = [parse_relation(text, f"writes.{number}") for number, text in enumerate(write.writes)]
        deletes = [parse_relation(text, f"deletes.{number}") for number, text in enumerate(write.deletes)]
        change = await self.check(caller, writes, deletes)
        gone = tuple(parse_object(text, f"delete_objects.{n}") for n, text in enumerate(write.delete_objects))
        for number, one in enumerate(gone):
            forbid_own(one.type, f"delete_objects.{number}")
        if any(each.object in gone for each in writes):
            raise InvalidRequest("An object that is no more has no relations.", field="delete_objects")
        return msgspec.structs.replace(change, preconditions=write.preconditions, gone=gone)

    async def _after_membership(
        self, tx: Transaction, sets: frozenset[tuple[str, str]], changed: Sequence[Relation]
    ) -> None:
        """What whoever came into a set, or left one, may do has changed: their sessions get new secrets."""
        of_sets = [each for each in changed if (each.object.type, each.relation) in sets]
        if not of_sets or not await any_set_holds(tx):
            return
        for key in dict.fromkeys(_set_key(each) for each in of_sets):
            held = await held_by_set(tx, key)
            if held.patterns:
                for each in of_sets:
                    if _set_key(each) == key:
                        await change_members_privileges(tx, each.subject.key)
            if own(held.denied) and await leaves_no_administrator(tx, self._clock()):
                raise LastAdministrator


async def revision_token(tx: Reader) -> str:
    """The token of all that has been written until now, what ``tx`` itself writes included."""
    value = await tx.fetch_value("SELECT value FROM revisions WHERE topic = 'relations'")
    return f"rev_{value}"


async def delete_subject(tx: Transaction, model: Model, one: Resource) -> None:
    """Delete what is stored about an object that is no more, and every tuple in which it stands.

    Raises:
        LastOwner: it is the only owner of something.
    """
    await tx.bump("relations")
    for key in keys_of(model, one):
        for type_, definition in model.types.items():
            if definition.owner is not None:
                await _keep_other_owners(tx, key, type_, definition.owner, str(one))
        await tx.execute("DELETE FROM relations WHERE subject = :key", key=key)
    await tx.execute("DELETE FROM relations WHERE object = :key", key=str(one))
    await tx.execute("DELETE FROM entities WHERE object = :key", key=str(one))


async def _keep_other_owners(tx: Transaction, key: str, type_: str, owner: str, besides: str) -> None:
    rows = await tx.fetch_all(
        _Row,
        "SELECT object, relation, subject FROM relations mine WHERE subject = :key AND relation = :owner"
        " AND object > :least AND object < :beyond AND object <> :besides AND NOT EXISTS (SELECT 1 FROM relations other"
        " WHERE other.object = mine.object AND other.relation = mine.relation AND other.subject <> mine.subject)"
        " ORDER BY object LIMIT :most",
        key=key,
        owner=owner,
        least=f"{type_}:",
        beyond=f"{type_};",
        besides=besides,
        most=_MOST_RECORDED,
    )
    if rows:
        raise _ownerless(row.object for row in rows)


async def _hold_model(tx: Transaction, revision: int) -> None:
    """Keep the model as it is until the end. Raises ModelChanged where it is another one already."""
    found = await tx.fetch_value("SELECT value FROM revisions WHERE topic = 'model' /* FOR NO KEY UPDATE */")
    if found != revision:
        raise ModelChanged(retry_after=1)


async def _tuples_of(tx: Transaction, model: Model, gone: Iterable[Resource]) -> list[Relation]:
    """Every tuple in which one of the objects stands.

    Raises:
        InvalidRequest: there are too many to be deleted at once.
    """
    found: dict[Relation, None] = {}
    for one in gone:
        rows = await tx.fetch_all(
            _Row,
            "SELECT object, relation, subject FROM relations WHERE object = :object"
            " UNION SELECT object, relation, subject FROM relations"
            " WHERE subject IN (SELECT value FROM json_each(:keys)) LIMIT :most",
            object=str(one),
            keys=msgspec.json.encode(keys_of(model, one)).decode(),
            most=_MOST_OF_OBJECT + 1,
        )
        found.update(dict.fromkeys(map(_relation, rows)))
        if len(found) > _MOST_OF_OBJECT:
            fault = (
                f"Objects with more than {_MOST_OF_OBJECT} relations are not deleted at once; delete relations first."
            )
            raise InvalidRequest(fault, field="delete_objects")
    return list(found)


async def _require_cover(
    tx: Transaction, sets: frozenset[tuple[str, str]], holdings: Holdings, touched: Iterable[Relation]
) -> None:
    """Nobody puts members into a group, or takes them out, that holds more of Ostiary than they do."""
    keys = dict.fromkeys(_set_key(each) for each in touched if (each.object.type, each.relation) in sets)
    if keys and await any_set_holds(tx):
        for key in keys:
            require_cover(holdings, (await held_by_set(tx, key)).patterns)


async def _keep_owners(tx: Transaction, change: Change, deleted: Iterable[Relation]) -> None:
    """What was written about, or has lost an owner, has one, where its type asks for it."""
    owners = {name: each.owner for name, each in change.model.types.items() if each.owner is not None}
    asked = [each.object for each in change.writes]
    asked += [each.object for each in deleted if owners.get(each.object.type) == each.relation]
    ownerless = [
        str(one)
        for one in dict.fromkeys(asked)
        if one.type in owners and one not in change.gone and not await _has(tx, one, owners[one.type])
    ]
    if ownerless:
        raise _ownerless(ownerless[:_MOST_RECORDED])


async def _has(tx: Transaction, one: Resource, relation: str) -> bool:
    statement = "SELECT 1 FROM relations WHERE object = :object AND relation = :relation LIMIT 1"
    return await tx.fetch_value(statement, object=str(one), relation=relation) is not None


def _ownerless(objects: Iterable[str]) -> LastOwner:
    named = list(objects)
    return LastOwner(f"Without an owner would be {', '.join(named)}.", extra={"objects": named})


async def _insert(tx: Transaction, relation: Relation, now: int) -> bool:
    statement = (
        "INSERT INTO relations (object, relation, subject, created_at)"
        " VALUES (:object, :relation, :subject, :now) ON CONFLICT DO NOTHING"
    )
    return await tx.execute(statement, **_columns(relation), now=now) > 0


async def _delete(tx: Transaction, relation: Relation) -> bool:
    statement = "DELETE FROM relations WHERE object = :object AND relation = :relation AND subject = :subject"
    return await tx.execute(statement, **_columns(relation)) > 0


def _columns(relation: Relation) -> dict[str, str]:
    return {"object": str(relation.object), "relation": relation.relation, "subject": relation.subject.key}


def _relation(row: _Row) -> Relation:
    there = read_key(row.object)
    return Relation(Resource(there.type, there.id), row.relation, read_key(row.subject))


def _set_key(relation: Relation) -> str:
    return SubjectSet(relation.object.type, relation.object.id, relation.relation).key


async def _record(
    tx: Transaction, now: int, caller: Caller, written: Sequence[Relation], deleted: Sequence[Relation]
) -> None:
    await record(
        tx,
        now,
        Event.RELATIONS_WRITTEN,
        caller.actor,
        written=len(written),
        deleted=len(deleted),
        first_written=[str(each) for each in written[:_MOST_RECORDED]],
        first_deleted=[str(each) for each in deleted[:_MOST_RECORDED]],
    )
