"""Attributes of accounts (``user:acc_…``), of resources, and of subjects that are no accounts: what policies read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from ostiary.audit import Event, record
from ostiary.authorization.authorizer import Authorizer
from ostiary.authorization.caller import Caller
from ostiary.authorization.compiled import Model
from ostiary.authorization.model import Resource, ResourceId, ResourceType, parse_resource
from ostiary.authorization.relation_writing import WriteAnswer, revision_token
from ostiary.authorization.relations import read_key
from ostiary.authorization.ruling import fits
from ostiary.authorization.schema import ANY_ID, ANYONE, USER
from ostiary.authorization.store import lock_facts, require_account
from ostiary.authorization.tuple_rules import forbid_own
from ostiary.base.clock import Clock, Timestamp, rfc3339
from ostiary.base.merge_patch import merge
from ostiary.base.pages import DEFAULT_LIMIT, Page, check_limit, decode_cursor, page_of
from ostiary.errors import Forbidden, InvalidRequest, NotFound
from ostiary.permissions import Permission

if TYPE_CHECKING:
    from ostiary.database import Database, Reader, Transaction

MAX_BYTES = 64 * 1024
"""Of one entity's attributes, as JSON."""
MAX_ENTITIES = 1_000
_MAX_NAME = 128
_MOST_RECORDED = 10
_OWN = frozenset({"id", "type", "kind"})
"""What conditions read of every subject and resource without its being stored."""
_SELECT = "SELECT object, attributes, created_at, updated_at FROM entities"


class EntityWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The attributes, whole; in a merge patch (RFC 7396) those that change, ``null`` for those that go."""

    attributes: dict[str, Any]


class EntityCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of many: ``attributes`` replace what is there."""

    type: ResourceType
    id: ResourceId
    attributes: dict[str, Any]


class EntitiesWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Up to 1,000 entities, all of them or none."""

    entities: Annotated[tuple[EntityCreate, ...], Meta(min_length=1, max_length=MAX_ENTITIES)]


class Entity(msgspec.Struct, frozen=True):
    """What is stored about one object; times in RFC 3339."""

    type: str
    id: str
    attributes: dict[str, Any]
    created_at: Timestamp
    updated_at: Timestamp


class _Row(msgspec.Struct, frozen=True):
    object: str
    attributes: str
    created_at: int
    updated_at: int


class Entities:
    def __init__(self, db: Database, authorizer: Authorizer, clock: Clock) -> None:
        self._db = db
        self._authorizer = authorizer
        self._clock = clock

    async def list(
        self, caller: Caller, type_: str, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[Entity]:
        """What is stored about objects of one type, by their ids.

        Raises:
            InvalidRequest: the cursor or the limit is not usable.
        """
        await caller.require(Permission.ENTITIES_READ)
        rows = await self._db.fetch_all(
            _Row,
            f"{_SELECT} WHERE object > :after AND object < :beyond ORDER BY object LIMIT :most",
            after=f"{type_}:" if cursor is None else decode_cursor(cursor),
            beyond=f"{type_};",
            most=check_limit(limit) + 1,
        )
        return page_of(rows, limit, key=lambda row: row.object, item=_view)

    async def get(self, caller: Caller, one: Resource) -> Entity:
        """What is stored about one object. Raises NotFound where nothing is."""
        await caller.require(Permission.ENTITIES_READ)
        return _view(await _row(self._db, one))

    async def put(self, caller: Caller, one: Resource, write: EntityWrite) -> Entity:
        """Replace all that is stored about an object.

        Raises:
            InvalidRequest: an attribute is not of the type that the model declares; or there is too much of them.
            NotFound: it is an account that does not exist.
            Forbidden: it is an account that holds more of Ostiary than the caller does.
        """
        await self._begin(caller, [one])
        attributes = _checked(await self._model(), one, write.attributes, "attributes")
        async with self._db.transaction() as tx:
            await _change(tx, [one])
            await self._write(tx, {one: attributes})
            await _record(tx, self._clock(), caller, [one])
            return _view(await _row(tx, one))

    async def patch(self, caller: Caller, one: Resource, write: EntityWrite) -> Entity:
        """Change some of what is stored about an object, by a JSON merge patch (RFC 7396). Raises as :meth:`put`."""
        await self._begin(caller, [one])
        model = await self._model()
        async with self._db.transaction() as tx:
            await _change(tx, [one])
            before = await tx.fetch_value("SELECT attributes FROM entities WHERE object = :object", object=str(one))
            stored = {} if before is None else msgspec.json.decode(before)
            attributes = _checked(model, one, merge(stored, write.attributes), "attributes")
            await self._write(tx, {one: attributes})
            await _record(tx, self._clock(), caller, [one])
            return _view(await _row(tx, one))

    async def delete(self, caller: Caller, one: Resource) -> None:
        """Forget what is stored about an object. Raises NotFound where nothing is; else as :meth:`put`."""
        await self._begin(caller, [one])
        async with self._db.transaction() as tx:
            await _change(tx, [one], deleting=True)
            if not await tx.execute("DELETE FROM entities WHERE object = :object", object=str(one)):
                raise _nothing()
            await _record(tx, self._clock(), caller, [one])

    async def write(self, caller: Caller, write: EntitiesWrite) -> WriteAnswer:
        """Replace what is stored about many objects at once; all of it or nothing. Raises as :meth:`put`."""
        ones = [Resource(each.type, each.id) for each in write.entities]
        if len(ones) > MAX_ENTITIES:
            raise InvalidRequest(f"At most {MAX_ENTITIES} entities are written at once.", field="entities")
        await self._begin(caller, ones)
        if len(set(ones)) < len(ones):
            raise InvalidRequest("An entity is there twice.", field="entities")
        model = await self._model()
        found = {
            one: _checked(model, one, each.attributes, f"entities.{number}.attributes")
            for number, (one, each) in enumerate(zip(ones, write.entities, strict=True))
        }
        async with self._db.transaction() as tx:
            await _change(tx, ones)
            await self._write(tx, found)
            await _record(tx, self._clock(), caller, ones)
            return WriteAnswer(await revision_token(tx))

    async def _model(self) -> Model:
        return (await self._authorizer.model_as_of())[1]

    async def _begin(self, caller: Caller, ones: Sequence[Resource]) -> None:
        await caller.require(Permission.ENTITIES_UPDATE)
        for one in ones:
            parse_resource(one, "entity")
            forbid_own(one.type, "type")
            if one.type == ANYONE or one.id == ANY_ID:
                raise InvalidRequest("Attributes are of one object; nobody in particular has none.", field="id")
            if one.type == USER and await self._authorizer.outranked(caller, one.id):
                raise Forbidden("This account holds permissions in Ostiary that you do not hold.")

    async def _write(self, tx: Transaction, attributes: Mapping[Resource, str]) -> None:
        for one, encoded in attributes.items():
            await tx.execute(
                "INSERT INTO entities (object, attributes, created_at, updated_at)"
                " VALUES (:object, :attributes, :now, :now) ON CONFLICT (object)"
                " DO UPDATE SET attributes = excluded.attributes, updated_at = excluded.updated_at",
                object=str(one),
                attributes=encoded,
                now=self._clock(),
            )


async def _change(tx: Transaction, ones: Sequence[Resource], *, deleting: bool = False) -> None:
    """Have the next decision see the change: an account's attributes are part of its own facts."""
    accounts = [one for one in ones if one.type == USER]
    if accounts:
        await lock_facts(tx)
    await tx.bump("relations")
    for account in accounts:
        if not deleting:
            await require_account(tx, account.id)


