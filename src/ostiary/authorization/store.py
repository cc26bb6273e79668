"""Reading the facts. Each statement is one snapshot, so a half-written change is never seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from ostiary.authorization.compiled import Model
from ostiary.authorization.facts import RoleGraph, Subject, compile_subject
from ostiary.authorization.model import Effect, Granted, NestingTooDeep, Resource
from ostiary.authorization.policy import PolicyRule, compile_policy
from ostiary.authorization.relations import EVERYBODY, SIGNED_IN
from ostiary.authorization.schema import BUILT_IN, USER, AuthorizationModel, PolicyDefinition
from ostiary.errors import NotFound

if TYPE_CHECKING:
    from ostiary.authorization.conditions import Window
    from ostiary.database import Reader, Transaction


class _RoleFact(msgspec.Struct, frozen=True):
    kind: str
    role: str
    value: str


class _SubjectFact(msgspec.Struct, frozen=True):
    fact: str
    name: str
    detail: str
    resource_type: str
    resource_id: str
    expires_at: int | None
    holder: str


class _Held(msgspec.Struct, frozen=True):
    permission: str


class Snapshot(msgspec.Struct, frozen=True):
    """What was read of a subject, ``None`` where there is no such, and the revision of all facts at that moment."""

    subject: Subject | None
    revision: int


async def load_roles(db: Reader) -> RoleGraph:
    rows = await db.fetch_all(
        _RoleFact,
        "SELECT 'permission' AS kind, role, permission AS value FROM role_permissions"
        " UNION ALL SELECT 'include', role, included FROM role_includes",
    )
    found: dict[str, dict[str, list[str]]] = {"permission": defaultdict(list), "include": defaultdict(list)}
    for row in rows:
        found[row.kind][row.role].append(row.value)
    return RoleGraph(found["permission"], found["include"])


MOST_SETS = 10_000
"""Memberships that one subject may have, direct ones and those that follow: more would make every decision dear."""

# What a subject is by tuples: itself, what everybody is, and every set that one of these is in, with what led there.
_SETS = (
    "WITH RECURSIVE held (subject, via) AS ("
    "SELECT CAST(:key AS TEXT), CAST('' AS TEXT) UNION ALL SELECT CAST(:everyone AS TEXT), CAST('' AS TEXT)"
    f" UNION ALL SELECT CAST('{EVERYBODY}' AS TEXT), CAST('' AS TEXT)"
    " UNION SELECT sets.type || '#' || sets.relation || ':' || substr(relations.object, length(sets.type) + 2),"
    " held.subject FROM held CROSS JOIN subject_sets sets CROSS JOIN relations"
    " WHERE relations.subject = held.subject AND relations.relation = sets.relation"
    " AND relations.object > sets.type || ':' AND relations.object < sets.type || ';')"
)

# From each set to what was given to it: SQLite would gather the sets once more for an IN.
_OF_SETS = (
    "SELECT 'role' AS fact, role AS name, '' AS detail, resource_type, resource_id, CAST(NULL AS BIGINT) AS expires_at,"
    " group_id AS holder FROM held CROSS JOIN role_assignments WHERE group_id = held.subject"
    " UNION ALL SELECT 'grant', permission, effect, resource_type, resource_id, expires_at, group_id"
    " FROM held CROSS JOIN direct_grants WHERE group_id = held.subject"
    " UNION ALL SELECT 'attributes', attributes, '', '', '', NULL, '' FROM entities WHERE object = :key"
    " UNION ALL SELECT 'set', subject, via, '', '', NULL, ''"
    " FROM (SELECT subject, via FROM held LIMIT :most) AS bounded"
    " UNION ALL SELECT 'revision', '', '', '', '', value, '' FROM revisions WHERE topic = 'authorization'"
)
_OF_ACCOUNT = (
    f"{_SETS} SELECT 'account' AS fact, kind AS name, status AS detail, '' AS resource_type, '' AS resource_id,"
    " CAST(NULL AS BIGINT) AS expires_at, '' AS holder FROM accounts WHERE id = :account_id"
    " UNION ALL SELECT 'role', role, '', resource_type, resource_id, NULL, '' FROM role_assignments"
    " WHERE account_id = :account_id"
    " UNION ALL SELECT 'grant', permission, effect, resource_type, resource_id, expires_at, '' FROM direct_grants"
    f" WHERE account_id = :account_id UNION ALL {_OF_SETS}"
)
_OF_OTHER = f"{_SETS} {_OF_SETS}"


async def load_subject(db: Reader, account_id: str) -> Subject | None:
    """An account with everything that was given to it and to its groups; ``None`` if there is no such account.

    Raises:
        NestingTooDeep: it is in more than :data:`MOST_SETS` groups.
    """
    return (await snapshot_of_account(db, account_id)).subject


async def snapshot_of_account(db: Reader, account_id: str) -> Snapshot:
    """The same with the moment of which it is.

    Raises:
        NestingTooDeep: as above.
    """
    rows = await db.fetch_all(
        _SubjectFact,
        _OF_ACCOUNT,
        account_id=account_id,
        key=f"{USER}:{account_id}",
        **_bounds(SIGNED_IN),
    )
    facts = _by_kind(rows)
    if not facts["account"]:
        return _snapshot(None, facts)
    (account,) = facts["account"]
    return _snapshot(_compiled(account.name, account_id, account.detail == "active", facts), facts)


async def snapshot_of_other(db: Reader, type_: str, id_: str) -> Snapshot:
    """A subject that is no account: what tuples and groups say of it, and what is stored about it.

    Raises:
        NestingTooDeep: as with :func:`load_subject`.
    """
    rows = await db.fetch_all(_SubjectFact, _OF_OTHER, key=f"{type_}:{id_}", **_bounds(f"{type_}:*"))
    facts = _by_kind(rows)
    return _snapshot(_compiled(type_, id_, True, facts), facts)


def _snapshot(subject: Subject | None, facts: _ByKind) -> Snapshot:
    (row,) = facts["revision"]
    return Snapshot(subject, row.expires_at or 0)


class _FactOf(_SubjectFact, frozen=True):
    root_of: str


async def load_subjects(db: Reader, type_: str, ids: Sequence[str]) -> dict[str, Subject]:
    """Many subjects of one type by their ids, accounts (``user``) or others, as if each were loaded alone.

    Accounts that do not exist are left out.

    Raises:
        NestingTooDeep: as with :func:`load_subject`.
    """
    accounts = type_ == USER
    rows = await db.fetch_all(
        _FactOf,
        f"{_MANY_SETS} {_OF_ACCOUNTS if accounts else ''} {_OF_MANY_SETS}",
        keys=msgspec.json.encode([f"{type_}:{id_}" for id_ in ids]).decode(),
        **({"ids": msgspec.json.encode(list(ids)).decode(), "user": f"{USER}:"} if accounts else {}),
        **_bounds(SIGNED_IN if accounts else f"{type_}:*"),
    )
    if len(ids) > 1 and sum(row.fact == "set" for row in rows) > MOST_SETS:
        half = len(ids) // 2
        return {**await load_subjects(db, type_, ids[:half]), **await load_subjects(db, type_, ids[half:])}
    rows_of: dict[str, list[_SubjectFact]] = {id_: [] for id_ in ids}
    for row in rows:
        rows_of[row.root_of.partition(":")[2]].append(row)
    found: dict[str, Subject] = {}
    for id_, each in rows_of.items():
        facts = _by_kind(each)
        if not accounts:
            found[id_] = _compiled(type_, id_, True, facts)
        elif facts["account"]:
            (account,) = facts["account"]
            found[id_] = _compiled(account.name, id_, account.detail == "active", facts)
    return found


# As above, of many subjects: ``root`` says of which. Casting lets both texts compare by code point in PostgreSQL.
_MANY_SETS = (
    "WITH RECURSIVE held (root, subject, via) AS ("
    "SELECT CAST('' AS TEXT) || value, CAST('' AS TEXT) || value, CAST('' AS TEXT) FROM json_each(:keys)"
    " UNION ALL SELECT CAST('' AS TEXT) || value, CAST(:everyone AS TEXT), CAST('' AS TEXT) FROM json_each(:keys)"
    f" UNION ALL SELECT CAST('' AS TEXT) || value, CAST('{EVERYBODY}' AS TEXT), CAST('' AS TEXT) FROM json_each(:keys)"
    " UNION SELECT held.root, sets.type || '#' || sets.relation || ':'"
    " || substr(relations.object, length(sets.type) + 2), held.subject"
    " FROM held CROSS JOIN subject_sets sets CROSS JOIN relations"
    " WHERE relations.subject = held.subject AND relations.relation = sets.relation"
    " AND relations.object > sets.type || ':' AND relations.object < sets.type || ';')"
)
_OF_ACCOUNTS = (
    "SELECT 'account' AS fact, kind AS name, status AS detail, '' AS resource_type, '' AS resource_id,"
    " CAST(NULL AS BIGINT) AS expires_at, '' AS holder, CAST(:user AS TEXT) || id AS root_of FROM accounts"
    " WHERE id IN (SELECT value FROM json_each(:ids))"
    " UNION ALL SELECT 'role', role, '', resource_type, resource_id, NULL, '', CAST(:user AS TEXT) || account_id"
    " FROM role_assignments WHERE account_id IN (SELECT value FROM json_each(:ids))"
    " UNION ALL SELECT 'grant', permission, effect, resource_type, resource_id, expires_at, '',"
    " CAST(:user AS TEXT) || account_id"
    " FROM direct_grants WHERE account_id IN (SELECT value FROM json_each(:ids)) UNION ALL"
)
_OF_MANY_SETS = (
    "SELECT 'role' AS fact, role AS name, '' AS detail, resource_type, resource_id, CAST(NULL AS BIGINT) AS expires_at,"
    " group_id AS holder, root AS root_of FROM held JOIN role_assignments ON group_id = held.subject"
    " UNION ALL SELECT 'grant', permission, effect, resource_type, resource_id, expires_at, group_id, root"
    " FROM held JOIN direct_grants ON group_id = held.subject"
    " UNION ALL SELECT 'attributes', attributes, '', '', '', NULL, '', object FROM entities"
    " WHERE object IN (SELECT value FROM json_each(:keys))"
    " UNION ALL SELECT 'set', subject, via, '', '', NULL, '', root"
    " FROM (SELECT root, subject, via FROM held LIMIT :most) AS bounded"
)


def _bounds(everyone: str) -> dict[str, str | int]:
    return {"everyone": everyone, "most": MOST_SETS + 1}


_ByKind: TypeAlias = Mapping[str, Sequence[_SubjectFact]]


def _by_kind(rows: Iterable[_SubjectFact]) -> _ByKind:
    found: dict[str, list[_SubjectFact]] = defaultdict(list)
    for row in rows:
        found[row.fact].append(row)
    return found


def _compiled(kind: str, id_: str, active: bool, found: _ByKind) -> Subject:
    sets: dict[str, str] = {}
    for row in found["set"]:
        sets.setdefault(row.name, row.detail)
    if len(found["set"]) > MOST_SETS:
        raise NestingTooDeep(f"This subject is in more than {MOST_SETS} groups, directly or through others.")
    # Whoever is in a group in two ways has what was given to it once.
    roles = dict.fromkeys((row.name, place(row.resource_type, row.resource_id), row.holder) for row in found["role"])
    for role, where, holder in roles:
        if where is None:
            sets.setdefault(f"role#holder:{role}", holder or next(iter(sets)))
    grants = dict.fromkeys(
        Granted(row.name, Effect(row.detail), place(row.resource_type, row.resource_id), row.expires_at, row.holder)
        for row in found["grant"]
    )
    attributes = msgspec.json.decode(found["attributes"][0].name) if found["attributes"] else {}
    return compile_subject(kind, id_, active, roles, grants, sets=sets, attributes=attributes)


class _ModelFact(msgspec.Struct, frozen=True):
    text: str


async def load_model(db: Reader) -> Model:
    """Every model that applies, and the policies besides, in one."""
    models = await load_models(db)
    return Model(models, await load_policies(db, windows_of(models)))


async def load_models(db: Reader) -> list[AuthorizationModel]:
    """What is built in, and the latest version of each model."""
    rows = await db.fetch_all(
        _ModelFact,
        "SELECT text FROM authorization_models latest WHERE version = (SELECT max(version) FROM authorization_models"
        " WHERE name = latest.name) ORDER BY name",
    )
    return [BUILT_IN, *map(_read, rows)]


def windows_of(models: Iterable[AuthorizationModel]) -> dict[str, Window]:
    """The time windows of all of them, by name."""
    return {name: window for model in models for name, window in model.windows.items()}


def _read(row: _ModelFact) -> AuthorizationModel:
    from ostiary.authorization.model_file import read_model  # who has no model loads no YAML

    return read_model(row.text)


class _PolicyFact(msgspec.Struct, frozen=True):
    name: str
    rule: str


async def load_policies(db: Reader, windows: Mapping[str, Window]) -> list[PolicyDefinition]:
    """The policies that stand in no model's file, compiled.

    Raises:
        InvalidRequest: one of them names a window that there is not; so a model that would take one away is refused.
    """
    rows = await db.fetch_all(_PolicyFact, "SELECT name, rule FROM policies ORDER BY name")
    return [compile_policy(row.name, msgspec.json.decode(row.rule, type=PolicyRule), windows) for row in rows]


async def lock_facts(tx: Transaction) -> None:
    """Make this transaction the only one that changes facts until it ends, and its change seen by the next decision.

    To be called before anything is read that the change depends on.
    """
    await tx.bump("authorization")


async def change_model(tx: Transaction) -> None:
    """The same for a change of a model or of a policy."""
    await lock_facts(tx)
    await tx.bump("model")


async def held_by_role(tx: Transaction, role: str) -> frozenset[str]:
    """Every permission and wildcard that the role holds as the transaction sees it, itself or through others."""
    rows = await tx.fetch_all(
        _Held,
        "WITH RECURSIVE reached (role) AS (SELECT name FROM roles WHERE name = :role"
        " UNION SELECT included FROM role_includes JOIN reached ON reached.role = role_includes.role)"
        " SELECT permission FROM role_permissions JOIN reached ON reached.role = role_permissions.role",
        role=role,
    )
    return frozenset(row.permission for row in rows)


async def require_account(tx: Transaction, account_id: str) -> None:
    """Raises NotFound unless the account exists."""
    if await tx.fetch_value("SELECT 1 FROM accounts WHERE id = :account_id", account_id=account_id) is None:
        raise NotFound("There is no such account.")


async def change_privileges(tx: Transaction, account_id: str) -> None:
    """Have the account's sessions given new secrets, as at each change of what it may do."""
    await tx.execute("UPDATE accounts SET privilege_epoch = privilege_epoch + 1 WHERE id = :id", id=account_id)


def place(resource_type: str, resource_id: str) -> Resource | None:
    """The resource of a stored row; both columns are empty where a fact holds everywhere."""
    return Resource(resource_type, resource_id) if resource_type else None


def columns(resource: Resource | None) -> dict[str, str]:
    """The other way round: the statement's parameters ``resource_type`` and ``resource_id``."""
    if resource is None:
        return {"resource_type": "", "resource_id": ""}
    return {"resource_type": resource.type, "resource_id": resource.id}
