"""Privilege: an administrator of a little does not become one of everything, over HTTP."""

from __future__ import annotations

from typing import Any

from ostiary.app import Ostiary
from ostiary.authorization import Effect, GrantCreate
from tests.attacks.evidence import assert_refused, contents
from tests.support.installation import Person, new_administrator, new_client, new_person


async def with_permissions(ostiary: Ostiary, *permissions: str) -> Person:
    person = await new_person(ostiary)
    for permission in permissions:
        await ostiary.use.grants.create(ostiary.operator(), person.id, GrantCreate(permission, Effect.ALLOW))
    assert (await person.request("GET", "/api/auth/me")).status_code == 200  # takes the new secret that is due
    return person


async def test_who_may_change_accounts_does_not_touch_a_stronger_one(ostiary: Ostiary) -> None:
    """Its address would be the way to its mail box, and its end the way out of being watched."""
    clerk = await with_permissions(
        ostiary,
        "ostiary.accounts.update",
        "ostiary.accounts.delete",
        "ostiary.accounts.read",
        "ostiary.sessions.delete",
        "ostiary.sessions.read",
    )
    boss = await new_administrator(ostiary)
    session = (await boss.request("GET", "/api/sessions")).json()["items"][0]["id"]
    before = await contents(ostiary, besides=["audit_events"])
    tries: list[tuple[str, str, Any]] = [
        ("PATCH", f"/api/accounts/{boss.id}", {"email": "eve@example.com"}),
        ("PATCH", f"/api/accounts/{boss.id}", {"username": "eve"}),
        ("PATCH", f"/api/accounts/{boss.id}", {"name": "Eve"}),
        ("PATCH", f"/api/accounts/{boss.id}", {"status": "disabled"}),
        ("DELETE", f"/api/accounts/{boss.id}", None),
        ("DELETE", f"/api/accounts/{boss.id}/sessions", None),
        ("DELETE", f"/api/accounts/{boss.id}/sessions/{session}", None),
    ]
    for method, path, body in tries:
        assert_refused(await clerk.request(method, path, body), 403, "forbidden", (method, path, body))
    assert await contents(ostiary, besides=["audit_events"]) == before
    assert (await boss.request("GET", "/api/accounts")).status_code == 200
    # What they hold is enough for everybody else.
    person = await new_person(ostiary)
    assert (await clerk.request("PATCH", f"/api/accounts/{person.id}", {"status": "disabled"})).status_code == 200


async def test_who_may_hand_out_roles_hands_out_no_more_than_they_hold(ostiary: Ostiary) -> None:
    clerk = await with_permissions(
        ostiary,
        "ostiary.assignments.create",
        "ostiary.assignments.delete",
        "ostiary.grants.create",
        "ostiary.roles.create",
        "ostiary.roles.update",
    )
    accomplice, boss = await new_person(ostiary), await new_administrator(ostiary)
    held = (await boss.request("GET", f"/api/accounts/{boss.id}/roles")).json()["items"][0]["id"]
    for who in (clerk.id, accomplice.id):
        body: dict[str, Any] = {"role": "administrator"}
        assert_refused(await clerk.request("POST", f"/api/accounts/{who}/roles", body), 403, "forbidden")
        for permission in ("*", "ostiary.*", "ostiary.accounts.*", "ostiary.accounts.delete"):
            body = {"permission": permission, "effect": "allow"}
            answer = await clerk.request("POST", f"/api/accounts/{who}/grants", body)
            assert_refused(answer, 403, "forbidden", permission)
    for permissions in (["*"], ["ostiary.*"], ["ostiary.accounts.delete"]):
        body = {"name": "helper", "permissions": permissions}
        assert_refused(await clerk.request("POST", "/api/roles", body), 403, "forbidden", permissions)
    body = {"name": "helper", "permissions": [], "includes": ["administrator"]}
    assert_refused(await clerk.request("POST", "/api/roles", body), 403, "forbidden")
    answer = await clerk.request("PATCH", "/api/roles/administrator", {"permissions": ["documents.read"]})
    assert not answer.is_success
    assert_refused(await clerk.request("DELETE", f"/api/accounts/{boss.id}/roles/{held}"), 403, "forbidden")
    assert_refused(await clerk.request("GET", "/api/accounts"), 403, "forbidden")


async def test_somebody_elses_sessions_and_data_are_not_reached_by_their_id(ostiary: Ostiary) -> None:
    person, victim = await new_person(ostiary), await new_person(ostiary)
    await victim.request("PATCH", "/api/session/data", {"cart": ["lantern"]})
    session = (await victim.request("GET", "/api/sessions")).json()["items"][0]["id"]
    assert_refused(await person.request("DELETE", f"/api/sessions/{session}"), 404, "not_found")
    for path in ("", "/sessions", "/roles", "/grants"):
        answer = await person.request("GET", f"/api/accounts/{victim.id}{path}")
        assert_refused(answer, 403, "forbidden", path)
    assert (await person.request("GET", "/api/session/data")).json() == {}
    assert (await victim.request("GET", "/api/session/data")).json() == {"cart": ["lantern"]}


async def test_what_does_not_exist_and_what_is_forbidden_are_the_same_to_who_may_not_look(ostiary: Ostiary) -> None:
    person, victim = await new_person(ostiary), await new_person(ostiary)
    for path in ("/api/accounts/{}", "/api/accounts/{}/sessions", "/api/accounts/{}/roles"):
        answers = [await person.request("GET", path.format(each)) for each in (victim.id, victim.id[:-1] + "0", "x")]
        assert len({(answer.status_code, answer.json()["title"]) for answer in answers}) == 1, path


async def test_a_service_has_no_password_to_sign_in_with(ostiary: Ostiary) -> None:
    boss = await new_administrator(ostiary)
    body = {"kind": "service", "name": "Backup", "username": "backup", "password": "a long enough lantern"}
    assert_refused(await boss.request("POST", "/api/accounts", body), 400, "invalid_request")
    created = await boss.request("POST", "/api/accounts", {**body, "password": None})
    assert created.status_code == 201, created.text
    for password in ("", "None", "null", "a long enough lantern"):
        credentials = {"identifier": "backup", "password": password}
        answer = await new_client(ostiary).post("/api/auth/login", json=credentials)
        assert_refused(answer, 401, "invalid_credentials", password)
