"""Direct grants: one permission allowed or denied to an account or a group, on one resource or everywhere.

They may end by themselves.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ostiary.audit import Event, record
from ostiary.authorization.administrators import leaves_no_administrator
from ostiary.authorization.authorizer import Authorizer
from ostiary.authorization.caller import Caller
from ostiary.authorization.escalation import own, require_cover
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
from ostiary.authorization.model import (
    Effect,
    LastAdministrator,
    PermissionName,
    Resource,
    parse_permission,
    parse_resource,
)
from ostiary.authorization.store import columns, lock_facts, place
from ostiary.base.clock import Clock, Timestamp, rfc3339
from ostiary.base.ids import new_id
from ostiary.base.pages import DEFAULT_LIMIT, Cursor, Limit, Page, check_limit, decode_cursor, page_of
from ostiary.database import UniqueViolation
from ostiary.errors import Conflict, InvalidRequest, NotFound
from ostiary.permissions import Permission

if TYPE_CHECKING:
    from ostiary.database import Database, Reader, Transaction

_SELECT = (
    "SELECT id, account_id, group_id, permission, effect, resource_type, resource_id, expires_at, created_at"
    " FROM direct_grants"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Moment = Annotated[datetime, Meta(tz=True)]


class GrantCreate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Allow or deny a permission (or wildcard). Without ``resource`` everywhere, without ``expires_at`` for good."""

    permission: PermissionName
    effect: Effect
    resource: Resource | None = None
    expires_at: Moment | None = None


class GrantChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is given replaces what is there; ``expires_at: null`` makes it hold for good."""

    effect: Effect | UnsetType = UNSET
    expires_at: Moment | UnsetType | None = UNSET


class Grant(msgspec.Struct, frozen=True):
    """A direct grant as it is shown; times in RFC 3339. From ``expires_at`` on it does not count."""

    id: str
    account_id: str | None
    permission: str
    effect: Effect
    resource: Resource | None
    expires_at: Timestamp | None
    created_at: Timestamp
    group_id: str | None = None


class GrantQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose grants: of one permission as it was given, on one resource, or of everybody."""

    permission: str | None = None
    resource_type: str | None = None
    resource_id: str | None = None
    cursor: Cursor | None = None
    limit: Limit = DEFAULT_LIMIT


class _Row(msgspec.Struct, frozen=True):
    id: str
    account_id: str | None
    group_id: str | None
    permission: str
    effect: str
    resource_type: str
    resource_id: str
    expires_at: int | None
    created_at: int


