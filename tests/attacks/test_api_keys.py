"""API keys: what a stolen, outdated, widened, guessed or misplaced one comes to."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from ostiary.app import Ostiary
from ostiary.audit import AuditEvent, Event, read
from ostiary.authentication import ApiKeyCreate, IssuedApiKey, RequestFacts
from ostiary.authorization import AssignmentCreate, Effect, GrantCreate
from ostiary.base.clock import DAY, MINUTE, rfc3339
from ostiary.credentials.api_key import key_hash, new_key
from ostiary.credentials.api_key_store import ApiKeyStore
from ostiary.errors import InsufficientAuthentication
from ostiary.web.route import Knock
from tests.attacks.evidence import assert_refused, contents
from tests.support.api_keys import OWN, WHO, holder_of, in_role, may, new_api_key, opens, show_key, theirs
from tests.support.installation import (
    Person,
    new_administrator,
    new_client,
    new_person,
)
from tests.support.time import ManualClock


async def refusals(ostiary: Ostiary) -> list[AuditEvent]:
    """What is on record of keys that were refused, oldest first."""
    page = await read(ostiary.use.db, event=Event.API_KEY_REFUSED, limit=200)
    return page.items[::-1]


# Scopes


@pytest.mark.parametrize(
    "scope", ["documents.write", "documents.*", "*", "letters.send", "ostiary.accounts.read", "ostiary.*"]
)
async def test_no_key_gets_a_scope_above_its_owner(ostiary: Ostiary, scope: str) -> None:
    person = await holder_of(ostiary, "documents.read")
    made = await new_api_key(person, "documents.read")
    before = await contents(ostiary, besides=["audit_events"])
    for method, address in (("POST", OWN), ("PATCH", f"{OWN}/{made['id']}")):
        refused = await person.request(method, address, {"name": "x", "scopes": ["documents.read", scope]})
        assert_refused(refused, 403, "forbidden", (method, scope))
        assert (refused.json()["permission"], refused.json()["missing"]) == (scope, [scope])
    assert await contents(ostiary, besides=["audit_events"]) == before


async def test_a_denial_takes_a_permission_out_of_the_scopes_that_a_key_can_have(ostiary: Ostiary) -> None:
    person = await holder_of(ostiary, "documents.*")
    await ostiary.use.grants.create(ostiary.operator(), person.id, GrantCreate("documents.write", Effect.DENY))
    await person.request("GET", WHO)
    for scope in ("documents.write", "documents.*"):
        assert_refused(await person.request("POST", OWN, {"name": "x", "scopes": [scope]}), 403, "forbidden", scope)
    assert not await may(ostiary, (await new_api_key(person, "documents.read"))["key"], "documents.write")


async def test_nor_does_an_administrator_give_one_more_than_the_account_holds(ostiary: Ostiary) -> None:
    """Though the administrator holds it: the key is the account's."""
    administrator, person = await new_administrator(ostiary), await holder_of(ostiary, "documents.read")
    for scope in ("ostiary.accounts.read", "documents.write"):
        body = {"name": "x", "scopes": [scope]}
        assert_refused(await administrator.request("POST", theirs(person.id), body), 403, "forbidden", scope)
    assert (await new_api_key(administrator, "documents.read", at=theirs(person.id)))["scopes"] == ["documents.read"]


@pytest.mark.parametrize("how", ["grant", "role", "denial", "permission_of_role"])
async def test_what_the_owner_loses_the_key_loses_at_once(ostiary: Ostiary, how: str) -> None:
    person = await (
        in_role(ostiary, "reader", "documents.read") if "role" in how else holder_of(ostiary, "documents.read")
    )
    key = (await new_api_key(person, "documents.read"))["key"]
    assert await may(ostiary, key, "documents.read")
    operator, use = ostiary.operator(), ostiary.use
    if how == "grant":
        [grant] = (await use.grants.list(operator, person.id)).items
        await use.grants.delete(operator, person.id, grant.id)
    elif how == "role":
        [held] = (await use.assignments.list(operator, person.id)).items
        await use.assignments.unassign(operator, person.id, held.id)
    elif how == "permission_of_role":
        await (await new_administrator(ostiary)).request(
            "PATCH", "/api/roles/reader", {"permissions": ["letters.send"]}
        )
    else:
        await use.grants.create(operator, person.id, GrantCreate("documents.*", Effect.DENY))
    assert not await may(ostiary, key, "documents.read")
    assert await opens(ostiary, key)


