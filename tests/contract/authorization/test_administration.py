"""Roles, assignments and grants as they are administered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from ostiary.audit import Event, read
from ostiary.authorization import (
    AssignmentCreate,
    Caller,
    Effect,
    GrantChange,
    GrantCreate,
    Resource,
    RoleChange,
    RoleCreate,
)
from ostiary.base.clock import rfc3339
from ostiary.errors import Conflict, InvalidRequest, NotFound, OstiaryError, Unauthenticated
from tests.contract.authorization.conftest import House


async def test_a_role_is_made_read_changed_and_deleted_and_each_is_recorded(house: House) -> None:
    made = await house.roles.create(
        house.operator, RoleCreate("editor", "Edits.", ("documents.write", "documents.read", "documents.read"))
    )
    assert made.permissions == ["documents.read", "documents.write"]
    assert (made.builtin, made.includes, made.created_at) == (False, [], rfc3339(house.clock()))
    house.clock.advance(5)
    changed = await house.roles.change(house.operator, "editor", RoleChange(permissions=()))
    assert (changed.description, changed.permissions) == ("Edits.", [])
    assert (changed.created_at, changed.updated_at) == (made.created_at, rfc3339(house.clock()))
    assert await house.roles.get(house.operator, "editor") == changed
    await house.roles.delete(house.operator, "editor")
    with pytest.raises(NotFound):
        await house.roles.get(house.operator, "editor")
    recorded = [(each.event, each.actor, each.data["role"]) for each in (await read(house.db)).items]
    assert set(recorded) == {
        (event.value, "operator", "editor") for event in (Event.ROLE_CREATED, Event.ROLE_CHANGED, Event.ROLE_DELETED)
    }


async def test_roles_are_listed_by_name_page_by_page(house: House) -> None:
    for number in range(5):
        await house.roles.create(house.operator, RoleCreate(f"role{number}", permissions=(f"a.b{number}",)))
    first = await house.roles.list(house.operator, limit=4)
    second = await house.roles.list(house.operator, first.next, 4)
    assert [role.name for role in first.items] == ["administrator", "role0", "role1", "role2"]
    assert [role.permissions for role in second.items] == [["a.b3"], ["a.b4"]]
    assert second.next is None


@pytest.mark.parametrize(
    ("cursor", "limit"), [("%%%", 50), ("", 50), ("AAAA", 50), ("a" * 600, 50), (None, 0), (None, 201)]
)
async def test_a_cursor_or_limit_that_is_none_is_refused(house: House, cursor: str | None, limit: int) -> None:
    with pytest.raises(InvalidRequest):
        await house.roles.list(house.operator, cursor, limit)


async def test_a_role_cannot_come_to_include_itself_and_the_way_is_named(house: House) -> None:
    await house.roles.create(house.operator, RoleCreate("reader"))
    await house.roles.create(house.operator, RoleCreate("writer", includes=("reader",)))
    await house.roles.create(house.operator, RoleCreate("editor", includes=("writer",)))
    with pytest.raises(InvalidRequest, match="reader → editor → writer → reader"):
        await house.roles.change(house.operator, "reader", RoleChange(includes=("editor",)))
    with pytest.raises(InvalidRequest, match="selfish → selfish"):
        await house.roles.create(house.operator, RoleCreate("selfish", includes=("selfish",)))
    assert (await house.roles.get(house.operator, "reader")).includes == []
    with pytest.raises(NotFound):
        await house.roles.get(house.operator, "selfish")


async def test_two_parallel_changes_cannot_make_a_cycle_together(house: House) -> None:
    for name in ("left", "right"):
        await house.roles.create(house.operator, RoleCreate(name))
    outcomes = await asyncio.gather(
        house.roles.change(house.operator, "left", RoleChange(includes=("right",))),
        house.roles.change(house.operator, "right", RoleChange(includes=("left",))),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in outcomes) == ["InvalidRequest", "Role"]


@pytest.mark.parametrize(
    "new",
    [
        RoleCreate("Editor"),
        RoleCreate("editor", "x" * 501),
        RoleCreate("editor", permissions=("documents",)),
        RoleCreate("editor", permissions=("documents.read\x00",)),
        RoleCreate("editor", permissions=tuple(f"a.b{n}" for n in range(501))),
        RoleCreate("editor", includes=("nobody",)),
        RoleCreate("editor", includes=tuple(f"r{n}" for n in range(51))),
    ],
)
async def test_a_role_that_is_not_well_formed_leaves_nothing_behind(house: House, new: RoleCreate) -> None:
    with pytest.raises(InvalidRequest):
        await house.roles.create(house.operator, new)
    assert [role.name for role in (await house.roles.list(house.operator)).items] == ["administrator"]
    assert (await read(house.db)).items == []


async def test_a_role_is_made_once(house: House) -> None:
    new = RoleCreate("editor", permissions=("documents.write",))
    await house.roles.create(house.operator, new)
    with pytest.raises(Conflict):
        await house.roles.create(house.operator, RoleCreate("editor"))
    assert (await house.roles.get(house.operator, "editor")).permissions == ["documents.write"]


async def test_a_role_in_use_is_not_deleted_and_the_uses_are_counted(house: House) -> None:
    await house.roles.create(house.operator, RoleCreate("reader"))
    await house.roles.create(house.operator, RoleCreate("writer", includes=("reader",)))
    await house.account("reader")
    with pytest.raises(Conflict, match="assigned 1 times, included by 1 other"):
        await house.roles.delete(house.operator, "reader")


async def test_the_builtin_role_stays_as_it_is(house: House) -> None:
    with pytest.raises(Conflict):
        await house.roles.change(house.operator, "administrator", RoleChange(permissions=()))
    with pytest.raises(Conflict):
        await house.roles.delete(house.operator, "administrator")


async def test_a_hundred_parallel_assignments_of_one_role_are_one(house: House) -> None:
    await house.roles.create(house.operator, RoleCreate("reader"))
    ann = await house.account()
    answers = await asyncio.gather(
        *(house.assignments.assign(house.operator, ann, AssignmentCreate("reader")) for _ in range(100))
    )
    assert len({each.id for each in answers}) == 1
    assert len((await house.assignments.list(house.operator, ann)).items) == 1
    assert len((await read(house.db, event=Event.ROLE_ASSIGNED)).items) == 1


async def test_a_role_is_assigned_everywhere_and_on_resources_apart(house: House) -> None:
    await house.roles.create(house.operator, RoleCreate("reader"))
    ann = await house.account("reader")
    there = await house.assignments.assign(house.operator, ann, AssignmentCreate("reader", Resource("documents", "7")))
    shown = (await house.assignments.list(house.operator, ann)).items
    assert {each.resource for each in shown} == {None, Resource("documents", "7")}
    await house.assignments.unassign(house.operator, ann, there.id)
    assert [each.resource for each in (await house.assignments.list(house.operator, ann)).items] == [None]
    with pytest.raises(NotFound):
        await house.assignments.unassign(house.operator, ann, there.id)


async def test_an_assignment_needs_an_account_a_role_and_a_resource_that_are_such(house: House) -> None:
    ann = await house.account()
    with pytest.raises(InvalidRequest):
        await house.assignments.assign(house.operator, ann, AssignmentCreate("nobody"))
    with pytest.raises(InvalidRequest):
        await house.assignments.assign(
            house.operator, ann, AssignmentCreate("administrator", Resource("documents", ""))
        )
    with pytest.raises(NotFound):
        await house.assignments.assign(house.operator, "acc_nobody", AssignmentCreate("administrator"))


async def test_one_accounts_assignment_or_grant_is_not_reached_through_another(house: House) -> None:
    ann, ben = await house.account(), await house.account()
    await house.roles.create(house.operator, RoleCreate("reader"))
    assigned = await house.assignments.assign(house.operator, ann, AssignmentCreate("reader"))
    granted = await house.grants.create(house.operator, ann, GrantCreate("documents.read", Effect.ALLOW))
    with pytest.raises(NotFound):
        await house.assignments.unassign(house.operator, ben, assigned.id)
    with pytest.raises(NotFound):
        await house.grants.delete(house.operator, ben, granted.id)
    with pytest.raises(NotFound):
        await house.grants.change(house.operator, ben, granted.id, GrantChange(Effect.DENY))


async def test_a_grant_is_made_changed_and_deleted_and_each_is_recorded(house: House) -> None:
    ann, tomorrow = await house.account(), datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=timezone(timedelta(hours=1)))
    made = await house.grants.create(
        house.operator, ann, GrantCreate("documents.read", Effect.ALLOW, Resource("documents", "7"), tomorrow)
    )
    assert made.expires_at == "2026-01-02T02:04:05.006Z"
    changed = await house.grants.change(house.operator, ann, made.id, GrantChange(Effect.DENY))
    assert (changed.effect, changed.expires_at) == (Effect.DENY, made.expires_at)
    changed = await house.grants.change(house.operator, ann, made.id, GrantChange(expires_at=None))
    assert (changed.effect, changed.expires_at) == (Effect.DENY, None)
    assert (await house.grants.list(house.operator, ann)).items == [changed]
    await house.grants.delete(house.operator, ann, made.id)
    assert (await house.grants.list(house.operator, ann)).items == []
    recorded = [each.event for each in (await read(house.db, account_id=ann)).items]
    assert sorted(recorded) == ["grant.changed", "grant.changed", "grant.created", "grant.deleted"]


async def test_the_same_grant_is_not_made_twice(house: House) -> None:
    ann = await house.account()
    await house.grants.create(house.operator, ann, GrantCreate("documents.read", Effect.ALLOW))
    denial = await house.grants.create(house.operator, ann, GrantCreate("documents.read", Effect.DENY))
    with pytest.raises(Conflict):
        await house.grants.create(house.operator, ann, GrantCreate("documents.read", Effect.ALLOW))
    with pytest.raises(Conflict, match="another grant that says the same"):
        await house.grants.change(house.operator, ann, denial.id, GrantChange(Effect.ALLOW))


@pytest.mark.parametrize(
    "wrong",
    [
        {"permission": "documents"},
        {"resource": Resource("documents", "a\nb")},
        {"expires_at": datetime(2025, 12, 31, tzinfo=UTC)},
        {"expires_at": datetime(2030, 1, 1)},  # noqa: DTZ001 - on purpose
        {"expires_at": datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-5)))},
    ],
)
async def test_a_grant_that_is_not_well_formed_is_refused(house: House, wrong: dict[str, Any]) -> None:
    ann = await house.account()
    new = GrantCreate(**({"permission": "documents.read", "effect": Effect.ALLOW} | wrong))
    with pytest.raises(InvalidRequest):
        await house.grants.create(house.operator, ann, new)
    assert (await house.grants.list(house.operator, ann)).items == []


async def test_every_use_case_asks_for_its_permission_first(house: House) -> None:
    calls: list[Callable[[Caller], Awaitable[object]]] = [
        house.roles.list,
        lambda who: house.roles.get(who, "administrator"),
        lambda who: house.roles.create(who, RoleCreate("editor")),
        lambda who: house.roles.change(who, "administrator", RoleChange()),
        lambda who: house.roles.delete(who, "administrator"),
        lambda who: house.assignments.list(who, "acc_1"),
        lambda who: house.assignments.assign(who, "acc_1", AssignmentCreate("editor")),
        lambda who: house.assignments.unassign(who, "acc_1", "asg_1"),
        lambda who: house.grants.list(who, "acc_1"),
        lambda who: house.grants.create(who, "acc_1", GrantCreate("a.b", Effect.ALLOW)),
        lambda who: house.grants.change(who, "acc_1", "grt_1", GrantChange()),
        lambda who: house.grants.delete(who, "acc_1", "grt_1"),
    ]
    plain, missing = house.caller(await house.account()), []
    for call in calls:
        with pytest.raises(Unauthenticated):
            await call(Caller.anonymous())
        with pytest.raises(OstiaryError) as refused:
            await call(plain)
        missing.append(refused.value.extra["permission"])
    assert missing == [
        *(f"ostiary.roles.{verb}" for verb in ("read", "read", "create", "update", "delete")),
        *(f"ostiary.assignments.{verb}" for verb in ("read", "create", "delete")),
        *(f"ostiary.grants.{verb}" for verb in ("read", "create", "update", "delete")),
    ]