class Grants:
    def __init__(self, db: Database, authorizer: Authorizer, clock: Clock) -> None:
        self._db = db
        self._authorizer = authorizer
        self._clock = clock

    async def list(
        self, caller: Caller, holder: Holder, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[Grant]:
        """The grants of one account or group, oldest first, expired ones included.

        Raises:
            InvalidRequest: the cursor or the limit is not usable.
        """
        await caller.require(Permission.GRANTS_READ)
        column = column_of(holder)
        rows = await self._db.fetch_all(
            _Row,
            f"{_SELECT} WHERE {column} = :holder AND id > :after ORDER BY id LIMIT :most",
            holder=stored(holder),
            after="" if cursor is None else decode_cursor(cursor),
            most=check_limit(limit) + 1,
        )
        return page_of(rows, limit, key=lambda row: row.id, item=_view)

    async def find(self, caller: Caller, query: GrantQuery) -> Page[Grant]:
        """The grants of all accounts and groups, oldest first, expired ones included.

        Raises:
            InvalidRequest: the cursor or the limit is not usable.
        """
        await caller.require(Permission.GRANTS_READ)
        filters = {
            "permission": query.permission,
            "resource_type": query.resource_type,
            "resource_id": query.resource_id,
        }
        chosen = {column: value for column, value in filters.items() if value is not None}
        where = "".join(f" AND {column} = :{column}" for column in chosen)
        rows = await self._db.fetch_all(
            _Row,
            f"{_SELECT} WHERE id > :after{where} ORDER BY id LIMIT :most",
            after="" if query.cursor is None else decode_cursor(query.cursor),
            most=check_limit(query.limit) + 1,
            **chosen,
        )
        return page_of(rows, query.limit, key=lambda row: row.id, item=_view)

    async def get(self, caller: Caller, holder: Holder, grant_id: str) -> Grant:
        """One grant.

        Raises:
            NotFound: the account or group has no such grant.
        """
        await caller.require(Permission.GRANTS_READ)
        return _view(await _row(self._db, holder, grant_id))

    async def create(self, caller: Caller, holder: Holder, new: GrantCreate) -> Grant:
        """Allow or deny something to the account or group.

        Raises:
            NotFound: there is no such account.
            InvalidRequest: the permission or the resource is not one, or the time has passed.
            Conflict: it has this grant already.
            Forbidden: it is about more of Ostiary than the caller holds.
            LastAdministrator: a denial would leave nobody to administer Ostiary.
        """
        await caller.require(Permission.GRANTS_CREATE)
        permission = parse_permission(new.permission)
        where = columns(new.resource and parse_resource(new.resource))
        holdings, now = await self._authorizer.holdings(caller), self._clock()
        require_cover(holdings, [permission])
        expires_at = parse_expiry(new.expires_at, now)
        row = _Row(
            new_id("grt", now),
            *both_columns(holder),
            permission,
            new.effect.value,
            **where,
            expires_at=expires_at,
            created_at=now,
        )
        async with self._db.transaction() as tx:
            await lock_facts(tx)
            await require_holder(tx, holder)
            await self._keep_an_administrator(tx, row)
            inserted = await tx.execute(
                "INSERT INTO direct_grants (id, account_id, group_id, permission, effect, resource_type, resource_id,"
                " expires_at, created_at) VALUES (:id, :account_id, :group_id, :permission, :effect,"
                " :resource_type, :resource_id, :expires_at, :created_at) ON CONFLICT DO NOTHING",
                **msgspec.structs.asdict(row),
            )
            if not inserted:
                raise Conflict(f"{words(holder)} has this grant already; change that one.")
            await self._keep_another(tx, row)
            await change_holder_privileges(tx, holder)
            account_id, named = recorded(holder)
            await record(tx, now, Event.GRANT_CREATED, caller.actor, account_id, **_recorded(row), **named)
        return _view(row)

    async def change(self, caller: Caller, holder: Holder, grant_id: str, change: GrantChange) -> Grant:
        """Turn a grant round, or make it hold longer or shorter.

        Raises:
            NotFound: the account or group has no such grant.
            InvalidRequest: the time has passed.
            Conflict: it has another grant that says the same.
            Forbidden: it is about more of Ostiary than the caller holds.
            LastAdministrator: a denial would leave nobody to administer Ostiary.
        """
        await caller.require(Permission.GRANTS_UPDATE)
        holdings, now = await self._authorizer.holdings(caller), self._clock()
        async with self._db.transaction() as tx:
            await lock_facts(tx)
            before = await _row(tx, holder, grant_id)
            require_cover(holdings, [before.permission])
            row = msgspec.structs.replace(
                before,
                effect=before.effect if change.effect is UNSET else change.effect.value,
                expires_at=before.expires_at if change.expires_at is UNSET else parse_expiry(change.expires_at, now),
            )
            await self._keep_an_administrator(tx, row)
            try:
                await tx.execute(
                    "UPDATE direct_grants SET effect = :effect, expires_at = :expires_at WHERE id = :id",
                    id=row.id,
                    effect=row.effect,
                    expires_at=row.expires_at,
                )
            except UniqueViolation as cause:
                raise Conflict(f"{words(holder)} has another grant that says the same.") from cause
            await self._keep_another(tx, row)
            await change_holder_privileges(tx, holder)
            account_id, named = recorded(holder)
            await record(tx, now, Event.GRANT_CHANGED, caller.actor, account_id, **_recorded(row), **named)
        return _view(row)

    async def delete(self, caller: Caller, holder: Holder, grant_id: str) -> None:
        """Take a grant back.

        Raises:
            NotFound: the account or group has no such grant.
            Forbidden: it is about more of Ostiary than the caller holds; lifting a denial gives, too.
        """
        await caller.require(Permission.GRANTS_DELETE)
        holdings, now = await self._authorizer.holdings(caller), self._clock()
        async with self._db.transaction() as tx:
            await lock_facts(tx)
            row = await _row(tx, holder, grant_id)
            require_cover(holdings, [row.permission])
            await tx.execute("DELETE FROM direct_grants WHERE id = :id", id=row.id)
            await change_holder_privileges(tx, holder)
            account_id, named = recorded(holder)
            await record(tx, now, Event.GRANT_DELETED, caller.actor, account_id, **_recorded(row), **named)

    async def _keep_an_administrator(self, tx: Transaction, row: _Row) -> None:
        """Before an account is denied something."""
        if _denies(row) and row.account_id and await self._authorizer.is_last_administrator(tx, row.account_id):
            raise LastAdministrator

    async def _keep_another(self, tx: Transaction, row: _Row) -> None:
        """After a group was: who is in it shows only then."""
        if _denies(row) and row.group_id and await leaves_no_administrator(tx, self._clock()):
            raise LastAdministrator


def _denies(row: _Row) -> bool:
    return row.effect == Effect.DENY and not row.resource_type and bool(own([row.permission]))


async def _row(on: Reader, holder: Holder, grant_id: str) -> _Row:
    column = column_of(holder)
    row = await on.fetch_one(
        _Row,
        f"{_SELECT} WHERE id = :id AND {column} = :holder",
        id=grant_id,
        holder=stored(holder),
    )
    if row is None:
        raise NotFound(f"{words(holder)} has no such grant.")
    return row


def parse_expiry(moment: datetime | None, now: int) -> int | None:
    """When something ends, in milliseconds; None for never.

    Raises:
        InvalidRequest: the time has passed, has no offset from UTC, or cannot be represented.
    """
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise InvalidRequest("A time needs its offset from UTC.", field="expires_at")
    try:
        found = (moment.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)
    except OverflowError:
        raise InvalidRequest("This time cannot be represented.", field="expires_at") from None
    if found <= now:
        raise InvalidRequest("This time has passed.", field="expires_at")
    return found


def _view(row: _Row) -> Grant:
    return Grant(
        row.id,
        row.account_id,
        row.permission,
        Effect(row.effect),
        place(row.resource_type, row.resource_id),
        None if row.expires_at is None else rfc3339(row.expires_at),
        rfc3339(row.created_at),
        group_shown(row.group_id),
    )


def _recorded(row: _Row) -> dict[str, object]:
    return {
        "grant": row.id,
        "permission": row.permission,
        "effect": row.effect,
        "resource_type": row.resource_type,
        "resource_id": row.resource_id,
        "expires_at": None if row.expires_at is None else rfc3339(row.expires_at),
    }
