"""Worlds of :mod:`tests.support.naive` as the engine has them: as facts in memory, and as rows of a database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

from ostiary.authorization import Effect, Facts, RoleGraph
from ostiary.authorization.compiled import Model
from ostiary.authorization.conditions import compile_cel
from ostiary.authorization.facts import NOBODY, Subject, Surroundings, compile_subject
from ostiary.authorization.model import Granted, Resource
from ostiary.authorization.model_file import read_model
from ostiary.authorization.model_file.expressions import show
from ostiary.authorization.relations import parse_object, parse_subject
from ostiary.authorization.schema import AuthorizationModel, PolicyDefinition
from ostiary.authorization.store import columns
from ostiary.database import Database
from tests.support.naive import World, names

SAME_LEVEL = "resource.level == context.level"
"""In CEL, what the policies of random worlds ask."""


def facts_of(world: World, subject: str, resource: str | None) -> Facts:
    """Everything there is, also what has nothing to do with the question."""
    found: dict[tuple[str, str], tuple[str, ...]] = defaultdict(tuple)
    for object_, relation, each in world.tuples:
        found[object_, relation] += (parse_subject(each).key,)
    around = Surroundings(_places(world, resource), found, world.attributes.get(resource or "", {}))
    return Facts(RoleGraph(world.roles, world.includes), _subject(world, subject), _model(world), around)


def place(text: str | None) -> Resource | None:
    return None if text is None else parse_object(text)


def _model(world: World) -> Model:
    condition = compile_cel(SAME_LEVEL)
    policies = tuple(
        PolicyDefinition(each.name, Effect(each.effect), each.actions, each.resources, condition)
        for each in world.policies
    )
    return Model([AuthorizationModel(types=world.types, policies=policies)])


def _subject(world: World, subject: str) -> Subject | None:
    kind, _, id_ = subject.partition(":")
    if subject == "anyone:*":
        kind, id_ = NOBODY.kind, NOBODY.id
    if kind == "user" and subject not in world.accounts:
        return None
    keys = _keys(world, subject)
    return compile_subject(
        kind,
        id_,
        world.accounts.get(subject, "active") == "active",
        [
            (role, place(on), _holder(holder))
            for holder, role, on in world.assigned
            if parse_subject(holder).key in keys
        ],
        [
            Granted(each.permission, Effect(each.effect), place(each.on), each.until, _holder(each.holder))
            for each in world.grants
            if parse_subject(each.holder).key in keys
        ],
        sets=keys,
    )


def _holder(holder: str) -> str:
    return parse_subject(holder).key if "#" in holder else ""


def _keys(world: World, subject: str) -> Mapping[str, str]:
    """The keys that the subject goes by; what led to each does not matter here."""
    own = parse_subject(subject).key
    others = (parse_subject(each).key for each in sorted(names(world, subject)))
    return {own: "", **{key: "" if key.endswith(":*") else own for key in others if key != own}}


def _places(world: World, resource: str | None) -> tuple[Resource, ...]:
    found = [] if resource is None else [resource]
    for each in found:
        definition = world.types[each.partition(":")[0]]
        above = [to for object_, relation, to in world.tuples if object_ == each and relation in definition.parents]
        found.extend(to for to in dict.fromkeys(above) if to not in found)
    return tuple(parse_object(each) for each in found[1:])


async def store(db: Database, world: World) -> None:
    """Put the world into the database in the place of what was there, in one transaction."""
    async with db.transaction() as tx:
        for topic in ("authorization", "roles", "model", "relations"):
            await tx.bump(topic)
        for table in _TABLES:
            await tx.execute(f"DELETE FROM {table}")
        for sql, rows in (*_rows(world), *_rows_of_relations(world)):
            for row in rows:
                await tx.execute(sql, **row)


_TABLES = (
    *("role_assignments", "direct_grants", "role_includes", "role_permissions", "roles", "accounts"),
    *("relations", "entities", "subject_sets", "authorization_models"),
)
_Rows = Iterable[tuple[str, list[dict[str, str | int | None]]]]


def _rows(world: World) -> _Rows:
    yield (
        "INSERT INTO accounts (id, kind, status, name, created_at, updated_at) VALUES (:id, 'user', :status, '', 0, 0)",
        [{"id": key.partition(":")[2], "status": status} for key, status in world.accounts.items()],
    )
    yield (
        "INSERT INTO roles (name, description, builtin, created_at, updated_at) VALUES (:name, '', 0, 0, 0)",
        [{"name": name} for name in world.roles],
    )
    yield (
        "INSERT INTO role_permissions (role, permission) VALUES (:role, :permission)",
        [{"role": role, "permission": each} for role, found in world.roles.items() for each in found],
    )
    yield (
        "INSERT INTO role_includes (role, included) VALUES (:role, :included)",
        [{"role": role, "included": each} for role, found in world.includes.items() for each in found],
    )
    yield (
        (
            "INSERT INTO role_assignments (id, account_id, group_id, role, resource_type, resource_id, created_at)"
            " VALUES (:id, :account_id, :group_id, :role, :resource_type, :resource_id, 0)"
        ),
        [
            {"id": f"ras_{n}", "role": role, **_columns_of(holder), **columns(place(on))}
            for n, (holder, role, on) in enumerate(world.assigned)
        ],
    )
    yield (
        (
            "INSERT INTO direct_grants (id, account_id, group_id, permission, effect, resource_type, resource_id,"
            " expires_at, created_at) VALUES (:id, :account_id, :group_id, :permission, :effect, :resource_type,"
            " :resource_id, :until, 0)"
        ),
        [
            {
                "id": f"grt_{n}",
                "permission": each.permission,
                "effect": each.effect,
                "until": each.until,
                **_columns_of(each.holder),
                **columns(place(each.on)),
            }
            for n, each in enumerate(world.grants)
        ],
    )


def _columns_of(holder: str) -> dict[str, str | None]:
    subject = parse_subject(holder)
    if subject.relation:
        return {"account_id": None, "group_id": subject.key}
    return {"account_id": subject.id, "group_id": None}


def _rows_of_relations(world: World) -> _Rows:
    yield (
        "INSERT INTO relations (object, relation, subject, created_at) VALUES (:object, :relation, :subject, 0)",
        [
            {"object": object_, "relation": relation, "subject": parse_subject(subject).key}
            for object_, relation, subject in world.tuples
        ],
    )
    yield (
        "INSERT INTO entities (object, attributes, created_at, updated_at) VALUES (:object, :attributes, 0, 0)",
        [
            {"object": object_, "attributes": msgspec.json.encode(found).decode()}
            for object_, found in world.attributes.items()
        ],
    )
    text = model_text(world)
    model = read_model(text)
    yield (
        "INSERT INTO subject_sets (type, relation) VALUES (:type, :relation)",
        [{"type": type_, "relation": relation} for type_, relation in model.sets()],
    )
    yield (
        "INSERT INTO authorization_models (name, version, text, applied_at) VALUES (:name, 1, :text, 0)",
        [{"name": model.name, "text": text}],
    )


def model_text(world: World) -> str:
    """The model as a file, in the part of YAML that is JSON."""
    name = "hr" if "hr/document" in world.types else ""

    def own(type_: str) -> str:
        return type_.removeprefix(f"{name}/")

    types = {
        own(each.name): {
            "relations": {
                relation: [str(replace(kind, type=own(kind.type))) for kind in kinds]
                for relation, kinds in each.relations.items()
            },
            "permissions": {action: show(found) for action, found in each.permissions.items()},
            "parents": each.parents,
            "acl": each.acl,
        }
        for each in world.types.values()
        if own(each.name) not in ("user", "role")
    }
    policies = [
        {
            "name": own(each.name),
            "effect": each.effect,
            "action": each.actions,
            "resource": [own(type_) for type_ in each.resources],
            "when": SAME_LEVEL,
        }
        for each in world.policies
    ]
    document = {**({"model": name} if name else {}), "types": types, "policies": policies}
    return msgspec.json.encode(document).decode()
