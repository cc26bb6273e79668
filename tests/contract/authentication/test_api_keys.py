"""The life of an API key, over HTTP: made, seen, shown, changed, rotated, revoked."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.accounts import AccountCreate
from ostiary.app import Ostiary
from ostiary.authorization import Effect, GrantCreate
from ostiary.base.clock import DAY, MINUTE, SECOND, rfc3339
from tests.support.api_keys import OWN, WHO, holder_of, may, new_api_key, opens, show_key, theirs
from tests.support.installation import new_administrator, new_client, new_person
from tests.support.sessions import recorded
from tests.support.time import ManualClock

MEMBERS = {
    "id",
    "account_id",
    "name",
    "hint",
    "scopes",
    "networks",
    "created_at",
    "expires_at",
    "used_at",
    "rotated_at",
    "previous_until",
}


async def test_a_key_is_made_and_shown_once(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await holder_of(ostiary, "documents.read")
    until = rfc3339(clock.now + 30 * DAY)
    body = {"name": " nightly export ", "scopes": ["documents.read"], "expires_at": until, "networks": ["10.0.0.0/8"]}
    answer = await person.request("POST", OWN, body)
    made = answer.json()
    assert (answer.status_code, made.keys()) == (201, MEMBERS | {"key"})
    assert (made["name"], made["scopes"], made["networks"]) == ("nightly export", ["documents.read"], ["10.0.0.0/8"])
    assert (made["created_at"], made["expires_at"], made["used_at"]) == (rfc3339(clock.now), until, None)
    assert made["key"].endswith(made["hint"])
    assert answer.headers["cache-control"] == "no-store"
    secret = made.pop("key")
    assert (await person.request("GET", OWN)).json() == {"items": [made], "next": None}
    one = await person.request("GET", f"{OWN}/{made['id']}")
    assert one.json() == made
    assert secret not in one.text


@pytest.mark.parametrize("header", ["X-API-Key", "x-api-key", "Authorization"])
async def test_a_key_says_who_calls_in_either_header(ostiary: Ostiary, header: str) -> None:
    person = await holder_of(ostiary, "documents.read", "documents.write")
    made = await new_api_key(person, "documents.write", "documents.read")
    value = f"Bearer {made['key']}" if header == "Authorization" else made["key"]
    async with new_client(ostiary) as client:
        me = (await client.get(WHO, headers={header: value})).json()
    assert (me["account"]["id"], me["method"], me["sign_in"]) == (person.id, "api_key", made["id"])
    assert (me["amr"], me["acr"], me["authenticated_at"], me["csrf_token"]) == ([], "", None, None)
    assert me["scopes"] == ["documents.read", "documents.write"]


async def test_who_has_signed_in_is_not_told_of_scopes(ostiary: Ostiary) -> None:
    assert "scopes" not in (await (await new_person(ostiary)).request("GET", WHO)).json()


async def test_a_key_may_do_what_its_scopes_name_and_its_owner_may(ostiary: Ostiary) -> None:
    person = await holder_of(ostiary, "documents.*", "letters.send")
    key = (await new_api_key(person, "documents.read", "letters.send"))["key"]
    assert await may(ostiary, key, "documents.read")
    assert await may(ostiary, key, "letters.send")
    assert not await may(ostiary, key, "documents.write")


async def test_a_wildcard_covers_what_comes_under_it(ostiary: Ostiary) -> None:
    person = await holder_of(ostiary, "documents.*")
    key = (await new_api_key(person, "documents.*"))["key"]
    assert await may(ostiary, key, "documents.write")
    assert not await may(ostiary, key, "letters.send")


async def test_a_key_without_scopes_shows_who_calls_and_may_do_nothing(ostiary: Ostiary) -> None:
    administrator = await new_administrator(ostiary)
    key = (await administrator.request("POST", OWN, {"name": "bare"})).json()["key"]
    assert (await show_key(ostiary, key)).json()["scopes"] == []
    refused = await show_key(ostiary, key, "/api/accounts")
    assert (refused.status_code, refused.json()["permission"]) == (403, "ostiary.accounts.read")
    assert not await may(ostiary, key, "ostiary.accounts.read")


async def test_a_key_of_an_administrator_administers_within_its_scopes(ostiary: Ostiary) -> None:
    key = (await new_api_key(await new_administrator(ostiary), "ostiary.accounts.*"))["key"]
    assert (await show_key(ostiary, key, "/api/accounts")).status_code == 200
    body = {"name": "a service", "kind": "service"}
    assert (await show_key(ostiary, key, "/api/accounts", "POST", body)).status_code == 201  # no form token
    assert (await show_key(ostiary, key, "/api/roles")).status_code == 403


async def test_a_key_ends_at_its_expiry(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    key = (await new_api_key(person, expires_at=rfc3339(clock.now + DAY)))["key"]
    clock.advance(DAY - 1)
    assert await opens(ostiary, key)
    clock.advance(1)
    assert not await opens(ostiary, key)


async def test_a_revoked_key_opens_nothing(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    made = await new_api_key(person)
    assert await opens(ostiary, made["key"])
    assert (await person.request("DELETE", f"{OWN}/{made['id']}")).status_code == 204
    assert not await opens(ostiary, made["key"])
    assert (await person.request("GET", OWN)).json()["items"] == []
    assert (await person.request("DELETE", f"{OWN}/{made['id']}")).status_code == 404


async def test_a_rotated_key_has_another_secret_and_the_one_before_for_as_long_as_was_asked(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person = await new_person(ostiary)
    first = await new_api_key(person)
    rotated = (await person.request("POST", f"{OWN}/{first['id']}/rotate", {"overlap": 3600})).json()
    assert rotated["id"] == first["id"]
    assert rotated["key"] != first["key"]
    assert rotated["key"].endswith(rotated["hint"])
    assert rotated["rotated_at"] == rfc3339(clock.now)
    assert rotated["previous_until"] == rfc3339(clock.now + 3600 * SECOND)
    assert [await opens(ostiary, each["key"]) for each in (first, rotated)] == [True, True]
    clock.advance(3600 * SECOND - 1)
    assert [await opens(ostiary, each["key"]) for each in (first, rotated)] == [True, True]
    clock.advance(1)
    assert [await opens(ostiary, each["key"]) for each in (first, rotated)] == [False, True]
    assert (await person.request("GET", f"{OWN}/{first['id']}")).json()["previous_until"] is None


@pytest.mark.parametrize("body", [None, {}, {"overlap": 0}])
async def test_without_an_overlap_the_secret_before_is_dead_at_once(
    ostiary: Ostiary, body: dict[str, int] | None
) -> None:
    person = await new_person(ostiary)
    first = await new_api_key(person)
    rotated = await person.request("POST", f"{OWN}/{first['id']}/rotate", body)
    assert rotated.status_code == 200
    assert not await opens(ostiary, first["key"])
    assert await opens(ostiary, rotated.json()["key"])


async def test_a_second_rotation_ends_the_oldest_secret_whatever_its_overlap(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person = await new_person(ostiary)
    secrets = [await new_api_key(person)]
    for _ in range(2):
        clock.advance(MINUTE)
        rotated = await person.request("POST", f"{OWN}/{secrets[0]['id']}/rotate", {"overlap": 604_800})
        secrets.append(rotated.json())
    assert [await opens(ostiary, each["key"]) for each in secrets] == [False, True, True]


async def test_revoking_ends_both_secrets_of_an_overlap(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    first = await new_api_key(person)
    second = (await person.request("POST", f"{OWN}/{first['id']}/rotate", {"overlap": 3600})).json()
    await person.request("DELETE", f"{OWN}/{first['id']}")
    assert [await opens(ostiary, each["key"]) for each in (first, second)] == [False, False]


async def test_a_rotation_right_after_another_is_refused_since_its_secret_would_be_dead_before_it_is_used(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person = await new_person(ostiary)
    address = f"{OWN}/{(await new_api_key(person))['id']}/rotate"
    rotated = (await person.request("POST", address)).json()
    clock.advance(10 * SECOND - 1)
    again = await person.request("POST", address)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert await opens(ostiary, rotated["key"])
    clock.advance(1)
    assert (await person.request("POST", address)).status_code == 200


async def test_an_expired_key_is_not_rotated_but_may_last_longer(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    made = await new_api_key(person, expires_at=rfc3339(clock.now + SECOND))
    clock.advance(SECOND)
    assert (await person.request("POST", f"{OWN}/{made['id']}/rotate")).status_code == 409
    changed = await person.request("PATCH", f"{OWN}/{made['id']}", {"expires_at": rfc3339(clock.now + DAY)})
    assert changed.status_code == 200
    assert await opens(ostiary, made["key"])


async def test_what_is_left_out_of_a_change_stays(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await holder_of(ostiary, "documents.*")
    until = rfc3339(clock.now + DAY)
    made = await new_api_key(person, "documents.read", expires_at=until, networks=["203.0.113.0/24"])
    secret = made.pop("key")
    one = f"{OWN}/{made['id']}"
    steps: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {}),
        ({"name": "other"}, {"name": "other"}),
        (
            {"scopes": ["documents.write", "documents.read", "documents.read"]},
            {"scopes": ["documents.read", "documents.write"]},
        ),
        ({"networks": ["203.0.113.7"]}, {"networks": ["203.0.113.7/32"]}),
        ({"expires_at": None}, {"expires_at": None}),
        ({"scopes": [], "networks": []}, {"scopes": [], "networks": []}),
    ]
    for change, expected in steps:
        made |= expected
        assert (await person.request("PATCH", one, change)).json() == made
        assert (await person.request("GET", one)).json() == made
    assert await opens(ostiary, secret)


async def test_a_change_counts_with_the_next_request(ostiary: Ostiary) -> None:
    person = await holder_of(ostiary, "documents.*")
    made = await new_api_key(person, "documents.read")
    assert await may(ostiary, made["key"], "documents.read")
    await person.request("PATCH", f"{OWN}/{made['id']}", {"scopes": ["documents.write"]})
    assert not await may(ostiary, made["key"], "documents.read")
    assert await may(ostiary, made["key"], "documents.write")


async def test_the_last_use_is_noted_to_five_minutes(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    made = await new_api_key(person)
    used = []
    for after in (MINUTE, 4 * MINUTE, MINUTE, 5 * MINUTE):
        clock.advance(after)
        assert await opens(ostiary, made["key"])
        used.append((await person.request("GET", f"{OWN}/{made['id']}")).json()["used_at"])
    start = clock.now - 11 * MINUTE
    assert used == [rfc3339(start + at * MINUTE) for at in (1, 1, 6, 11)]


async def test_the_owner_is_told_by_mail_of_each_secret(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    clock.advance(SECOND)
    made = await new_api_key(person)
    clock.advance(SECOND)
    rotated = (await person.request("POST", f"{OWN}/{made['id']}/rotate", {"overlap": 3600})).json()
    mails = [mail for mail in await ostiary.use.mailer.outbox(50) if "API key" in mail.subject]
    assert [mail.to for mail in mails] == [person.email, person.email]
    for mail, key in zip(mails, (rotated, made), strict=True):
        assert key["hint"] in mail.text
        assert key["key"] not in mail.text + mail.html


async def test_all_of_it_is_on_record(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await holder_of(ostiary, "documents.read")
    made = await new_api_key(person, "documents.read", networks=["203.0.113.0/24"])
    one = f"{OWN}/{made['id']}"
    await person.request("PATCH", one, {"name": "other"})
    rotated = (await person.request("POST", f"{one}/rotate", {"overlap": 60})).json()
    await person.request("DELETE", one)
    known = {
        "api_key": made["id"],
        "name": "a test",
        "hint": made["hint"],
        "scopes": ["documents.read"],
        "networks": ["203.0.113.0/24"],
        "expires_at": None,
    }
    found = {
        event: await recorded(person, f"api_key.{event}") for event in ("created", "changed", "rotated", "revoked")
    }
    assert all(data.pop("user_agent") for each in found.values() for data in each)
    assert found == {
        "created": [known],
        "changed": [known | {"name": "other"}],
        "rotated": [{"api_key": made["id"], "hint": rotated["hint"], "overlap": 60}],
        "revoked": [{"api_key": made["id"], "name": "other", "hint": rotated["hint"]}],
    }


async def test_keys_are_listed_page_by_page_and_each_account_has_its_own(ostiary: Ostiary) -> None:
    person, other = await new_person(ostiary), await new_person(ostiary)
    made = [(await new_api_key(person))["id"] for _ in range(3)]
    await new_api_key(other)
    first = (await person.request("GET", f"{OWN}?limit=2")).json()
    second = (await person.request("GET", f"{OWN}?limit=2&cursor={first['next']}")).json()
    assert sorted(key["id"] for key in first["items"] + second["items"]) == sorted(made)
    assert second["next"] is None


async def test_an_account_has_so_many_keys_and_no_more(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    made = [await new_api_key(person) for _ in range(100)]
    refused = await person.request("POST", OWN, {"name": "one more"})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    await person.request("DELETE", f"{OWN}/{made[0]['id']}")
    assert (await person.request("POST", OWN, {"name": "one more"})).status_code == 201


async def test_an_administrator_has_the_keys_of_a_service_in_hand(ostiary: Ostiary, clock: ManualClock) -> None:
    administrator, operator = await new_administrator(ostiary), ostiary.operator()
    service = await ostiary.use.account_administration.create(operator, AccountCreate(name="billing", kind="service"))
    await ostiary.use.grants.create(operator, service.id, GrantCreate("invoices.send", Effect.ALLOW))
    keys = theirs(service.id)
    made = await new_api_key(administrator, "invoices.send", at=keys)
    assert made["account_id"] == service.id
    me = (await show_key(ostiary, made["key"])).json()
    assert (me["account"]["id"], me["account"]["kind"]) == (service.id, "service")
    assert await may(ostiary, made["key"], "invoices.send")
    assert [key["id"] for key in (await administrator.request("GET", keys)).json()["items"]] == [made["id"]]
    changed = await administrator.request("PATCH", f"{keys}/{made['id']}", {"name": "other"})
    assert changed.json()["name"] == "other"
    rotated = await administrator.request("POST", f"{keys}/{made['id']}/rotate", {"overlap": 0})
    assert await opens(ostiary, rotated.json()["key"])
    assert (await administrator.request("DELETE", f"{keys}/{made['id']}")).status_code == 204
    assert (await administrator.request("GET", f"{keys}/{made['id']}")).status_code == 404
    assert not await opens(ostiary, rotated.json()["key"])


@pytest.mark.parametrize(
    ("method", "below", "permission"),
    [
        ("GET", "", "ostiary.api_keys.read"),
        ("GET", "/{id}", "ostiary.api_keys.read"),
        ("POST", "", "ostiary.api_keys.create"),
        ("PATCH", "/{id}", "ostiary.api_keys.update"),
        ("POST", "/{id}/rotate", "ostiary.api_keys.update"),
        ("DELETE", "/{id}", "ostiary.api_keys.delete"),
    ],
)
async def test_each_of_it_takes_a_permission_of_its_own(
    ostiary: Ostiary, method: str, below: str, permission: str
) -> None:
    owner = await new_person(ostiary)
    made = await new_api_key(owner)
    address = theirs(owner.id) + below.format(id=made["id"])
    body: Any = {"name": "x"} if method in ("POST", "PATCH") and "rotate" not in below else None
    others = {f"ostiary.api_keys.{verb}" for verb in ("read", "create", "update", "delete")} - {permission}
    clerk = await holder_of(ostiary, *others)
    refused = await clerk.request(method, address, body)
    assert (refused.status_code, refused.json()["permission"]) == (403, permission)
    allowed = await (await holder_of(ostiary, permission)).request(method, address, body)
    assert allowed.status_code in (200, 201, 204), allowed.text


async def test_there_are_no_keys_of_nobody(ostiary: Ostiary) -> None:
    administrator = await new_administrator(ostiary)
    for method in ("GET", "POST"):
        answer = await administrator.request(method, theirs("acc_x"), {"name": "x"} if method == "POST" else None)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_disabled_account_gets_no_key_and_its_keys_wait(ostiary: Ostiary) -> None:
    administrator, person = await new_administrator(ostiary), await new_person(ostiary)
    made = await new_api_key(person)
    await administrator.request("PATCH", f"/api/accounts/{person.id}", {"status": "disabled"})
    assert not await opens(ostiary, made["key"])
    for address in (theirs(person.id), f"{theirs(person.id)}/{made['id']}/rotate"):
        assert (
            await administrator.request("POST", address, {"name": "x"} if address == theirs(person.id) else None)
        ).status_code == 409
    await administrator.request("PATCH", f"/api/accounts/{person.id}", {"status": "active"})
    assert await opens(ostiary, made["key"])
    await administrator.request("DELETE", f"/api/accounts/{person.id}")
    assert not await opens(ostiary, made["key"])


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"scopes": ["documents"]}, "scopes"),
        ({"scopes": ["Documents.Read"]}, "scopes"),
        ({"scopes": ["documents.read "]}, "scopes"),
        ({"scopes": "documents.read"}, "scopes"),
        ({"scopes": None}, "scopes"),
        ({"scopes": ["documents.read"] * 101}, "scopes"),
        ({"networks": ["203.0.113.7/24"]}, "networks"),
        ({"networks": ["localhost"]}, "networks"),
        ({"networks": [""]}, "networks"),
        ({"networks": ["10.0.0.0/8 172.16.0.0/12"]}, "networks"),
        ({"networks": ["203.0.113.7"] * 51}, "networks"),
        ({"expires_at": "2025-12-31T23:59:59Z"}, "expires_at"),
        ({"expires_at": "2030-01-01T00:00:00"}, "expires_at"),
        ({"expires_at": 1}, "expires_at"),
        ({"key": "ost_live_mine"}, "key"),
    ],
)
async def test_what_no_key_can_have_is_refused_and_nothing_is_made_or_changed(
    ostiary: Ostiary, wrong: dict[str, Any], field: str
) -> None:
    person = await new_person(ostiary)
    made = await new_api_key(person)
    before = (await person.request("GET", OWN)).json()
    for method, address in (("POST", OWN), ("PATCH", f"{OWN}/{made['id']}")):
        answer = await person.request(method, address, {"name": "fine", **wrong})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), answer.text
        assert answer.json()["field"].startswith(field), answer.text
    assert (await person.request("GET", OWN)).json() == before


@pytest.mark.parametrize("overlap", [-1, 604_801, 1.5, "60", None])
async def test_an_overlap_is_a_number_of_seconds_up_to_seven_days(ostiary: Ostiary, overlap: object) -> None:
    person = await new_person(ostiary)
    made = await new_api_key(person)
    answer = await person.request("POST", f"{OWN}/{made['id']}/rotate", {"overlap": overlap})
    assert (answer.status_code, answer.json()["field"]) == (400, "overlap")
    assert await opens(ostiary, made["key"])
