"""Reading what is around resources: the tuples that lead to a subject, what they are in, and what is stored of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ostiary.authorization.compiled import Model, Needs, together
from ostiary.authorization.facts import Subject, Surroundings
from ostiary.authorization.model import NestingTooDeep, Resource
from ostiary.authorization.relations import read_key

if TYPE_CHECKING:
    from ostiary.database import Reader

MOST_STEPS = 32
MOST_OBJECTS = 10_000
"""How far and how wide one decision looks around a resource, before it says that it cannot."""


class _TupleFact(msgspec.Struct, frozen=True):
    object: str
    relation: str
    subject: str


async def load_surroundings(
    db: Reader, model: Model, subject: Subject, resource: Resource, action: str
) -> Surroundings:
    """What is around a resource, as far as ``action`` by this subject depends on it: one statement a step outwards.

    Raises:
        NestingTooDeep: the way up is longer than :data:`MOST_STEPS` objects, or wider than :data:`MOST_OBJECTS`.
    """
    return (await load_many_surroundings(db, model, subject, {resource: {action}}))[resource]


async def load_many_surroundings(
    db: Reader, model: Model, subject: Subject, asked_of: Mapping[Resource, set[str]]
) -> dict[Resource, Surroundings]:
    """The same for many resources at once, each with the actions that are asked of it.

    Raises:
        NestingTooDeep: as above, of all of them together; fewer at once may do.
    """
    tuples: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)  # without what is read twice
    asked: set[tuple[str, str]] = set()
    reached = {str(resource): actions for resource, actions in asked_of.items()}
    own = msgspec.json.encode(tuple(subject.sets)).decode()
    for _ in range(MOST_STEPS):
        if not (level := _level(model, reached, asked)):
            found = {key: tuple(subjects) for key, subjects in tuples.items()}
            return {each: Surroundings(_places(model, str(each), found), found) for each in asked_of}
        reached = defaultdict(set)
        for row in await _read_level(db, level, own):
            tuples[row.object, row.relation][row.subject] = None
            names = level[row.object].through.get(row.relation)
            if names is not None and "#" not in row.subject.partition(":")[0]:
                reached[row.subject] |= names
        if len(reached) > MOST_OBJECTS:
            raise NestingTooDeep(f"More than {MOST_OBJECTS} objects have to be looked at for one decision.")
    raise NestingTooDeep(f"There are more than {MOST_STEPS} steps from a resource to what it is in.")


def _places(model: Model, start: str, tuples: Mapping[tuple[str, str], tuple[str, ...]]) -> tuple[Resource, ...]:
    """What an object is in by its parents and theirs, the nearest first; not itself."""
    found = {start: None}
    for key in (way := [start]):  # grows as it is walked
        for parent in model.parents(key.partition(":")[0]):
            for above in tuples.get((key, parent), ()):
                if above not in found and "#" not in above.partition(":")[0]:
                    found[above] = None
                    way.append(above)
    return tuple(Resource(there.type, there.id) for there in map(read_key, way[1:]))


def _level(model: Model, reached: Mapping[str, set[str]], asked: set[tuple[str, str]]) -> dict[str, Needs]:
    """What has to be read of the objects reached, without what has been read of them before."""
    level: dict[str, Needs] = {}
    for key, names in reached.items():
        new = [name for name in names if (key, name) not in asked]
        asked.update((key, name) for name in new)
        needs = together(model.needs(key.partition(":")[0], name) for name in new)
        if needs.direct or needs.through:
            level[key] = needs
    return level


# Every pair and triple is looked up by itself: with IN, SQLite gathers each list in a table of its own first.
_LEVEL = (
    "SELECT object, relation, subject FROM (SELECT value FROM json_each(:objects)) AS objects"
    " CROSS JOIN (SELECT value FROM json_each(:through)) AS through CROSS JOIN relations"
    " WHERE object = objects.value AND relation = through.value"
    " UNION ALL SELECT object, relation, subject FROM (SELECT value FROM json_each(:objects)) AS objects"
    " CROSS JOIN (SELECT value FROM json_each(:direct)) AS direct"
    " CROSS JOIN (SELECT value FROM json_each(:own)) AS own CROSS JOIN relations"
    " WHERE object = objects.value AND relation = direct.value AND subject = own.value LIMIT :most"
)


async def _read_level(db: Reader, level: Mapping[str, Needs], own: str) -> Sequence[_TupleFact]:
    direct = sorted({relation for needs in level.values() for relation in needs.direct})
    through = sorted({relation for needs in level.values() for relation in needs.through})
    rows = await db.fetch_all(
        _TupleFact,
        _LEVEL,
        objects=msgspec.json.encode(list(level)).decode(),
        through=msgspec.json.encode(through).decode(),
        direct=msgspec.json.encode(direct).decode(),
        own=own,
        most=MOST_OBJECTS + 1,
    )
    if len(rows) > MOST_OBJECTS:
        raise NestingTooDeep(f"More than {MOST_OBJECTS} relations have to be looked at for one decision.")
    return rows


async def load_attributes(db: Reader, key: str) -> Mapping[str, Any]:
    """What is stored about an object; nothing where nothing is."""
    found = await db.fetch_value("SELECT attributes FROM entities WHERE object = :key", key=key)
    return {} if found is None else msgspec.json.decode(found, type=dict[str, Any])


class _AttributesOf(msgspec.Struct, frozen=True):
    object: str
    attributes: str


async def load_many_attributes(db: Reader, keys: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """The same by object; those of which nothing is stored are left out."""
    rows = await db.fetch_all(
        _AttributesOf,
        "SELECT object, attributes FROM entities WHERE object IN (SELECT value FROM json_each(:keys))",
        keys=msgspec.json.encode(list(keys)).decode(),
    )
    return {row.object: msgspec.json.decode(row.attributes, type=dict[str, Any]) for row in rows}