async def _row(on: Reader, one: Resource) -> _Row:
    row = await on.fetch_one(_Row, f"{_SELECT} WHERE object = :object", object=str(one))
    if row is None:
        raise _nothing()
    return row


def _nothing() -> NotFound:
    return NotFound("Nothing is stored about this.")


def _checked(model: Model, one: Resource, attributes: Mapping[str, Any], field: str) -> str:
    """The attributes as they are stored, each of the type that the model declares, if it declares one."""
    definition = model.types.get(one.type)
    declared = {} if definition is None else definition.attributes
    for name, value in attributes.items():
        if not (0 < len(name) <= _MAX_NAME and name.isprintable()):
            raise InvalidRequest(f"The name of an attribute has 1 to {_MAX_NAME} printable characters.", field=field)
        if name in _OWN:
            raise InvalidRequest("Every object has its own id, type and kind.", field=f"{field}.{name}")
        if name in declared and not fits(value, declared[name]):
            raise InvalidRequest(f"The model wants a value of type {declared[name].type}.", field=f"{field}.{name}")
    encoded = msgspec.json.encode(attributes)
    if len(encoded) > MAX_BYTES:
        raise InvalidRequest(f"The attributes of one object have at most {MAX_BYTES} bytes as JSON.", field=field)
    return encoded.decode()


def _view(row: _Row) -> Entity:
    there = read_key(row.object)
    attributes = msgspec.json.decode(row.attributes)
    return Entity(there.type, there.id, attributes, rfc3339(row.created_at), rfc3339(row.updated_at))


async def _record(tx: Transaction, now: int, caller: Caller, ones: Sequence[Resource]) -> None:
    """One event; of one account, with that account."""
    account_id = ones[0].id if len(ones) == 1 and ones[0].type == USER else None
    named = [str(one) for one in ones[:_MOST_RECORDED]]
    await record(tx, now, Event.ENTITIES_CHANGED, caller.actor, account_id, objects=named, changed=len(ones))
