"""Assignments: which account or group has which role, everywhere or on one resource."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from ostiary.audit import Event, record
from ostiary.authorization.authorizer import Authorizer
from ostiary.authorization.caller import Caller
from ostiary.authorization.escalation import Holdings, require_cover
from ostiary.authorization.holders import (
    Holder,
    both_columns,
    change_holder_privileges,
    column_of,
    group_shown,
    recorded,
    require_holder,
    stored,
    words,
)
from ostiary.authorization.membership import SETS_OF_ACCOUNT, account_keys
from ostiary.authorization.model import LastAdministrator, Resource, RoleName, parse_resource, parse_role_name
from ostiary.authorization.store import columns, held_by_role, lock_facts, place
from ostiary.base.clock import Clock, Timestamp, rfc3339
from ostiary.base.ids import new_id
from ostiary.base.pages import DEFAULT_LIMIT, Page, check_limit, decode_cursor, page_of
from ostiary.errors import InvalidRequest, NotFound
from ostiary.permissions import ADMINISTRATOR, Permission

if TYPE_CHECKING:
    from ostiary.database import Database, Reader, Transaction

_SELECT = "SELECT id, account_id, group_id, role, resource_type, resource_id, created_at FROM role_assignments"


class AssignmentCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Give a role, on one resource or, without one, everywhere."""

    role: RoleName
    resource: Resource | None = None


class Assignment(msgspec.Struct, frozen=True):
    """A role that an account or a group has; ``resource`` is ``None`` for one that holds everywhere."""

    id: str
    account_id: str | None
    role: str
    resource: Resource | None
    created_at: Timestamp
    group_id: str | None = None


class _Row(msgspec.Struct, frozen=True):
    id: str
    account_id: str | None
    group_id: str | None
    role: str
    resource_type: str
    resource_id: str
    created_at: int


class _Assignable(msgspec.Struct, frozen=True):
    role: str
    resource: Resource | None
    holdings: Holdings
    at: int


class HeldRole(msgspec.Struct, frozen=True):
    """A role as whoever holds it sees it; without a resource it holds everywhere."""

    name: str
    description: str
    resource: Resource | None


class _Held(msgspec.Struct, frozen=True):
    name: str
    description: str
    resource_type: str
    resource_id: str


