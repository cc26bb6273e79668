"""Roles: named sets of permissions, which may include other roles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ostiary.audit import Event, record
from ostiary.authorization.authorizer import Authorizer
from ostiary.authorization.caller import Caller
from ostiary.authorization.escalation import require_cover
from ostiary.authorization.model import PermissionName, RoleName, SignInPolicy, parse_permission, parse_role_name
from ostiary.authorization.store import held_by_role, lock_facts
from ostiary.base.clock import Clock, Timestamp, rfc3339
from ostiary.base.pages import DEFAULT_LIMIT, Page, check_limit, decode_cursor, page_of
from ostiary.errors import Conflict, InvalidRequest, NotFound
from ostiary.permissions import Permission

if TYPE_CHECKING:
    from ostiary.database import Database, Reader, Transaction

MAX_DESCRIPTION = 500
_SELECT = "SELECT name, description, builtin, created_at, updated_at, sign_in_policy, model FROM roles"
MAX_PERMISSIONS = 500
MAX_INCLUDES = 50

Description = Annotated[str, Meta(max_length=MAX_DESCRIPTION)]
PermissionNames = Annotated[tuple[PermissionName, ...], Meta(max_length=MAX_PERMISSIONS)]
RoleNames = Annotated[tuple[RoleName, ...], Meta(max_length=MAX_INCLUDES)]


class RoleCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new role. ``permissions`` may hold wildcards; ``includes`` names roles whose permissions it has as well.

    ``sign_in_policy``: what a sign-in has to show of whoever holds the role, where that is more than the setting asks.
    """

    name: RoleName
    description: Description = ""
    permissions: PermissionNames = ()
    includes: RoleNames = ()
    sign_in_policy: SignInPolicy | None = None


class RoleChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is given replaces what is there; what is left out stays."""

    description: Description | UnsetType = UNSET
    permissions: PermissionNames | UnsetType = UNSET
    includes: RoleNames | UnsetType = UNSET
    sign_in_policy: SignInPolicy | UnsetType | None = UNSET


class Role(msgspec.Struct, frozen=True):
    """A role as it is shown; times in RFC 3339.

    A built-in one, and one of a model's file, can only have its ``sign_in_policy`` changed. ``model``: which model's.
    """

    name: str
    description: str
    builtin: bool
    permissions: list[str]
    includes: list[str]
    created_at: Timestamp
    updated_at: Timestamp
    sign_in_policy: SignInPolicy | None
    model: str | None = None


class _Row(msgspec.Struct, frozen=True):
    name: str
    description: str
    builtin: int
    created_at: int
    updated_at: int
    sign_in_policy: SignInPolicy | None
    model: str | None


class _Pair(msgspec.Struct, frozen=True):
    role: str
    value: str


class Roles:
    """Administration of roles. Every change is refused to callers who do not hold what it gives or takes of Ostiary."""

    def __init__(self, db: Database, authorizer: Authorizer, clock: Clock) -> None:
        self._db = db
        self._authorizer = authorizer
        self._clock = clock

    async def list(self, caller: Caller, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Role]:
        """Roles by name.

        Raises:
            InvalidRequest: the cursor or the limit is not usable.
        """
        await caller.require(Permission.ROLES_READ)
        rows = await self._db.fetch_all(
            _Row,
            f"{_SELECT} WHERE name > :after ORDER BY name LIMIT :most",
            after="" if cursor is None else decode_cursor(cursor),
            most=check_limit(limit) + 1,
        )
        shown = {role.name: role for role in await _views(self._db, rows)}
        return page_of(rows, limit, key=lambda row: row.name, item=lambda row: shown[row.name])

    async def get(self, caller: Caller, name: str) -> Role:
        """One role. Raises NotFound if there is none of this name."""
        await caller.require(Permission.ROLES_READ)
        return await _view(self._db, name)

    async def create(self, caller: Caller, new: RoleCreate) -> Role:
        """Make a role.

        Raises:
            InvalidRequest: a name or permission is not one, or an included role does not exist.
            Conflict: there is a role of this name.
            Forbidden: it would hold more of Ostiary than the caller does.
        """
        await caller.require(Permission.ROLES_CREATE)
        name = parse_role_name(new.name)
        holdings, now = await self._authorizer.holdings(caller), self._clock()
        async with self._db.transaction() as tx:
            await _lock_roles(tx)
            inserted = await tx.execute(
                "INSERT INTO roles (name, description, builtin, created_at, updated_at, sign_in_policy)"
                " VALUES (:name, :description, 0, :now, :now, :policy) ON CONFLICT DO NOTHING",
                name=name,
                description=_description(new.description),
                now=now,
                policy=new.sign_in_policy,
            )
            if not inserted:
                raise Conflict(f"There is already a role {name}.", field="name")
            await _set_permissions(tx, name, new.permissions)
            await _set_includes(tx, name, new.includes)
            require_cover(holdings, await held_by_role(tx, name))
            role = await _view(tx, name)
            await record(tx, now, Event.ROLE_CREATED, caller.actor, None, **_recorded(role))
        return role

    async def change(self, caller: Caller, name: str, change: RoleChange) -> Role:
        """Change a role, for everybody who has it.

        Raises:
            NotFound: there is no such role.
            InvalidRequest: a permission is not one, an included role does not exist, or the role would include itself.
            Conflict: it is built in: only its sign-in policy can be changed.
            Forbidden: it held or would hold more of Ostiary than the caller does.
        """
        await caller.require(Permission.ROLES_UPDATE)
        holdings, now = await self._authorizer.holdings(caller), self._clock()
        async with self._db.transaction() as tx:
            await _lock_roles(tx)
            before = await _view(tx, name)
            if not _only_policy(change):
                _require_changeable(before)
            require_cover(holdings, await held_by_role(tx, name))
            await tx.execute(
                "UPDATE roles SET description = :description, updated_at = :now, sign_in_policy = CAST(:policy AS TEXT)"
                " WHERE name = :name",
                name=name,
                policy=before.sign_in_policy if change.sign_in_policy is UNSET else change.sign_in_policy,
                description=before.description if change.description is UNSET else _description(change.description),
                now=now,
            )
            if change.permissions is not UNSET:
                await _set_permissions(tx, name, change.permissions)
            if change.includes is not UNSET:
                await _set_includes(tx, name, change.includes)
            require_cover(holdings, await held_by_role(tx, name))
            role = await _view(tx, name)
            await record(tx, now, Event.ROLE_CHANGED, caller.actor, None, **_recorded(role))
        return role

    async def delete(self, caller: Caller, name: str) -> None:
        """Delete a role that nobody has.

        Raises:
            NotFound: there is no such role.
            Conflict: it is built in, assigned or included; the text says how often.
            Forbidden: it holds more of Ostiary than the caller does.
        """
        await caller.require(Permission.ROLES_DELETE)
        holdings, now = await self._authorizer.holdings(caller), self._clock()
        async with self._db.transaction() as tx:
            await _lock_roles(tx)
            _require_changeable(await _view(tx, name))
            require_cover(holdings, await held_by_role(tx, name))
            assigned = await tx.fetch_value("SELECT count(*) FROM role_assignments WHERE role = :name", name=name)
            included = await tx.fetch_value("SELECT count(*) FROM role_includes WHERE included = :name", name=name)
            if assigned or included:
                raise Conflict(
                    f"The role {name} is in use: assigned {assigned} times, included by {included} other roles."
                )
            await tx.execute("DELETE FROM roles WHERE name = :name", name=name)
            await record(tx, now, Event.ROLE_DELETED, caller.actor, role=name)


def find_cycle(includes: Mapping[str, Collection[str]], start: str) -> tuple[str, ...] | None:
    """The shortest way along ``includes`` from ``start`` back to it, both ends included; ``None`` if there is none."""
    came_from: dict[str, str] = {}
    reached = [start]
    for role in reached:
        for included in includes.get(role, ()):
            if included == start:
                way = [start, role]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return tuple(reversed(way))
            if included not in came_from:
                came_from[included] = role
                reached.append(included)
    return None


async def _lock_roles(tx: Transaction) -> None:
    await lock_facts(tx)
    await tx.bump("roles")


def _require_changeable(role: Role) -> None:
    if role.builtin:
        raise Conflict(f"The role {role.name} is built in; nothing but its sign-in policy can be changed.")
    if role.model is not None:
        raise Conflict(f"The role {role.name} comes from the model's file; change it there, and apply that.")


def _only_policy(change: RoleChange) -> bool:
    return change.description is UNSET and change.permissions is UNSET and change.includes is UNSET


async def _set_permissions(tx: Transaction, role: str, permissions: Sequence[str]) -> None:
    if len(permissions) > MAX_PERMISSIONS:
        raise InvalidRequest(f"A role names at most {MAX_PERMISSIONS} permissions.", field="permissions")
    await tx.execute("DELETE FROM role_permissions WHERE role = :role", role=role)
    for permission in sorted({parse_permission(each, "permissions") for each in permissions}):
        await tx.execute(
            "INSERT INTO role_permissions (role, permission) VALUES (:role, :permission)",
            role=role,
            permission=permission,
        )


async def _set_includes(tx: Transaction, role: str, includes: Sequence[str]) -> None:
    if len(includes) > MAX_INCLUDES:
        raise InvalidRequest(f"A role includes at most {MAX_INCLUDES} others by name.", field="includes")
    await tx.execute("DELETE FROM role_includes WHERE role = :role", role=role)
    for included in sorted({parse_role_name(each, "includes") for each in includes}):
        inserted = await tx.execute(
            "INSERT INTO role_includes (role, included) SELECT :role, name FROM roles WHERE name = :included",
            role=role,
            included=included,
        )
        if not inserted:
            raise InvalidRequest(f"There is no role {included} to include.", field="includes")
    graph = _grouped(await tx.fetch_all(_Pair, "SELECT role, included AS value FROM role_includes"))
    if cycle := find_cycle(graph, role):
        raise InvalidRequest(f"A role cannot include itself: {' → '.join(cycle)}.", field="includes")


async def _view(on: Reader, name: str) -> Role:
    row = await on.fetch_one(
        _Row,
        f"{_SELECT} WHERE name = :name",
        name=name,
    )
    if row is None:
        raise NotFound("There is no such role.")
    return (await _views(on, [row]))[0]


async def _views(on: Reader, rows: Sequence[_Row]) -> list[Role]:
    """``rows`` are neighbours in the order of names, so the details of all of them are one range."""
    if not rows:
        return []
    between = {"first": rows[0].name, "last": rows[-1].name}
    permissions = _grouped(
        await on.fetch_all(
            _Pair,
            "SELECT role, permission AS value FROM role_permissions WHERE role BETWEEN :first AND :last"
            " ORDER BY permission",
            **between,
        )
    )
    includes = _grouped(
        await on.fetch_all(
            _Pair,
            "SELECT role, included AS value FROM role_includes WHERE role BETWEEN :first AND :last ORDER BY included",
            **between,
        )
    )
    return [
        Role(
            name=row.name,
            description=row.description,
            builtin=bool(row.builtin),
            permissions=permissions.get(row.name, []),
            includes=includes.get(row.name, []),
            created_at=rfc3339(row.created_at),
            updated_at=rfc3339(row.updated_at),
            sign_in_policy=row.sign_in_policy,
            model=row.model,
        )
        for row in rows
    ]


def _grouped(pairs: Sequence[_Pair]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        found[pair.role].append(pair.value)
    return found


def _description(text: str) -> str:
    if len(text) > MAX_DESCRIPTION:
        raise InvalidRequest(f"A description has at most {MAX_DESCRIPTION} characters.", field="description")
    return text


def _recorded(role: Role) -> dict[str, object]:
    return {
        "role": role.name,
        "permissions": role.permissions,
        "includes": role.includes,
        "sign_in_policy": role.sign_in_policy,
    }
