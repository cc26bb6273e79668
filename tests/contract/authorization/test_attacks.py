"""Attempts to get more of Ostiary than one holds, and to leave it without an administrator."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from ostiary.authorization import (
    AssignmentCreate,
    Effect,
    GrantChange,
    GrantCreate,
    LastAdministrator,
    Resource,
    RoleChange,
    RoleCreate,
)
from ostiary.errors import Forbidden
from tests.contract.authorization.conftest import House

_DELEGATED = ("ostiary.roles.*", "ostiary.assignments.*", "ostiary.grants.*", "documents.*")


@pytest.mark.parametrize("permission", ["*", "ostiary.*", "ostiary.keys.rotate", "ostiary.accounts.*"])
async def test_who_administers_roles_cannot_make_one_that_holds_more_than_they_do(
    house: House, permission: str
) -> None:
    mallory = await house.account_with(*_DELEGATED)
    with pytest.raises(Forbidden) as refused:
        await house.roles.create(mallory, RoleCreate("mine", permissions=(permission,)))
    assert refused.value.extra == {"missing": [permission if permission != "*" else "ostiary.*"]}
    await house.roles.create(mallory, RoleCreate("mine", permissions=("documents.read", "ostiary.roles.read")))
    with pytest.raises(Forbidden):
        await house.roles.change(mallory, "mine", RoleChange(permissions=(permission,)))


async def test_more_cannot_be_had_through_an_included_role(house: House) -> None:
    mallory = await house.account_with(*_DELEGATED)
    await house.roles.create(house.operator, RoleCreate("outer", includes=("administrator",)))
    with pytest.raises(Forbidden):
        await house.roles.create(mallory, RoleCreate("mine", includes=("outer",)))
    await house.roles.create(mallory, RoleCreate("mine"))
    with pytest.raises(Forbidden):
        await house.roles.change(mallory, "mine", RoleChange(includes=("administrator",)))
    with pytest.raises(Forbidden):
        await house.roles.change(mallory, "outer", RoleChange(includes=()))


async def test_more_cannot_be_had_by_assigning_or_granting(house: House) -> None:
    mallory = await house.account_with(*_DELEGATED)
    await house.roles.create(house.operator, RoleCreate("outer", includes=("administrator",)))
    me = mallory.require_account()
    for role in ("administrator", "outer"):
        for resource in (None, Resource("ostiary.accounts", "acc_1")):
            with pytest.raises(Forbidden):
                await house.assignments.assign(mallory, me, AssignmentCreate(role, resource))
    for permission in ("*", "ostiary.*", "ostiary.accounts.delete"):
        with pytest.raises(Forbidden):
            await house.grants.create(mallory, me, GrantCreate(permission, Effect.ALLOW))
    await house.grants.create(mallory, me, GrantCreate("shop.*", Effect.ALLOW))


async def test_a_denial_cannot_be_lifted_or_turned_into_an_allow_by_who_is_denied(house: House) -> None:
    mallory = await house.account_with(*_DELEGATED)
    me = mallory.require_account()
    denial = await house.grants.create(house.operator, me, GrantCreate("ostiary.roles.delete", Effect.DENY))
    with pytest.raises(Forbidden):
        await house.grants.delete(mallory, me, denial.id)
    with pytest.raises(Forbidden):
        await house.grants.change(mallory, me, denial.id, GrantChange(Effect.ALLOW))
    with pytest.raises(Forbidden):
        await house.roles.create(mallory, RoleCreate("mine", permissions=("ostiary.roles.*",)))


async def test_who_holds_less_cannot_take_from_an_administrator(house: House) -> None:
    mallory = await house.account_with(*_DELEGATED)
    admin, _ = await house.account("administrator"), await house.account("administrator")
    assigned = (await house.assignments.list(mallory, admin)).items[0]
    with pytest.raises(Forbidden):
        await house.assignments.unassign(mallory, admin, assigned.id)
    with pytest.raises(Forbidden):
        await house.grants.create(mallory, admin, GrantCreate("ostiary.*", Effect.DENY))


async def test_a_right_on_one_resource_or_in_a_limited_token_is_no_right_to_hand_on(house: House) -> None:
    await house.roles.create(house.operator, RoleCreate("keys", permissions=("ostiary.keys.*",)))
    mallory = await house.account_with(*_DELEGATED)
    me = mallory.require_account()
    await house.assignments.assign(house.operator, me, AssignmentCreate("keys", Resource("ostiary.keys", "1")))
    with pytest.raises(Forbidden):
        await house.assignments.assign(mallory, me, AssignmentCreate("keys"))
    admin = await house.account("administrator")
    limited = house.caller(admin, frozenset({"ostiary.assignments.*"}))
    with pytest.raises(Forbidden):
        await house.assignments.assign(limited, me, AssignmentCreate("administrator"))


async def test_the_last_administrator_stays_whoever_tries(house: House) -> None:
    admin = await house.account("administrator")
    await house.account("administrator", status="disabled")
    assigned = (await house.assignments.list(house.operator, admin)).items[0]
    for caller in (house.operator, house.caller(admin)):
        with pytest.raises(LastAdministrator):
            await house.assignments.unassign(caller, admin, assigned.id)
        for permission in ("*", "ostiary.*", "ostiary.roles.read"):
            with pytest.raises(LastAdministrator):
                await house.grants.create(caller, admin, GrantCreate(permission, Effect.DENY))
    harmless = await house.grants.create(house.operator, admin, GrantCreate("ostiary.keys.read", Effect.ALLOW))
    with pytest.raises(LastAdministrator):
        await house.grants.change(house.operator, admin, harmless.id, GrantChange(Effect.DENY))
    await house.grants.create(house.operator, admin, GrantCreate("documents.*", Effect.DENY))
    await house.grants.create(house.operator, admin, GrantCreate("*", Effect.DENY, Resource("documents", "7")))


async def test_a_denied_administrator_does_not_count_as_one(house: House) -> None:
    first, second = await house.account("administrator"), await house.account("administrator")
    until = datetime(2026, 1, 2, tzinfo=UTC)
    await house.grants.create(house.operator, second, GrantCreate("ostiary.*", Effect.DENY, expires_at=until))
    assigned = (await house.assignments.list(house.operator, first)).items[0]
    with pytest.raises(LastAdministrator):
        await house.assignments.unassign(house.operator, first, assigned.id)
    house.clock.advance(int(until.timestamp() * 1000) - house.clock())
    await house.assignments.unassign(house.operator, first, assigned.id)


async def test_of_two_parallel_removals_of_the_last_two_administrators_one_is_refused(house: House) -> None:
    for _ in range(5):
        pair = [await house.account("administrator") for _ in range(2)]
        assigned = [(await house.assignments.list(house.operator, each)).items[0] for each in pair]
        outcomes = await asyncio.gather(
            *(
                house.assignments.unassign(house.operator, account, each.id)
                for account, each in zip(pair, assigned, strict=True)
            ),
            return_exceptions=True,
        )
        refused = [each for each in outcomes if each is not None]
        assert [type(each) for each in refused] == [LastAdministrator]
        async with house.db.transaction() as tx:
            await tx.bump("authorization")
            await tx.execute("DELETE FROM role_assignments")


async def test_a_removal_and_a_denial_in_parallel_leave_an_administrator(house: House) -> None:
    first, second = await house.account("administrator"), await house.account("administrator")
    assigned = (await house.assignments.list(house.operator, first)).items[0]
    outcomes = await asyncio.gather(
        house.assignments.unassign(house.operator, first, assigned.id),
        house.grants.create(house.operator, second, GrantCreate("ostiary.*", Effect.DENY)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, LastAdministrator) for each in outcomes) == 1
