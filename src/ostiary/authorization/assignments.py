"""Assignments: which account has which role, everywhere or on one resource."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from ostiary.audit import Event, record
from ostiary.authorization.authorizer import Authorizer
from ostiary.authorization.caller import Caller
from ostiary.authorization.escalation import require_cover
from ostiary.authorization.model import LastAdministrator, Resource, RoleName, parse_resource, parse_role_name
from ostiary.authorization.store import change_privileges, columns, held_by_role, lock_facts, place, require_account
from ostiary.base.clock import Clock, Timestamp, rfc3339
from ostiary.base.ids import new_id
from ostiary.base.pages import DEFAULT_LIMIT, Page, check_limit, decode_cursor, page_of
from ostiary.errors import InvalidRequest, NotFound
from ostiary.permissions import ADMINISTRATOR, Permission

if TYPE_CHECKING:
    from ostiary.database import Database, Reader

_SELECT = "SELECT id, account_id, role, resource_type, resource_id, created_at FROM role_assignments"


class AssignmentCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Give a role, on one resource or, without one, everywhere."""

    role: RoleName
    resource: Resource | None = None


class Assignment(msgspec.Struct, frozen=True):
    """A role that an account has; ``resource`` is ``None`` for one that holds everywhere."""

    id: str
    account_id: str
    role: str
    resource: Resource | None
    created_at: Timestamp


class _Row(msgspec.Struct, frozen=True):
    id: str
    account_id: str
    role: str
    resource_type: str
    resource_id: str
    created_at: int


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
        self, caller: Caller, account_id: str, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[Assignment]:
        """The roles of one account, oldest assignment first.

        Raises:
            InvalidRequest: the cursor or the limit is not usable.
        """
        await caller.require(Permission.ASSIGNMENTS_READ)
        rows = await self._db.fetch_all(
            _Row,
            f"{_SELECT} WHERE account_id = :account_id AND id > :after ORDER BY id LIMIT :most",
            account_id=account_id,
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
        rows = await self._db.fetch_all(
            _Held,
            "SELECT r.name AS name, r.description AS description, a.resource_type AS resource_type,"
            " a.resource_id AS resource_id FROM role_assignments a JOIN roles r ON r.name = a.role"
            " WHERE a.account_id = :account_id ORDER BY r.name, a.id LIMIT 200",
            account_id=caller.require_account(),
        )
        return [HeldRole(row.name, row.description, place(row.resource_type, row.resource_id)) for row in rows]

    async def get(self, caller: Caller, account_id: str, assignment_id: str) -> Assignment:
        """One role that the account has.

        Raises:
            NotFound: the account has no such assignment.
        """
        await caller.require(Permission.ASSIGNMENTS_READ)
        return _view(await _row(self._db, account_id, assignment_id))

    async def assign(self, caller: Caller, account_id: str, new: AssignmentCreate) -> Assignment:
        """Give the account a role. Where it has it already, that assignment is the answer and nothing changes.

        Raises:
            NotFound: there is no such account.
            InvalidRequest: there is no such role, or the resource is not one.
            Forbidden: the role holds more of Ostiary than the caller does.
        """
        await caller.require(Permission.ASSIGNMENTS_CREATE)
        role = parse_role_name(new.role, "role")
        where = columns(new.resource and parse_resource(new.resource))
        holdings, now = await self._authorizer.holdings(caller), self._clock()
        async with self._db.transaction() as tx:
            await lock_facts(tx)
            await require_account(tx, account_id)
            if await tx.fetch_value("SELECT 1 FROM roles WHERE name = :role", role=role) is None:
                raise InvalidRequest(f"There is no role {role}.", field="role")
            require_cover(holdings, await held_by_role(tx, role))
            there = await tx.fetch_one(
                _Row,
                f"{_SELECT} WHERE account_id = :account_id AND role = :role"
                " AND resource_type = :resource_type AND resource_id = :resource_id",
                account_id=account_id,
                role=role,
                **where,
            )
            if there is not None:
                return _view(there)
            row = _Row(new_id("asg", now), account_id, role, **where, created_at=now)
            await tx.execute(
                "INSERT INTO role_assignments (id, account_id, role, resource_type, resource_id, created_at)"
                " VALUES (:id, :account_id, :role, :resource_type, :resource_id, :created_at)",
                **msgspec.structs.asdict(row),
            )
            await change_privileges(tx, account_id)
            await record(tx, now, Event.ROLE_ASSIGNED, caller.actor, account_id, role=role, **where)
        return _view(row)

    async def unassign(self, caller: Caller, account_id: str, assignment_id: str) -> None:
        """Take a role away again.

        Raises:
            NotFound: the account has no such assignment.
            Forbidden: the role holds more of Ostiary than the caller does.
            LastAdministrator: nobody else would be left to administer Ostiary.
        """
        await caller.require(Permission.ASSIGNMENTS_DELETE)
        holdings, now = await self._authorizer.holdings(caller), self._clock()
        async with self._db.transaction() as tx:
            await lock_facts(tx)
            row = await _row(tx, account_id, assignment_id)
            require_cover(holdings, await held_by_role(tx, row.role))
            administers = row.role == ADMINISTRATOR and not row.resource_type
            if administers and await self._authorizer.is_last_administrator(tx, account_id):
                raise LastAdministrator
            await tx.execute("DELETE FROM role_assignments WHERE id = :id", id=row.id)
            await change_privileges(tx, account_id)
            where = {"resource_type": row.resource_type, "resource_id": row.resource_id}
            await record(tx, now, Event.ROLE_UNASSIGNED, caller.actor, account_id, role=row.role, **where)


async def _row(on: Reader, account_id: str, assignment_id: str) -> _Row:
    row = await on.fetch_one(
        _Row,
        f"{_SELECT} WHERE id = :id AND account_id = :account_id",
        id=assignment_id,
        account_id=account_id,
    )
    if row is None:
        raise NotFound("The account has no such assignment.")
    return row


def _view(row: _Row) -> Assignment:
    return Assignment(
        row.id, row.account_id, row.role, place(row.resource_type, row.resource_id), rfc3339(row.created_at)
    )
