"""The security pages by HTTP: who may open them, when they ask for a proof first, and what they refuse."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ostiary.app import Ostiary
from ostiary.base.clock import HOUR
from tests.support.api_keys import new_api_key
from tests.support.installation import Person, new_client, new_person, settings_for_test
from tests.support.second_factors import App, add_app, new_recovery_codes
from tests.support.time import ManualClock

SECURITY = "/account/security"
CHANGES = [
    "/account/email",
    SECURITY + "/totp",
    SECURITY + "/passkey",
    SECURITY + "/phone",
    SECURITY + "/recovery-codes",
    SECURITY + "/password/remove",
    "/account/api-keys/new",
]


@pytest.fixture
async def opened(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    """Mail is no way in here, so the password is the only one."""
    settings = settings_for_test(sqlite_url, sign_in__email=False, sms__sender="outbox")
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as installation:
        yield installation


@pytest.fixture
async def ada(opened: Ostiary) -> Person:
    return await new_person(opened)


async def sent(person: Person, path: str, on: str | None = None, **fields: str) -> httpx.Response:
    """The form of a page, sent with its token; ``on``: the page that it stands on, where that is another one."""
    page = await person.client.get(on or path)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token is not None, page.text
    return await person.client.post(path, data={"csrf_token": token[1], **fields})


async def twin(person: Person) -> httpx.AsyncClient:
    """Another browser of theirs, signed in by the password."""
    client = new_client(person.ostiary)
    body = {"identifier": person.email, "password": person.password}
    assert (await client.post("/api/auth/login", json=body)).status_code == 200
    return client


@pytest.mark.parametrize("path", CHANGES)
async def test_a_change_asks_for_a_proof_before_a_form_is_filled_in(ada: Person, clock: ManualClock, path: str) -> None:
    assert (await ada.client.get(path)).status_code == 200
    clock.advance(HOUR)
    answer = await ada.client.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/step-up?next=" + path.replace("/", "%2F"))


async def test_who_has_an_app_shows_it_before_the_password_is_changed(ada: Person, clock: ManualClock) -> None:
    assert (await ada.client.get("/account/password")).status_code == 200
    await add_app(ada, clock)
    assert (await ada.client.get("/account/password")).status_code == 200, "it has shown the app by adding it"
    clock.advance(HOUR)
    asked = await ada.client.get("/account/password")
    assert asked.headers["location"].startswith("/step-up?next=%2Faccount%2Fpassword&level=aal2")


async def test_what_was_added_counts_for_the_session_and_no_other(ada: Person, clock: ManualClock) -> None:
    other = await twin(ada)
    await add_app(ada, clock)
    assert (await ada.request("GET", "/api/auth/me")).json()["acr"] == "aal2"
    codes = await new_recovery_codes(ada)
    assert len(codes) == 10
    assert (await other.get("/api/auth/me")).json()["acr"] == "aal1"
    assert (await other.get(SECURITY + "/recovery-codes")).headers["location"].count("level=aal2") == 1


async def test_the_last_way_in_is_not_removed_and_the_page_says_why(ada: Person) -> None:
    refused = await sent(ada, SECURITY + "/password/remove")
    assert refused.status_code == 409
    assert "Without this there would be no way to sign in any more." in refused.text
    assert "Set a password or add a passkey before you remove this." in refused.text
    assert (await ada.sign_in()).csrf


async def test_an_enrolment_is_nobody_elses(ada: Person, opened: Ostiary, clock: ManualClock) -> None:
    """Its secret in another person's form shows that person nothing of it, and adds nothing."""
    eve = await new_person(opened)
    page = await ada.client.get(SECURITY + "/totp")
    flow = re.search(r'name="flow" value="([^"]+)"', page.text)
    shown = re.search(r'class="secret" data-copy>([^<]+)', page.text)
    assert flow is not None
    assert shown is not None
    app = App(base64.b32decode(shown[1].replace(" ", "")), clock)
    answer = await sent(eve, SECURITY + "/totp", flow=flow[1], code=app.code())
    assert answer.status_code == 400
    assert shown[1] not in answer.text
    assert "This has ended or taken too long; begin again." in answer.text
    added = await sent(ada, SECURITY + "/totp", flow=flow[1], code=app.code())
    assert added.headers["location"] == SECURITY + "/recovery-codes"


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        (SECURITY + "/totp", {"flow": "x", "code": "1"}, 400),
        (SECURITY + "/totp", {"code": "1"}, 400),
        (SECURITY + "/totp", {"flow": "x", "code": "1", "more": "1"}, 400),
        (SECURITY + "/phone", {"given": "12"}, 400),
        (SECURITY + "/phone", {"flow": "x", "code": "1"}, 400),
        (SECURITY + "/passkey", {"flow": "x", "credential": "{"}, 400),
        (SECURITY + "/passkey", {"flow": "x", "credential": "[]"}, 400),
        (SECURITY + "/passkey", {"flow": "x", "credential": "{}"}, 400),
        (SECURITY + "/passkey", {}, 400),
    ],
)
async def test_what_cannot_be_read_is_refused_on_the_page_and_adds_nothing(
    ada: Person, path: str, fields: dict[str, str], status: int
) -> None:
    answer = await sent(ada, path, **fields)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert '<div class="alert bad"' in answer.text
    listed = (await ada.request("GET", "/api/credentials")).json()["items"]
    assert [one["type"] for one in listed] == ["password"]


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "x" * 65},
        {"name": ""},
        {"name": "export", "days": "1000"},
        {"name": "export", "scopes": "documents.read"},
        {"name": "export", "scopes": "no permission"},
        {"name": "export", "networks": "anywhere"},
    ],
)
async def test_a_key_that_cannot_be_made_is_refused_on_the_page_with_what_was_typed(
    ada: Person, fields: dict[str, str]
) -> None:
    answer = await sent(ada, "/account/api-keys", on="/account/api-keys/new", **fields)
    assert answer.status_code in (400, 403), answer.text
    assert 'aria-invalid="true"' in answer.text
    assert (await ada.request("GET", "/api/credentials/api-keys")).json()["items"] == []


