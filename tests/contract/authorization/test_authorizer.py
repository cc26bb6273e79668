"""Every change that was acknowledged is seen by the next decision, whoever made it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from ostiary.authorization import (
    AssignmentCreate,
    Authorizer,
    Effect,
    GrantCreate,
    Reason,
    Resource,
    RoleChange,
    RoleCreate,
)
from ostiary.database import Database
from ostiary.errors import Forbidden, Unauthenticated
from tests.contract.authorization.conftest import House

AnotherProcess = Callable[[], Awaitable[House]]


async def test_a_change_by_another_process_is_seen_by_the_next_decision(
    house: House, another_process: AnotherProcess
) -> None:
    other = await another_process()
    try:
        await house.roles.create(house.operator, RoleCreate("reader", permissions=("documents.read",)))
        ann = await house.account()
        assert not await house.authorizer.decide(ann, "documents.read")

        assigned = await other.assignments.assign(other.operator, ann, AssignmentCreate("reader"))
        assert await house.authorizer.decide(ann, "documents.read")
        await other.roles.change(other.operator, "reader", RoleChange(permissions=("documents.write",)))
        assert not await house.authorizer.decide(ann, "documents.read")
        assert await house.authorizer.decide(ann, "documents.write")
        denial = await other.grants.create(other.operator, ann, GrantCreate("documents.*", Effect.DENY))
        assert not await house.authorizer.decide(ann, "documents.write")
        await other.grants.delete(other.operator, ann, denial.id)
        assert await house.authorizer.decide(ann, "documents.write")
        await other.assignments.unassign(other.operator, ann, assigned.id)
        assert not await house.authorizer.decide(ann, "documents.write")
    finally:
        await other.db.close()


async def test_an_account_that_was_disabled_may_do_nothing_from_the_next_decision_on(house: House) -> None:
    ann = await house.account("administrator")
    assert await house.authorizer.decide(ann, "ostiary.roles.read")
    async with house.db.transaction() as tx:
        await tx.bump("authorization")
        await tx.execute("UPDATE accounts SET status = 'disabled' WHERE id = :id", id=ann)
    decision = await house.authorizer.decide(ann, "ostiary.roles.read")
    assert decision.reason is Reason.ACCOUNT_INACTIVE


async def test_an_account_is_known_as_soon_as_it_is_there(house: House) -> None:
    assert (await house.authorizer.decide("acc_later", "a.b")).reason is Reason.UNKNOWN_SUBJECT
    await house.account(account_id="acc_later")
    assert (await house.authorizer.decide("acc_later", "a.b")).reason is Reason.NOTHING_ALLOWS


async def test_a_grant_runs_out_although_nothing_is_written(house: House) -> None:
    ann = await house.account()
    async with house.db.transaction() as tx:
        await tx.bump("authorization")
        await tx.execute(
            "INSERT INTO direct_grants (id, account_id, permission, effect, resource_type, resource_id, expires_at,"
            " created_at) VALUES ('grt_1', :ann, 'a.b', 'allow', '', '', :soon, 0)",
            ann=ann,
            soon=house.clock() + 1,
        )
    assert await house.authorizer.decide(ann, "a.b")
    house.clock.advance(1)
    assert not await house.authorizer.decide(ann, "a.b")


async def test_more_accounts_than_are_remembered_are_decided_rightly(house: House) -> None:
    await house.roles.create(house.operator, RoleCreate("reader", permissions=("documents.read",)))
    accounts = [await house.account("reader") if n % 2 else await house.account() for n in range(12)]
    small = Authorizer(house.db, house.clock, remembered=4)
    for _ in range(3):
        allowed = [bool(await small.decide(each, "documents.read")) for each in accounts]
        assert allowed == [bool(n % 2) for n in range(12)]


class _Meanwhile:
    """A database at which others write once, right after rows have been read for the ``after``-th time."""

    def __init__(self, db: Database, write: Callable[[], Awaitable[None]], after: int) -> None:
        self._db = db
        self._write = write
        self._after = after
        self.revision, self.revisions = db.revision, db.revisions

    async def fetch_all(self, row: type[Any], sql: str, **params: Any) -> list[Any]:
        found = await self._db.fetch_all(row, sql, **params)
        self._after -= 1
        if not self._after:
            await self._write()
        return found


@pytest.mark.parametrize("after", [1, 2, 3, 4])
@pytest.mark.parametrize("order", ["role first", "assignment first"])
async def test_no_decision_mixes_what_was_never_true_together(house: House, order: str, after: int) -> None:
    """The role loses the permission before the account gets the role, or the other way round: the account never may."""
    await house.roles.create(house.operator, RoleCreate("editor"))
    ann, permitted = await house.account(), RoleChange(permissions=("documents.write",))
    if order == "role first":
        await house.roles.change(house.operator, "editor", permitted)
    else:
        assigned = await house.assignments.assign(house.operator, ann, AssignmentCreate("editor"))

    async def write() -> None:
        if order == "role first":
            await house.roles.change(house.operator, "editor", RoleChange(permissions=()))
            await house.assignments.assign(house.operator, ann, AssignmentCreate("editor"))
        else:
            await house.assignments.unassign(house.operator, ann, assigned.id)
            await house.roles.change(house.operator, "editor", permitted)

    reading = Authorizer(cast("Database", _Meanwhile(house.db, write, after)), house.clock)
    for _ in range(3):
        assert not await reading.decide(ann, "documents.write")
    assert bool((await house.assignments.list(house.operator, ann)).items) is (order == "role first")


async def test_a_caller_is_told_which_permission_is_missing(house: House) -> None:
    caller = house.caller(await house.account())
    with pytest.raises(Forbidden) as refused:
        await caller.require("documents.read", Resource("documents", "7"))
    assert refused.value.extra == {"permission": "documents.read", "reason": "nothing_allows"}


async def test_scopes_of_a_token_take_away_and_never_give(house: House) -> None:
    ann = await house.account("administrator")
    limited = house.caller(ann, frozenset({"ostiary.roles.*", "documents.*", "openid"}))
    assert await limited.decide("ostiary.roles.read")
    assert (await limited.decide("ostiary.keys.read")).reason is Reason.SCOPE_INSUFFICIENT
    assert not await limited.decide("documents.read")
    assert not await house.caller(ann, frozenset()).decide("ostiary.roles.read")


async def test_the_operator_may_do_everything_and_is_named_so(house: House) -> None:
    decision = await house.operator.require("anything.at-all", Resource("documents", "7"))
    assert decision.reason is Reason.OPERATOR
    assert house.operator.actor.kind == "operator"
    with pytest.raises(Unauthenticated):
        house.operator.require_account()


async def test_who_holds_less_of_ostiary_is_outranked(house: House) -> None:
    admin_id, other_admin = await house.account("administrator"), await house.account("administrator")
    admin = house.caller(admin_id)
    desk = await house.account_with("ostiary.accounts.update", "documents.*")
    plain = await house.account()
    assert await house.authorizer.outranked(desk, admin_id)
    assert not await house.authorizer.outranked(desk, plain)
    assert not await house.authorizer.outranked(desk, desk.require_account())
    assert not await house.authorizer.outranked(admin, other_admin)
    assert not await house.authorizer.outranked(house.operator, other_admin)
    assert await house.authorizer.outranked(house.caller(plain), desk.require_account())