async def test_what_the_owner_gains_the_key_does_not(ostiary: Ostiary) -> None:
    person = await holder_of(ostiary, "documents.read")
    key = (await new_api_key(person, "documents.read"))["key"]
    await ostiary.use.assignments.assign(ostiary.operator(), person.id, AssignmentCreate("administrator", None))
    assert (await show_key(ostiary, key, "/api/accounts")).status_code == 403
    assert not await may(ostiary, key, "ostiary.accounts.read")


async def test_a_key_hands_out_no_more_of_ostiary_than_its_scopes(ostiary: Ostiary) -> None:
    administrator, friend = await new_administrator(ostiary), await new_person(ostiary)
    key = (await new_api_key(administrator, "ostiary.grants.create", "ostiary.assignments.create"))["key"]
    tries: list[tuple[str, dict[str, Any]]] = [
        ("grants", {"permission": "ostiary.accounts.read", "effect": "allow"}),
        ("grants", {"permission": "ostiary.*", "effect": "allow"}),
        ("roles", {"role": "administrator"}),
    ]
    for account in (friend.id, administrator.id):
        for kind, body in tries:
            answer = await show_key(ostiary, key, f"/api/accounts/{account}/{kind}", "POST", body)
            assert_refused(answer, 403, "forbidden", (account, body))


async def test_a_key_touches_no_account_that_holds_more_than_its_scopes(ostiary: Ostiary) -> None:
    administrator, other = await new_administrator(ostiary), await new_administrator(ostiary)
    key = (await new_api_key(administrator, "ostiary.accounts.update", "ostiary.api_keys.delete"))["key"]
    victim = await new_api_key(other)
    for method, path, body in (
        ("PATCH", f"/api/accounts/{other.id}", {"email": "eve@example.com"}),
        ("DELETE", f"{theirs(other.id)}/{victim['id']}", None),
    ):
        assert_refused(await show_key(ostiary, key, path, method, body), 403, "forbidden", path)


# A key is no person


def _rows_for_people(ostiary: Ostiary) -> list[tuple[str, str]]:
    rows = [(row.method, row.path) for row in ostiary.web.table.routes if row.knock is Knock.PERSON and not row.page]
    return [
        (method, "/".join("x" if part.startswith("{") else part for part in path.split("/"))) for method, path in rows
    ]


async def test_no_key_reaches_what_protects_an_account(sqlite: Ostiary) -> None:
    """Not even with every permission there is, and whatever the body is."""
    person = await holder_of(sqlite, "*")
    made = await new_api_key(person, "*")
    before = await contents(sqlite, besides=["audit_events", "api_keys"])
    rows = _rows_for_people(sqlite)
    expected = {
        ("PATCH", WHO),
        ("PUT", "/api/credentials/password"),
        ("POST", "/api/auth/email"),
        ("GET", "/api/sessions"),
        ("DELETE", "/api/sessions"),
        ("GET", "/api/credentials"),
        ("DELETE", "/api/credentials/x"),
        ("POST", "/api/credentials/totp"),
        ("POST", "/api/credentials/recovery_code"),
        ("GET", "/api/devices"),
        ("GET", OWN),
        ("POST", OWN),
        ("PATCH", OWN + "/x"),
        ("POST", OWN + "/x/rotate"),
        ("DELETE", OWN + "/x"),
        ("POST", "/api/accounts/x/api-keys"),
        ("POST", "/api/accounts/x/api-keys/x/rotate"),
    }
    assert expected <= set(rows)
    for method, path in [
        *rows,
        ("POST", "/api/auth/logout"),
        ("GET", "/api/session/data"),
        ("PATCH", "/api/session/data"),
    ]:
        body: Any = None if method in ("GET", "DELETE") else {}
        assert_refused(await show_key(sqlite, made["key"], path, method, body), 403, "person_required", (method, path))
    flow = {"purpose": "step_up"}
    assert_refused(await show_key(sqlite, made["key"], "/api/auth/flow", "POST", flow), 403, "person_required")
    assert await contents(sqlite, besides=["audit_events", "api_keys"]) == before


