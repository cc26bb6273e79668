"""Access control lists: the tuples of one object that share it, as a list that its owners keep.

There is one store and two views. An entry ``{"subject": {"group": "eng"}, "level": "viewer"}`` of ``document:1`` is the
tuple ``document:1#viewer@group:eng#member``; only the names in the type's ``acl`` are shown and changed here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from ostiary.authorization.acl_entries import Entry, entry_of, relation_of
from ostiary.authorization.authorizer import Authorizer
from ostiary.authorization.caller import Caller
from ostiary.authorization.compiled import Model
from ostiary.authorization.model import NestingTooDeep, Related, Resource, parse_resource
from ostiary.authorization.relation_writing import MAX_TUPLES, ModelChanged, Relations
from ostiary.authorization.relations import Relation, read_key
from ostiary.authorization.schema import TypeDefinition
from ostiary.authorization.tuple_rules import require_type
from ostiary.errors import Forbidden, InvalidRequest, NotFound, PreconditionFailed
from ostiary.permissions import Permission

if TYPE_CHECKING:
    from ostiary.database import Database, Reader

_MOST_STEPS = 32
_MOST_ENTRIES = 10_000
_ATTEMPTS = 3

Entries = Annotated[tuple[Entry, ...], Meta(max_length=MAX_TUPLES)]


class AclWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The entries of the object itself, all of them."""

    entries: Entries


class AclChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Entries to add and to remove. What is there already, or gone already, is no fault."""

    add: Entries = ()
    remove: Entries = ()


class InheritedEntry(msgspec.Struct, frozen=True):
    """An entry that holds because ``source`` has it, which the object is in."""

    entry: Entry
    source: Resource


class AccessControlList(msgspec.Struct, frozen=True):
    """Who has what on an object, as far as entries give it.

    Attributes:
        levels: what an entry can give, the widest first.
        owner: the level without which the object may not be; ``None`` where it needs none.
        inherited: the nearest first; they are changed where they come from.
        revision: a token; a check that is given it sees all this.
    """

    resource: Resource
    levels: list[str]
    owner: str | None
    entries: list[Entry]
    inherited: list[InheritedEntry]
    revision: str
    etag: str


class _Row(msgspec.Struct, frozen=True):
    object: str
    relation: str
    subject: str


class _Standing(msgspec.Struct, frozen=True):
    """What lets a caller at a list. ``owns``: may add and remove owners."""

    owns: bool


class AccessControl:
    def __init__(self, db: Database, authorizer: Authorizer, relations: Relations) -> None:
        self._db = db
        self._authorizer = authorizer
        self._relations = relations

    async def get(self, caller: Caller, one: Resource) -> AccessControlList:
        """The list of one object, which may be empty.

        Raises:
            NotFound: objects of this type have none.
            Forbidden: the caller may neither share the object nor read relations.
        """
        _, model = await self._authorizer.model_as_of()
        definition = _shared(model, one)
        if not await caller.decide(Permission.RELATIONS_READ):
            await self._standing(caller, one, definition)
        return await self._read(model, one)

    async def put(
        self, caller: Caller, one: Resource, write: AclWrite, if_match: str | None = None
    ) -> AccessControlList:
        """Replace the entries of the object itself.

        Args:
            if_match: the ``etag`` that the list has to have still.

        Raises:
            NotFound: objects of this type have no list.
            Forbidden: the caller may not share the object; or owners come or go, and the caller is none.
            InvalidRequest: the model does not allow an entry.
            PreconditionFailed: it has another ``etag`` by now.
            LastOwner: nobody would own the object any more.
        """
        wanted = _relations(one, write.entries, "entries")
        return await self._change(caller, one, if_match, wanted, None)

    async def patch(
        self, caller: Caller, one: Resource, change: AclChange, if_match: str | None = None
    ) -> AccessControlList:
        """Add entries and remove some. Raises as :meth:`put`."""
        if len(change.add) + len(change.remove) > MAX_TUPLES:
            raise InvalidRequest(f"At most {MAX_TUPLES} entries are changed at once.", field="add")
        add, remove = _relations(one, change.add, "add"), _relations(one, change.remove, "remove")
        return await self._change(caller, one, if_match, add, remove)

    async def _change(
        self,
        caller: Caller,
        one: Resource,
        if_match: str | None,
        add: Sequence[Relation],
        remove: Sequence[Relation] | None,
    ) -> AccessControlList:
        """``remove``: ``None`` for everything that is not added."""
        for _ in range(_ATTEMPTS):
            _, model = await self._authorizer.model_as_of()
            definition = _shared(model, one)
            standing = await self._standing(caller, one, definition)
            _require_levels(definition, (*add, *(remove or ())))
            change = await self._relations.check(caller, add, remove or ())
            change = msgspec.structs.replace(change, of_type=one.type)
            try:
                async with self._db.transaction() as tx:
                    await self._relations.begin(tx, change)
                    there = await _own_entries(tx, one, definition)
                    _require_match(there, if_match)
                    gone = set(there) - set(add) if remove is None else set(remove) & set(there)
                    new = set(add) - set(there)
                    _require_owner(definition, standing, (*new, *gone))
                    exact = msgspec.structs.replace(change, writes=_sorted(new), deletes=_sorted(gone))
                    await self._relations.carry_out(tx, caller, exact)
                    return await self._read_in(tx, model, one)
            except ModelChanged:
                continue
        raise ModelChanged(retry_after=1)

    async def _standing(self, caller: Caller, one: Resource, definition: TypeDefinition) -> _Standing:
        """What the caller may do to the list.

        Raises:
            Forbidden: nothing.
        """
        if await caller.decide(Permission.RELATIONS_UPDATE):
            return _Standing(owns=True)
        if definition.owner is not None:
            owner = await caller.decide(f"{one.type}.{definition.owner}", one)
            if owner.allowed and any(isinstance(ground, Related) for ground in owner.grounds):
                return _Standing(owns=True)
        await caller.require(f"{one.type}.share", one)
        return _Standing(owns=False)

    async def _read(self, model: Model, one: Resource) -> AccessControlList:
        return await self._read_in(self._db, model, one)

    async def _read_in(self, on: Reader, model: Model, one: Resource) -> AccessControlList:
        definition = _shared(model, one)
        revision = await on.fetch_value("SELECT value FROM revisions WHERE topic = 'relations'")
        own = await _own_entries(on, one, definition)
        return AccessControlList(
            one,
            list(definition.acl),
            definition.owner if definition.owner in definition.acl else None,
            [entry_of(each) for each in own],
            await _inherited(on, model, one, definition),
            f"rev_{revision}",
            _etag(own),
        )


async def _own_entries(on: Reader, one: Resource, definition: TypeDefinition) -> list[Relation]:
    """The entries of the object itself, by level and subject."""
    return await _entries(on, [str(one)], definition.acl)


async def _entries(on: Reader, objects: Sequence[str], names: Iterable[str]) -> list[Relation]:
    rows = await on.fetch_all(
        _Row,
        "SELECT object, relation, subject FROM relations WHERE object IN (SELECT value FROM json_each(:objects))"
        " AND relation IN (SELECT value FROM json_each(:names)) ORDER BY object, relation, subject LIMIT :most",
        objects=msgspec.json.encode(list(objects)).decode(),
        names=msgspec.json.encode(list(names)).decode(),
        most=_MOST_ENTRIES + 1,
    )
    if len(rows) > _MOST_ENTRIES:
        raise NestingTooDeep(f"More than {_MOST_ENTRIES} entries; /api/relations lists them page by page.")
    return [_relation(row) for row in rows]


async def _inherited(on: Reader, model: Model, one: Resource, definition: TypeDefinition) -> list[InheritedEntry]:
    """What the entries of those objects give here that this one is in, level by level upwards."""
    found: list[InheritedEntry] = []
    seen = {str(one)}
    level: dict[str, frozenset[str]] = {str(one): frozenset(definition.acl)}
    for _ in range(_MOST_STEPS):
        above: dict[str, frozenset[str]] = {}
        for key, names in level.items():
            parents = await _entries(on, [key], model.parents(key.partition(":")[0]))
            for each in parents:
                if each.subject.relation == "" and each.subject.key not in seen:
                    above[each.subject.key] = above.get(each.subject.key, frozenset()) | names
        if not above:
            return found
        seen |= above.keys()
        level = {}
        for key, names in above.items():
            there = model.types.get(key.partition(":")[0])
            if there is None:
                continue
            found += [InheritedEntry(entry_of(each), each.object) for each in await _entries(on, [key], names)]
            if onwards := names & set(there.acl):
                level[key] = onwards
        if len(found) > _MOST_ENTRIES:
            raise NestingTooDeep(f"More than {_MOST_ENTRIES} entries hold for {one} by what it is in.")
    raise NestingTooDeep(f"There are more than {_MOST_STEPS} steps from {one} to what it is in.")


def _shared(model: Model, one: Resource) -> TypeDefinition:
    """What the model says of the type of an object that has a list. Raises NotFound where it has none."""
    parse_resource(one)
    try:
        definition = require_type(model, one.type, "type")
    except InvalidRequest as fault:
        raise NotFound(str(fault)) from None
    if not definition.acl:
        raise NotFound(f"Objects of the type {one.type} have no access control list.")
    return definition


def _relations(one: Resource, entries: Sequence[Entry], field: str) -> list[Relation]:
    if len(entries) > MAX_TUPLES:
        raise InvalidRequest(f"At most {MAX_TUPLES} entries are changed at once.", field=field)
    return [relation_of(one, entry, f"{field}.{number}") for number, entry in enumerate(entries)]


def _require_levels(definition: TypeDefinition, entries: Iterable[Relation]) -> None:
    for each in entries:
        if each.relation not in definition.acl:
            known = ", ".join(definition.acl)
            raise InvalidRequest(f"An entry gives one of {known}, and not {each.relation}.", field="level")


def _require_owner(definition: TypeDefinition, standing: _Standing, changed: Iterable[Relation]) -> None:
    """Who may only share an object makes nobody its owner, and takes nobody's ownership away."""
    if not standing.owns and any(each.relation == definition.owner for each in changed):
        raise Forbidden("Only an owner adds and removes owners.", extra={"permission": Permission.RELATIONS_UPDATE})


def _require_match(entries: Sequence[Relation], if_match: str | None) -> None:
    if if_match is not None and if_match != _etag(entries):
        raise PreconditionFailed


def _etag(entries: Iterable[Relation]) -> str:
    """A name for exactly these entries."""
    digest = hashlib.sha256("\n".join(sorted(map(str, entries))).encode()).digest()
    return str(int.from_bytes(digest[:6]))


def _sorted(relations: Iterable[Relation]) -> tuple[Relation, ...]:
    return tuple(sorted(relations, key=str))


def _relation(row: _Row) -> Relation:
    there = read_key(row.object)
    return Relation(Resource(there.type, there.id), row.relation, read_key(row.subject))
