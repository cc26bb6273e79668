from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

import msgspec
import pytest
from sqlalchemy import Engine

from ostiary.authorization import AssignmentCreate, Assignments, Authorizer, Caller, Grants, RoleCreate, Roles
from ostiary.base.ids import new_id
from ostiary.database import Database
from tests.support.documents import engine_of
from tests.support.time import ManualClock


class House(msgspec.Struct):
    """One process' view of a database: its authorizer and use cases."""

    db: Database
    clock: ManualClock
    authorizer: Authorizer
    roles: Roles
    assignments: Assignments
    grants: Grants

    @property
    def operator(self) -> Caller:
        return Caller.operator(self.authorizer, self.clock())

    def caller(self, account_id: str, scopes: frozenset[str] | None = None) -> Caller:
        return Caller("account", account_id, scopes=scopes, at=self.clock(), authorizer=self.authorizer)

    async def account(self, *roles: str, status: str = "active", kind: str = "user", account_id: str = "") -> str:
        """A new account that has ``roles`` everywhere."""
        account_id = account_id or new_id("acc", self.clock())
        async with self.db.transaction() as tx:
            await tx.execute(
                "INSERT INTO accounts (id, kind, status, name, created_at, updated_at)"
                " VALUES (:id, :kind, :status, '', 0, 0)",
                id=account_id,
                kind=kind,
                status=status,
            )
        for role in roles:
            await self.assignments.assign(self.operator, account_id, AssignmentCreate(role))
        return account_id

    async def account_with(self, *permissions: str) -> Caller:
        """A caller whose account holds exactly these permissions everywhere."""
        role = new_id("role", self.clock())
        await self.roles.create(self.operator, RoleCreate(role, permissions=permissions))
        return self.caller(await self.account(role))


def open_house(db: Database, clock: ManualClock) -> House:
    authorizer = Authorizer(db, clock)
    parts = (db, authorizer, clock)
    return House(db, clock, authorizer, Roles(*parts), Assignments(*parts), Grants(*parts))


@pytest.fixture
async def house(database: Database, clock: ManualClock) -> House:
    return open_house(database, clock)


@pytest.fixture
def another_process(database_url: str, clock: ManualClock) -> Callable[[], Awaitable[House]]:
    """Open the same database once more, with nothing in common but what is stored."""

    async def open_again() -> House:
        return open_house(await Database.open(database_url), clock)

    return open_again


@pytest.fixture
def engine(house: House, database_url: str) -> Iterator[Engine]:
    engine = engine_of(database_url)
    yield engine
    engine.dispose()