async def test_no_key_changes_its_own_account_as_an_administrator(ostiary: Ostiary) -> None:
    """With the address changed, a forgotten password would be mailed to the thief of a key."""
    administrator = await new_administrator(ostiary)
    made = await new_api_key(administrator, "ostiary.*")
    other = await new_api_key(administrator)
    account = f"/api/accounts/{administrator.id}"
    before = await contents(ostiary, besides=["audit_events", "api_keys"])
    tries: list[tuple[str, str, Any]] = [
        ("PATCH", account, {"email": "eve@example.com"}),
        ("PATCH", account, {"status": "disabled"}),
        ("DELETE", account, None),
        ("GET", f"{account}/sessions", None),
        ("DELETE", f"{account}/sessions", None),
        ("POST", f"{account}/second-factor-removal", None),
        ("POST", f"{account}/recovery", None),
        ("GET", f"{account}/api-keys", None),
        ("POST", f"{account}/api-keys", {"name": "another", "scopes": ["ostiary.*"]}),
        ("PATCH", f"{account}/api-keys/{made['id']}", {"networks": []}),
        ("POST", f"{account}/api-keys/{made['id']}/rotate", {}),
        ("DELETE", f"{account}/api-keys/{other['id']}", None),
    ]
    for method, path, body in tries:
        assert_refused(await show_key(ostiary, made["key"], path, method, body), 403, "person_required", (method, path))
    assert await contents(ostiary, besides=["audit_events", "api_keys"]) == before


async def test_no_key_makes_or_rotates_a_key_for_anybody(ostiary: Ostiary) -> None:
    administrator, person = await new_administrator(ostiary), await new_person(ostiary)
    key, victim = (await new_api_key(administrator, "ostiary.*"))["key"], await new_api_key(person)
    one = f"{theirs(person.id)}/{victim['id']}"
    for method, path in (("POST", theirs(person.id)), ("PATCH", one), ("POST", f"{one}/rotate")):
        answer = await show_key(ostiary, key, path, method, {"name": "x"} if "rotate" not in path else {})
        assert_refused(answer, 403, "person_required", path)
    # But what finds a leaked key by night is no person.
    assert (await show_key(ostiary, key, one)).status_code == 200
    assert (await show_key(ostiary, key, one, "DELETE")).status_code == 204
    assert not await opens(ostiary, victim["key"])


async def test_no_page_opens_for_a_key(sqlite: Ostiary) -> None:
    """Whether it is good or not; and nobody is led to the sign-in, where the key would come along again."""
    key = (await new_api_key(await new_administrator(sqlite), "ostiary.*"))["key"]
    rows = [row for row in sqlite.web.table.routes if row.page and row.recognise]
    pages = [(row.method, row.path) for row in rows if "{" not in row.path]
    assert ("GET", "/account") in pages
    async with new_client(sqlite) as client:
        for method, path in pages:
            for header in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}, {"X-API-Key": "nonsense"}):
                answer = await client.request(method, path, headers=header)
                assert (answer.status_code, answer.headers["content-type"]) == (403, "text/html; charset=utf-8"), path
                assert "set-cookie" not in answer.headers


async def test_a_key_has_proved_nothing_where_a_level_is_asked_for(ostiary: Ostiary) -> None:
    person = await holder_of(ostiary, "documents.read")
    key = (await new_api_key(person, "documents.read"))["key"]
    facts = RequestFacts("203.0.113.7", "", "req_x", ostiary.use.clock())
    caller = (await ostiary.use.key_recognition(key, facts)).caller
    await caller.require("documents.read")
    for asked in ({"level": "aal1"}, {"max_age": 10**9}):
        with pytest.raises(InsufficientAuthentication):
            await caller.require("documents.read", **asked)


async def test_to_make_a_key_takes_a_proof_of_a_moment_ago(ostiary: Ostiary, clock: ManualClock) -> None:
    """A stolen session must not become a key that outlives it."""
    administrator, person = await new_administrator(ostiary), await new_person(ostiary)
    made = await new_api_key(administrator)
    clock.advance(30 * MINUTE)
    one = f"{OWN}/{made['id']}"
    tries: list[tuple[str, str, Any]] = [
        ("POST", OWN, {"name": "x"}),
        ("PATCH", one, {"networks": []}),
        ("POST", f"{one}/rotate", {}),
        ("DELETE", one, None),
        ("POST", theirs(person.id), {"name": "x"}),
    ]
    for method, path, body in tries:
        refused = await administrator.request(method, path, body)
        assert_refused(refused, 401, "insufficient_user_authentication", (method, path))
    assert (await administrator.request("GET", one)).status_code == 200
    assert await opens(ostiary, made["key"])


# One credential a request


