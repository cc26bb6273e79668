"""Groups hold roles and grants, and their members have them: by the same rules as accounts hold theirs."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.app import Ostiary
from ostiary.audit import Event, read
from ostiary.authorization import Caller, Reason
from tests.attacks.evidence import assert_refused
from tests.support.installation import Person, new_administrator, new_client, new_person
from tests.support.sharing import apply_model, relate

ENG = "/api/groups/eng"


@pytest.fixture
async def root(ostiary: Ostiary) -> Person:
    await apply_model(ostiary)
    person = await new_administrator(ostiary)
    await person.request("POST", "/api/roles", {"name": "writer", "permissions": ["documents.write"]})
    return person


async def test_a_member_has_what_the_group_has_until_either_ends(ostiary: Ostiary, root: Person) -> None:
    ada = await new_person(ostiary)
    await relate(ostiary, f"group:core#member@user:{ada.id}", "group:eng#member@group:core#member")
    decide = ostiary.use.authorizer.decide
    made = await root.request("POST", f"{ENG}/roles", {"role": "writer"})
    assert made.status_code == 201, made.text
    assert (made.json()["group_id"], made.json()["account_id"]) == ("eng", None)
    decision = await decide(ada.id, "documents.write")
    assert decision.allowed
    assert "group:eng" in str(decision.because[0])
    denial = {"permission": "documents.write", "effect": "deny"}
    denied = await root.request("POST", f"{ENG}/grants", denial)
    assert denied.status_code == 201, denied.text
    assert (await decide(ada.id, "documents.write")).reason is Reason.DENIED_EXPLICITLY
    one = f"{ENG}/grants/{denied.json()['id']}"
    assert (await root.request("PATCH", one, {"effect": "allow"})).json()["effect"] == "allow"
    assert (await root.request("DELETE", one)).status_code == 204
    assert (await root.request("DELETE", f"{ENG}/roles/{made.json()['id']}")).status_code == 204
    assert not await decide(ada.id, "documents.write")


async def test_what_a_group_holds_is_read_as_of_an_account_and_by_no_other_path(root: Person) -> None:
    for kind, body in (("roles", {"role": "writer"}), ("grants", {"permission": "a.b", "effect": "allow"})):
        made = (await root.request("POST", f"{ENG}/{kind}", body)).json()
        assert (await root.request("GET", f"{ENG}/{kind}")).json() == {"items": [made], "next": None}
        assert (await root.request("GET", f"{ENG}/{kind}/{made['id']}")).json() == made
        for elsewhere in ("/api/groups/other", f"/api/accounts/{root.id}", "/api/accounts/group%23member:eng"):
            for method in ("GET", "DELETE"):
                answer = await root.request(method, f"{elsewhere}/{kind}/{made['id']}")
                assert_refused(answer, 404, "not_found", elsewhere)
        again = await root.request("POST", f"{ENG}/{kind}", body)
        assert again.status_code == (201 if kind == "roles" else 409)


async def test_what_happens_to_groups_is_recorded_with_the_group(ostiary: Ostiary, root: Person) -> None:
    made = (await root.request("POST", f"{ENG}/roles", {"role": "writer"})).json()
    await root.request("DELETE", f"{ENG}/roles/{made['id']}")
    for event in (Event.ROLE_ASSIGNED, Event.ROLE_UNASSIGNED):
        (found,) = (each for each in (await read(ostiary.use.db, event=event)).items if "group" in each.data)
        assert (found.account_id, found.data["group"], found.data["role"]) == (None, "eng", "writer")


async def test_members_sessions_get_new_secrets_when_what_they_may_do_changes(ostiary: Ostiary, root: Person) -> None:
    ada, ben = await new_person(ostiary), await new_person(ostiary)
    await relate(ostiary, f"group:core#member@user:{ada.id}", "group:eng#member@group:core#member")

    async def epoch(person: Person) -> int:
        statement = "SELECT privilege_epoch FROM accounts WHERE id = :id"
        found: int = await ostiary.use.db.fetch_value(statement, id=person.id)
        return found

    before = await epoch(ada), await epoch(ben)
    await root.request("POST", f"{ENG}/roles", {"role": "writer"})
    assert (await epoch(ada), await epoch(ben)) == (before[0] + 1, before[1])
    await relate(ostiary, f"group:core#member@user:{ben.id}")
    assert (await epoch(ada), await epoch(ben)) == (before[0] + 1, before[1] + 1)
    await relate(ostiary, f"group:other#member@user:{ben.id}")
    assert await epoch(ben) == before[1] + 1


async def test_a_role_of_a_group_asks_its_members_for_a_second_factor(ostiary: Ostiary, root: Person) -> None:
    ada = await new_person(ostiary)
    await relate(ostiary, f"group:core#member@user:{ada.id}", "group:eng#member@group:core#member")
    await root.request("PATCH", "/api/roles/writer", {"sign_in_policy": "two_factors"})

    async def sign_in() -> dict[str, Any]:
        body = {"identifier": ada.email, "password": ada.password, "delivery": "token"}
        found: dict[str, Any] = (await new_client(ostiary).post("/api/auth/login", json=body)).json()
        return found

    assert "access_token" in await sign_in()
    await root.request("POST", f"{ENG}/roles", {"role": "writer"})
    assert "access_token" not in await sign_in()


async def test_a_person_sees_the_roles_of_their_groups_among_their_own(ostiary: Ostiary, root: Person) -> None:
    ada = await new_person(ostiary)
    await relate(ostiary, f"group:eng#member@user:{ada.id}")
    await root.request("POST", f"{ENG}/roles", {"role": "writer"})
    await root.request("POST", f"/api/accounts/{ada.id}/roles", {"role": "writer"})
    caller = Caller("account", ada.id, authorizer=ostiary.use.authorizer)
    held = await ostiary.use.assignments.own(caller)
    assert [each.name for each in held] == ["writer"]


async def test_a_group_denied_what_the_last_administrator_needs_is_refused(ostiary: Ostiary, root: Person) -> None:
    denial = {"permission": "ostiary.*", "effect": "deny"}
    await relate(ostiary, f"group:eng#member@user:{root.id}")
    assert_refused(await root.request("POST", f"{ENG}/grants", denial), 409, "last_administrator")
    assert (await root.request("POST", "/api/groups/out/grants", denial)).status_code == 201
    write = {"writes": [f"group:out#member@user:{root.id}"]}
    assert_refused(await root.request("POST", "/api/relations", write), 409, "last_administrator")
    other = await new_administrator(ostiary)
    assert (await other.request("POST", "/api/relations", write)).status_code == 200
    assert_refused(await other.request("DELETE", f"/api/accounts/{other.id}"), 409, "last_administrator")


async def test_grants_of_everybody_are_found_by_what_they_are_about(ostiary: Ostiary, root: Person) -> None:
    ada = await new_person(ostiary)
    on_seven = {"resource": {"type": "documents", "id": "7"}}
    for holder in (f"/api/accounts/{ada.id}", ENG):
        for permission, where in (("documents.read", on_seven), ("documents.write", {})):
            body = {"permission": permission, "effect": "allow", **where}
            assert (await root.request("POST", f"{holder}/grants", body)).status_code == 201

    async def found(query: str) -> list[tuple[str, str]]:
        items = (await root.request("GET", f"/api/grants?{query}")).json()["items"]
        return sorted((each["account_id"] or each["group_id"], each["permission"]) for each in items)

    assert await found("permission=documents.read") == [(ada.id, "documents.read"), ("eng", "documents.read")]
    assert await found("resource_type=documents&resource_id=7") == await found("permission=documents.read")
    first = (await root.request("GET", "/api/grants?limit=3")).json()
    rest = (await root.request("GET", f"/api/grants?limit=3&cursor={first['next']}")).json()
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (3, 1, None)
    assert_refused(await ada.request("GET", "/api/grants"), 403, "forbidden")
    assert (await root.request("GET", "/api/grants?limit=0")).status_code == 400
