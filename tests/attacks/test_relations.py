"""Relations: nobody becomes more by them than who wrote them may make of anybody, and races have one winner."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ostiary.app import Ostiary
from ostiary.authorization import Caller, Effect, GrantCreate, RelationWrite
from ostiary.errors import Forbidden
from tests.attacks.evidence import assert_refused, contents
from tests.support.installation import Person, new_administrator, new_person
from tests.support.sharing import apply_model, relate, related


async def with_permissions(ostiary: Ostiary, *permissions: str) -> Person:
    person = await new_person(ostiary)
    for permission in permissions:
        await ostiary.use.grants.create(ostiary.operator(), person.id, GrantCreate(permission, Effect.ALLOW))
    assert (await person.request("GET", "/api/auth/me")).status_code == 200  # takes the new secret that is due
    return person


async def test_who_may_write_relations_puts_nobody_into_a_group_that_administers(ostiary: Ostiary) -> None:
    """Directly, through a group in the group, by a list, or out of one that denies."""
    await apply_model(ostiary)
    clerk, root = await with_permissions(ostiary, "ostiary.relations.update"), await new_administrator(ostiary)
    await root.request("POST", "/api/groups/admins/roles", {"role": "administrator"})
    await root.request("POST", "/api/groups/barred/grants", {"permission": "ostiary.accounts.read", "effect": "deny"})
    await relate(ostiary, "group:admins#member@group:inner#member", "group:inner#member@user:x")
    await relate(ostiary, f"group:barred#member@user:{clerk.id}")
    before = await contents(ostiary, besides=["audit_events", "sessions"])
    for body in (
        {"writes": [f"group:admins#member@user:{clerk.id}"]},
        {"writes": [f"group:inner#member@user:{clerk.id}"]},
        {"writes": [f"group:new#member@user:{clerk.id}", "group:inner#member@group:new#member"]},
        {"writes": ["group:inner#member@group:new#member", f"group:new#member@user:{clerk.id}"]},
        {"deletes": ["group:inner#member@user:x"]},
        {"deletes": [f"group:barred#member@user:{clerk.id}"]},
        {"delete_objects": ["group:barred"]},
        {"delete_objects": ["group:inner"]},
        {"delete_objects": [f"user:{clerk.id}"]},
    ):
        assert_refused(await clerk.request("POST", "/api/relations", body), 403, "forbidden", body)
    assert await contents(ostiary, besides=["audit_events", "sessions"]) == before
    assert_refused(await clerk.request("GET", "/api/accounts"), 403, "forbidden")
    harmless = {"writes": [f"group:eng#member@user:{clerk.id}"]}
    assert (await clerk.request("POST", "/api/relations", harmless)).status_code == 200
    mine = {"writes": [f"group:inner#member@user:{root.id}"]}
    assert (await root.request("POST", "/api/relations", mine)).status_code == 200


async def test_who_may_hand_out_roles_gives_no_group_more_than_they_hold(ostiary: Ostiary) -> None:
    clerk = await with_permissions(ostiary, "ostiary.assignments.*", "ostiary.grants.*")
    root = await new_administrator(ostiary)
    held = (await root.request("POST", "/api/groups/admins/roles", {"role": "administrator"})).json()["id"]
    for method, path, body in (
        ("POST", "/api/groups/eng/roles", {"role": "administrator"}),
        ("POST", "/api/groups/eng/grants", {"permission": "ostiary.accounts.read", "effect": "allow"}),
        ("POST", "/api/groups/eng/grants", {"permission": "*", "effect": "allow"}),
        ("DELETE", f"/api/groups/admins/roles/{held}", None),
    ):
        assert_refused(await clerk.request(method, path, body), 403, "forbidden", (method, path, body))


async def test_a_member_of_a_group_that_administers_is_out_of_reach_for_lesser_clerks(ostiary: Ostiary) -> None:
    clerk = await with_permissions(ostiary, "ostiary.accounts.update", "ostiary.accounts.delete")
    root, ada = await new_administrator(ostiary), await new_person(ostiary)
    await root.request("POST", "/api/groups/admins/roles", {"role": "administrator"})
    await relate(ostiary, f"group:admins#member@user:{ada.id}")
    assert_refused(await clerk.request("DELETE", f"/api/accounts/{ada.id}"), 403, "forbidden")


async def test_of_a_hundred_that_remove_the_last_two_owners_one_owner_is_left(ostiary: Ostiary) -> None:
    await apply_model(ostiary)
    ada, ben = await new_person(ostiary, delivery="token"), await new_person(ostiary, delivery="token")
    await relate(ostiary, f"document:1#owner@user:{ada.id}", f"document:1#owner@user:{ben.id}")

    def remove(who: Person, whom: Person) -> Any:
        body = {"remove": [{"subject": {"account": whom.id}, "level": "owner"}]}
        return who.request("PATCH", "/api/acl/document/1", body)

    answers = await asyncio.gather(*(remove(*pair) for _ in range(50) for pair in ((ada, ben), (ben, ada))))
    assert {answer.status_code for answer in answers} <= {200, 403, 409, 503}
    assert sum(answer.status_code == 200 for answer in answers) >= 1
    assert len(await related(ostiary, "document:1")) == 1


async def test_of_a_hundred_writers_under_one_condition_one_wins(ostiary: Ostiary) -> None:
    await apply_model(ostiary)
    root = await new_administrator(ostiary, delivery="token")
    free = [{"filter": {"object": "folder:a", "relation": "parent"}, "exists": False}]

    def claim(number: int) -> Any:
        body = {"writes": [f"folder:a#parent@folder:{number}"], "preconditions": free}
        return root.request("POST", "/api/relations", body)

    answers = await asyncio.gather(*(claim(number) for number in range(100)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200] + [409] * 99
    (winner,) = (number for number, answer in enumerate(answers) if answer.status_code == 200)
    assert await related(ostiary, "folder:a") == {f"folder:a#parent@folder:{winner}"}


async def test_a_token_of_few_scopes_shares_and_writes_nothing_beyond_them(ostiary: Ostiary) -> None:
    await apply_model(ostiary)
    root = await new_administrator(ostiary)
    await root.request("POST", "/api/groups/admins/roles", {"role": "administrator"})
    scopes = frozenset({"ostiary.relations.update"})
    caller = Caller("account", root.id, scopes=scopes, authorizer=ostiary.use.authorizer)
    with pytest.raises(Forbidden, match="ostiary"):
        await ostiary.use.relations.write(caller, RelationWrite(("group:admins#member@user:x",)))