async def test_options_of_a_passkey_come_with_the_enrolment_they_belong_to(ada: Person) -> None:
    begun = await sent(ada, SECURITY + "/passkey/options", on=SECURITY + "/passkey", given="security_key", flow="")
    options: dict[str, Any] = begun.json()
    assert options["publicKey"]["authenticatorSelection"]["residentKey"] == "discouraged"
    assert options["flow"]
    refused = await sent(ada, SECURITY + "/passkey/options", on=SECURITY + "/passkey", given="another")
    assert (refused.status_code, refused.json()["field"]) == (400, "given")


async def test_what_the_account_does_not_have_is_not_found(ada: Person, opened: Ostiary, clock: ManualClock) -> None:
    eve = await new_person(opened)
    await add_app(eve, clock)
    listed = (await eve.request("GET", "/api/credentials")).json()["items"]
    theirs = next(one["id"] for one in listed if one["type"] == "totp")
    for credential_id in (theirs, "cred_x", "recovery_code"):
        for change in ("name", "remove"):
            assert (await ada.client.get(f"{SECURITY}/{credential_id}/{change}")).status_code == 404
            on = SECURITY + "/password/remove"
            answer = await sent(ada, f"{SECURITY}/{credential_id}/{change}", on=on, name="Mine")
            assert answer.status_code == 404
    assert (await ada.client.get(SECURITY + "/password/name")).status_code == 404


async def test_numbers_are_taken_only_where_text_messages_are_sent(sqlite_url: str) -> None:
    async with await Ostiary.open(settings_for_test(sqlite_url, sms__sender="off"), migrate_first=True) as quiet:
        person = await new_person(quiet)
        assert (await person.client.get(SECURITY + "/phone")).status_code == 404
        assert SECURITY + "/phone" not in (await person.client.get(SECURITY)).text


async def test_a_key_opens_no_page_of_the_account(ada: Person, opened: Ostiary) -> None:
    key = (await new_api_key(ada))["key"]
    pages = [
        row.path
        for row in opened.web.table.routes
        if row.page and row.method == "GET" and row.path.startswith("/account")
    ]
    assert len(pages) >= 12
    for path in pages:
        for headers in ({"X-API-Key": key}, {"Authorization": f"Bearer {key}"}):
            answer = await new_client(opened).get(re.sub(r"{\w+}", "x", path), headers=headers)
            assert answer.status_code == 403, (path, answer.text)
            assert "This takes a person who has signed in." in answer.text