async def test_two_credentials_are_refused_whatever_they_are(sqlite: Ostiary) -> None:
    by_cookie, by_token = await new_person(sqlite), await new_person(sqlite, delivery="token")
    by_token_cookie = await new_person(sqlite, delivery="token_cookie")
    key, other = (await new_api_key(by_cookie))["key"], (await new_api_key(by_token))["key"]

    def cookies(person: Person) -> dict[str, str]:
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in person.client.cookies.items())}

    for also in (
        cookies(by_cookie),
        cookies(by_token_cookie),
        by_token.headers,
        {"Authorization": f"Bearer {other}"},
        {"Authorization": f"Bearer {key}"},
        {"Authorization": "Basic x"},
    ):
        for path in (WHO, "/api/session/data", "/account"):
            async with new_client(sqlite) as client:
                answer = await client.get(path, headers={"X-API-Key": key, **also})
            assert answer.status_code == 400, (path, also)
            assert path == "/account" or answer.json()["code"] == "ambiguous_credentials"


async def test_a_key_sent_twice_is_refused(sqlite: Ostiary) -> None:
    """Two readers could take two different ones."""
    key = (await new_api_key(await new_person(sqlite)))["key"]
    async with new_client(sqlite) as client:
        for headers in ([("X-API-Key", key), ("x-api-key", key)], [("X-API-Key", ""), ("X-API-Key", key)]):
            assert_refused(await client.get(WHO, headers=headers), 400, "invalid_request")
        # Joined by whoever is between us, it is no key.
        assert_refused(await client.get(WHO, headers={"X-API-Key": f"{key}, {key}"}), 401, "invalid_token")


async def test_a_key_is_taken_from_no_other_place(sqlite: Ostiary) -> None:
    key = (await new_api_key(await new_person(sqlite)))["key"]
    async with new_client(sqlite) as client:
        for more in (
            {"params": {"api_key": key}},
            {"headers": {"Cookie": f"{sqlite.web.jar.session.name}={key}"}},
            {"headers": {"Cookie": f"{sqlite.web.jar.access.name}={key}"}},
            {"headers": {"Authorization": key}},
            {"headers": {"Authorization": f"ApiKey {key}"}},
        ):
            answer = await client.get(WHO, **more)
            assert answer.status_code in (400, 401), more


# Keys that are not good


async def test_what_is_wrong_with_a_key_only_its_form_tells(ostiary: Ostiary, clock: ManualClock) -> None:
    """A key that is unknown, has expired, was revoked or rotated, or whose owner is disabled: one answer for all."""
    person, disabled = await new_person(ostiary), await new_person(ostiary)
    expiring = await new_api_key(person, expires_at=rfc3339(clock.now + DAY))
    revoked, rotated, owners = await new_api_key(person), await new_api_key(person), await new_api_key(disabled)
    await person.request("DELETE", f"{OWN}/{revoked['id']}")
    await person.request("POST", f"{OWN}/{rotated['id']}/rotate")
    await (await new_administrator(ostiary)).request("PATCH", f"/api/accounts/{disabled.id}", {"status": "disabled"})
    clock.advance(DAY)
    seen = set()
    for key in (new_key(), *(each["key"] for each in (expiring, revoked, rotated, owners))):
        answer = await show_key(ostiary, key)
        assert_refused(answer, 401, "invalid_token")
        assert answer.headers["www-authenticate"].startswith('Bearer realm="ostiary", error="invalid_token"')
        seen.add(answer.json()["detail"])
    assert seen == {"This API key is not known, has expired, or was revoked."}
    mistyped = await show_key(ostiary, rotated["key"][:-1] + "-")
    assert "not whole" in mistyped.json()["detail"]


