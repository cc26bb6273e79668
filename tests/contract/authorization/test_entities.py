"""Attributes that are stored: typed by the model, bounded, merged, and seen by the next decision."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.app import Ostiary
from ostiary.authorization import Effect, GrantCreate, Resource
from ostiary.authorization.authorizer import Brought
from tests.attacks.evidence import assert_refused, contents
from tests.support.installation import Person, new_administrator, new_person
from tests.support.sharing import apply_model, relate, related

ONE = "/api/entities/document/1"
ENGINEERS: dict[str, Any] = {
    "effect": "allow",
    "action": "read",
    "resource": "document",
    "condition": {"user.department": "engineering", "resource.classification": "internal"},
}


@pytest.fixture
async def root(ostiary: Ostiary) -> Person:
    await apply_model(ostiary)
    return await new_administrator(ostiary)


async def test_what_is_stored_about_accounts_and_resources_decides_at_once(ostiary: Ostiary, root: Person) -> None:
    ada, one = await new_person(ostiary), Resource("document", "1")
    await root.request("PUT", "/api/policies/engineers", ENGINEERS)

    async def may() -> bool:
        return bool(await ostiary.use.authorizer.decide(ada.id, "document.read", one))

    assert not await may()
    await root.request("PUT", ONE, {"attributes": {"classification": "internal"}})
    put = await root.request("PUT", f"/api/entities/user/{ada.id}", {"attributes": {"department": "engineering"}})
    assert put.status_code == 200, put.text
    assert await may()
    await root.request("PATCH", f"/api/entities/user/{ada.id}", {"attributes": {"department": "sales"}})
    assert not await may()
    await root.request("PATCH", f"/api/entities/user/{ada.id}", {"attributes": {"department": "engineering"}})
    assert await may()
    assert (await root.request("DELETE", ONE)).status_code == 204
    assert not await may()


async def test_what_is_stored_about_a_device_decides_at_once(ostiary: Ostiary, root: Person) -> None:
    policy = {"effect": "allow", "action": "read", "resource": "document", "when": "subject.trusted"}
    await root.request("PUT", "/api/policies/devices", policy)
    device, one = Resource("device", "7"), Resource("document", "1")
    assert not await ostiary.use.authorizer.decide_other(device, "document.read", one, Brought())
    await root.request("PUT", "/api/entities/device/7", {"attributes": {"trusted": True}})
    assert await ostiary.use.authorizer.decide_other(device, "document.read", one)
    await root.request("PUT", "/api/entities/device/7", {"attributes": {"trusted": False}})
    assert not await ostiary.use.authorizer.decide_other(device, "document.read", one)


async def test_a_patch_is_a_json_merge_patch(root: Person) -> None:
    await root.request("PUT", ONE, {"attributes": {"a": {"b": 1, "c": 2}, "d": [1]}})
    answer = await root.request("PATCH", ONE, {"attributes": {"a": {"b": None, "e": 3}, "d": None, "pages": 7}})
    assert answer.json()["attributes"] == {"a": {"c": 2, "e": 3}, "pages": 7}
    assert (await root.request("GET", ONE)).json() == answer.json()
    assert (await root.request("PATCH", "/api/entities/document/2", {"attributes": {"x": 1}})).status_code == 200


@pytest.mark.parametrize(
    ("attributes", "field"),
    [
        ({"classification": 7}, "attributes.classification"),
        ({"pages": "7"}, "attributes.pages"),
        ({"pages": True}, "attributes.pages"),
        ({"pages": 1.5}, "attributes.pages"),
        ({"pages": None}, "attributes.pages"),
        ({"due": "tomorrow"}, "attributes.due"),
        ({"due": "2026-01-01T00:00:00"}, "attributes.due"),
        ({"id": "2"}, "attributes.id"),
        ({"": 1}, "attributes"),
        ({"x" * 129: 1}, "attributes"),
    ],
)
async def test_a_value_that_does_not_fit_is_refused_with_its_field(
    ostiary: Ostiary, root: Person, attributes: dict[str, Any], field: str
) -> None:
    answer = await root.request("PUT", ONE, {"attributes": attributes})
    assert_refused(answer, 400, "invalid_request", attributes)
    assert answer.json()["field"] == field
    many = [
        {"type": "document", "id": "2", "attributes": {}},
        {"type": "document", "id": "1", "attributes": attributes},
    ]
    answer = await root.request("POST", "/api/entities", {"entities": many})
    assert_refused(answer, 400, "invalid_request", attributes)
    assert answer.json()["field"] == f"entities.1.{field}"
    assert (await contents(ostiary))["entities"] == []


async def test_many_are_stored_at_once_and_listed_page_by_page(ostiary: Ostiary, root: Person) -> None:
    many = [{"type": "document", "id": f"{number}", "attributes": {"pages": number}} for number in range(5)]
    answer = await root.request("POST", "/api/entities", {"entities": [*many, {**many[0], "type": "folder"}]})
    assert answer.status_code == 200, answer.text
    await ostiary.use.authorizer.require_fresh(answer.json()["revision"])
    first = (await root.request("GET", "/api/entities/document?limit=3")).json()
    second = (await root.request("GET", f"/api/entities/document?limit=3&cursor={first['next']}")).json()
    assert [each["id"] for each in (*first["items"], *second["items"])] == ["0", "1", "2", "3", "4"]
    assert second["next"] is None
    assert_refused(await root.request("POST", "/api/entities", {"entities": [many[0]] * 2}), 400, "invalid_request")
    assert_refused(await root.request("POST", "/api/entities", {"entities": []}), 400, "invalid_request")


async def test_attributes_have_64_kib_at_most(ostiary: Ostiary, root: Person) -> None:
    from ostiary.authorization import EntityWrite
    from ostiary.errors import InvalidRequest

    write, one = ostiary.use.entities.put, Resource("document", "1")
    longest = 64 * 1024 - len('{"x":""}')
    await write(ostiary.operator(), one, EntityWrite({"x": "y" * longest}))
    with pytest.raises(InvalidRequest):
        await write(ostiary.operator(), one, EntityWrite({"x": "y" * (longest + 1)}))


async def test_entities_that_cannot_be_are_refused(root: Person) -> None:
    body: dict[str, Any] = {"attributes": {}}
    for path, status, code in (
        ("user/acc_nobody", 404, "not_found"),
        ("user/*", 400, "invalid_request"),
        ("anyone/1", 400, "invalid_request"),
        ("ostiary.accounts/1", 400, "invalid_request"),
        ("Document/1", 400, "invalid_request"),
    ):
        assert_refused(await root.request("PUT", f"/api/entities/{path}", body), status, code, path)
    for method in ("GET", "DELETE"):
        assert_refused(await root.request(method, "/api/entities/document/none"), 404, "not_found", method)


async def test_who_writes_attributes_does_not_touch_a_stronger_account(ostiary: Ostiary, root: Person) -> None:
    clerk, ada = await new_person(ostiary), await new_person(ostiary)
    assert_refused(await clerk.request("PUT", ONE, {"attributes": {}}), 403, "forbidden")
    assert_refused(await clerk.request("GET", ONE), 403, "forbidden")
    grant = GrantCreate("ostiary.entities.update", Effect.ALLOW)
    await ostiary.use.grants.create(ostiary.operator(), clerk.id, grant)
    await clerk.request("GET", "/api/auth/me")
    assert (await clerk.request("PUT", f"/api/entities/user/{ada.id}", {"attributes": {}})).status_code == 200
    for method, body in (("PUT", {"attributes": {}}), ("PATCH", {"attributes": {}}), ("DELETE", None)):
        assert_refused(await clerk.request(method, f"/api/entities/user/{root.id}", body), 403, "forbidden", method)


async def test_a_deleted_account_goes_with_its_attributes_and_relations(ostiary: Ostiary, root: Person) -> None:
    ada = await new_person(ostiary)
    await root.request("PUT", f"/api/entities/user/{ada.id}", {"attributes": {"a": 1}})
    await relate(ostiary, f"group:eng#member@user:{ada.id}", f"document:1#owner@user:{ada.id}")
    assert_refused(await root.request("DELETE", f"/api/accounts/{ada.id}"), 409, "last_owner")
    await relate(ostiary, f"document:1#owner@user:{root.id}")
    assert (await root.request("DELETE", f"/api/accounts/{ada.id}")).status_code == 204
    assert (await contents(ostiary))["entities"] == []
    assert await related(ostiary, "group:eng") == set()
    assert await related(ostiary, "document:1") == {f"document:1#owner@user:{root.id}"}