class Assignments:
    def __init__(self, db: Database, authorizer: Authorizer, clock: Clock) -> None:
        self._db = db
        self._authorizer = authorizer
        self._clock = clock

    async def list(
        self, caller: Caller, holder: Holder, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[Assignment]:
        """The roles of one account or group, oldest assignment first.

        Raises:
            InvalidRequest: the cursor or the limit is not usable.
        """
        await caller.require(Permission.ASSIGNMENTS_READ)
        column = column_of(holder)
        rows = await self._db.fetch_all(
            _Row,
            f"{_SELECT} WHERE {column} = :holder AND id > :after ORDER BY id LIMIT :most",
            holder=stored(holder),
            after="" if cursor is None else decode_cursor(cursor),
            most=check_limit(limit) + 1,
        )
        return page_of(rows, limit, key=lambda row: row.id, item=_view)

    async def own(self, caller: Caller) -> Sequence[HeldRole]:
        """The roles of the caller's own account, for its owner to see.

        Raises:
            Unauthenticated: nobody has signed in.
        """
        # No permission needed: it is the caller's own account.
        account_id = caller.require_account()
        rows = await self._db.fetch_all(
            _Held,
            f"{SETS_OF_ACCOUNT} SELECT DISTINCT r.name AS name, r.description AS description,"
            " a.resource_type AS resource_type, a.resource_id AS resource_id"
            " FROM role_assignments a JOIN roles r ON r.name = a.role"
            " WHERE a.account_id = :account_id OR a.group_id IN (SELECT subject FROM held)"
            " ORDER BY r.name, a.resource_type, a.resource_id LIMIT 200",
            account_id=account_id,
            **account_keys(account_id),
        )
        return [HeldRole(row.name, row.description, place(row.resource_type, row.resource_id)) for row in rows]

    async def get(self, caller: Caller, holder: Holder, assignment_id: str) -> Assignment:
        """One role that the account or group has.

        Raises:
            NotFound: it has no such assignment.
        """
        await caller.require(Permission.ASSIGNMENTS_READ)
        return _view(await _row(self._db, holder, assignment_id))

    async def assign(self, caller: Caller, holder: Holder, new: AssignmentCreate) -> Assignment:
        """Give the account or group a role. Where it has it already, that assignment is the answer and nothing changes.

        Raises:
            NotFound: there is no such account.
            InvalidRequest: there is no such role, or the resource is not one.
            Forbidden: the role holds more of Ostiary than the caller does.
        """
        role = await self._assignable(caller, new)
        async with self._db.transaction() as tx:
            return await self._assign(tx, caller, holder, role)

    async def assign_in(self, tx: Transaction, caller: Caller, holder: Holder, new: AssignmentCreate) -> Assignment:
        """The same within a transaction of somebody else's, who commits it or does not."""
        return await self._assign(tx, caller, holder, await self._assignable(caller, new))

    async def _assignable(self, caller: Caller, new: AssignmentCreate) -> _Assignable:
        await caller.require(Permission.ASSIGNMENTS_CREATE)
        role, on = parse_role_name(new.role, "role"), new.resource and parse_resource(new.resource)
        return _Assignable(role, on, await self._authorizer.holdings(caller), self._clock())

    async def _assign(self, tx: Transaction, caller: Caller, holder: Holder, new: _Assignable) -> Assignment:
        role, now, column, where = new.role, new.at, column_of(holder), columns(new.resource)
        await lock_facts(tx)
        await require_holder(tx, holder)
        if await tx.fetch_value("SELECT 1 FROM roles WHERE name = :role", role=role) is None:
            raise InvalidRequest(f"There is no role {role}.", field="role")
        require_cover(new.holdings, await held_by_role(tx, role))
        there = await tx.fetch_one(
            _Row,
            f"{_SELECT} WHERE {column} = :holder AND role = :role"
            " AND resource_type = :resource_type AND resource_id = :resource_id",
            holder=stored(holder),
            role=role,
            **where,
        )
        if there is not None:
            return _view(there)
        row = _Row(new_id("asg", now), *both_columns(holder), role, **where, created_at=now)
        await tx.execute(
            "INSERT INTO role_assignments (id, account_id, group_id, role, resource_type, resource_id, created_at)"
            " VALUES (:id, :account_id, :group_id, :role, :resource_type, :resource_id, :created_at)",
            **msgspec.structs.asdict(row),
        )
        await change_holder_privileges(tx, holder)
        account_id, named = recorded(holder)
        await record(tx, now, Event.ROLE_ASSIGNED, caller.actor, account_id, role=role, **where, **named)
        return _view(row)

    async def unassign(self, caller: Caller, holder: Holder, assignment_id: str) -> None:
        """Take a role away again.

        Raises:
            NotFound: the account or group has no such assignment.
            Forbidden: the role holds more of Ostiary than the caller does.
            LastAdministrator: nobody else would be left to administer Ostiary.
        """
        await caller.require(Permission.ASSIGNMENTS_DELETE)
        holdings, now = await self._authorizer.holdings(caller), self._clock()
        async with self._db.transaction() as tx:
            await lock_facts(tx)
            row = await _row(tx, holder, assignment_id)
            require_cover(holdings, await held_by_role(tx, row.role))
            administers = row.role == ADMINISTRATOR and not row.resource_type
            if administers and row.account_id and await self._authorizer.is_last_administrator(tx, row.account_id):
                raise LastAdministrator
            await tx.execute("DELETE FROM role_assignments WHERE id = :id", id=row.id)
            await change_holder_privileges(tx, holder)
            where = {"resource_type": row.resource_type, "resource_id": row.resource_id}
            account_id, named = recorded(holder)
            await record(tx, now, Event.ROLE_UNASSIGNED, caller.actor, account_id, role=row.role, **where, **named)


async def _row(on: Reader, holder: Holder, assignment_id: str) -> _Row:
    column = column_of(holder)
    row = await on.fetch_one(
        _Row,
        f"{_SELECT} WHERE id = :id AND {column} = :holder",
        id=assignment_id,
        holder=stored(holder),
    )
    if row is None:
        raise NotFound(f"{words(holder)} has no such assignment.")
    return row


def _view(row: _Row) -> Assignment:
    return Assignment(
        row.id,
        row.account_id,
        row.role,
        place(row.resource_type, row.resource_id),
        rfc3339(row.created_at),
        group_shown(row.group_id),
    )