async def test_each_kind_of_refusal_is_on_record_once_and_not_with_every_request(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person = await new_person(ostiary)
    expiring = await new_api_key(person, expires_at=rfc3339(clock.now + DAY), networks=["198.51.100.0/24"])
    for _ in range(20):
        assert (await show_key(ostiary, expiring["key"])).status_code == 403
    clock.advance(DAY)
    for _ in range(20):
        assert (await show_key(ostiary, expiring["key"])).status_code == 401
    found = await refusals(ostiary)
    assert [event.data["reason"] for event in found] == ["network", "expired"]
    for event in found:
        assert (event.account_id, event.actor, event.address) == (person.id, "anonymous", "203.0.113.7")
        assert (event.data["api_key"], event.data["hint"]) == (expiring["id"], expiring["hint"])
    clock.advance(10 * MINUTE)
    await show_key(ostiary, expiring["key"])
    assert len(await refusals(ostiary)) == 3


async def test_made_up_keys_do_not_flood_the_log(sqlite: Ostiary) -> None:
    """They cost whoever makes them up nothing, from as many addresses as they like."""
    for key in (new_key() for _ in range(200)):
        assert (await show_key(sqlite, key)).status_code == 401
    for text in ("", "nonsense", "ost_live_x", new_key()[:-1] + "-"):
        assert (await show_key(sqlite, text)).status_code == 401
    assert len(await refusals(sqlite)) == 20


@pytest.mark.parametrize(
    "text",
    ["é", "\x7f", "ost_live_" + "0" * 49, "ost_live_" + "é" * 49, "ost_live_" + "x" * 5000, "ost_live_\x00" + "0" * 48],
)
async def test_no_text_is_too_strange_for_a_key(ostiary: Ostiary, text: str) -> None:
    async with new_client(ostiary) as client:
        for name, value in ((b"x-api-key", text), (b"authorization", f"Bearer {text}")):
            answer = await client.get(WHO, headers={name: value.encode("latin-1")})
            assert_refused(answer, 401, "invalid_token", text)


async def test_another_account_does_not_see_or_touch_a_key(ostiary: Ostiary) -> None:
    owner, other = await new_person(ostiary), await new_person(ostiary)
    made = await new_api_key(owner)
    one = f"{OWN}/{made['id']}"
    administered = f"{theirs(other.id)}/{made['id']}"
    administrator = await new_administrator(ostiary)
    for person, address in ((other, one), (administrator, administered)):
        for method, path, body in (
            ("GET", address, None),
            ("PATCH", address, {"name": "x"}),
            ("POST", f"{address}/rotate", {}),
            ("DELETE", address, None),
        ):
            assert_refused(await person.request(method, path, body), 404, "not_found", (method, path))
    assert (await owner.request("GET", one)).json()["name"] == "a test"
    assert await opens(ostiary, made["key"])


async def test_who_may_make_keys_makes_none_for_a_stronger_account(ostiary: Ostiary) -> None:
    clerk = await holder_of(ostiary, "ostiary.api_keys.*")
    boss = await new_administrator(ostiary)
    made = await new_api_key(boss)
    one = f"{theirs(boss.id)}/{made['id']}"
    for method, path, body in (
        ("POST", theirs(boss.id), {"name": "x", "scopes": ["ostiary.api_keys.read"]}),
        ("PATCH", one, {"name": "x"}),
        ("POST", f"{one}/rotate", {}),
        ("DELETE", one, None),
    ):
        assert_refused(await clerk.request(method, path, body), 403, "forbidden", (method, path))
    assert await opens(ostiary, made["key"])


# Secrets


async def test_no_secret_of_a_key_is_kept_or_told(
    ostiary: Ostiary, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    person = await holder_of(ostiary, "documents.read")
    first = await new_api_key(person, "documents.read", networks=["203.0.113.0/24"])
    one = f"{OWN}/{first['id']}"
    told = [await person.request("PATCH", one, {"name": "other"})]
    rotated = (await person.request("POST", f"{one}/rotate", {"overlap": 60})).json()
    secrets = [first["key"], rotated["key"]]
    for key in secrets:
        told += [
            await show_key(ostiary, key),
            await show_key(ostiary, key, "/api/accounts"),
            await show_key(ostiary, key[:-1]),
        ]
    told += [await person.request("GET", OWN), await person.request("GET", one)]
    await person.request("DELETE", one)
    told += [await show_key(ostiary, key) for key in secrets]
    rows = repr(await contents(ostiary))
    logged = "".join(
        f"{each.getMessage()} {each.args} {each.exc_text}" for each in caplog.records if "httpx" not in each.name
    )
    mailed = "".join(mail.text + mail.html for mail in await ostiary.use.mailer.outbox(500))
    for secret in secrets:
        random = secret.removeprefix("ost_live_")[:43]
        assert random not in rows + logged + mailed
        assert all(random not in answer.text for answer in told)


async def test_what_holds_a_key_does_not_show_it(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    issued = await ostiary.use.api_keys.create(ostiary.operator(), ApiKeyCreate("x"), person.id)
    found = await ApiKeyStore(ostiary.use.db, ["id"]).find(key_hash(issued.key))
    assert isinstance(issued, IssuedApiKey)
    assert found is not None
    shown = f"{issued!r} {issued} {found!r} {found.key!r}"
    assert issued.key not in shown
    assert repr(found.key.key_hash) not in shown
