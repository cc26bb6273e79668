"""DBSC, editor's draft: "Create session", and the formats of the registration."""

from __future__ import annotations

import re

import pytest

from ostiary.app import Ostiary
from ostiary.audit import Event
from ostiary.authorization import AuditQuery
from tests.support.device_bound import ISSUER, DeviceBoundBrowser, SoftwareKey
from tests.support.installation import new_client, new_person, settings_for_test
from tests.support.time import ManualClock

OFFER = "secure-session-registration"
REGISTER = "/api/session/bound/register"
ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax"


async def test_a_sign_in_offers_to_bind_its_session(secure: Ostiary, clock: ManualClock, email: str) -> None:
    offer = (await DeviceBoundBrowser(secure, clock, keeps=False).sign_in(email)).headers[OFFER]
    assert re.fullmatch(r'\(ES256 RS256\);path="/api/session/bound/register";challenge="[!#-\[\]-~]+"', offer), offer


@pytest.mark.parametrize("delivery", ["token", "token_cookie"])
async def test_tokens_are_not_bound(secure: Ostiary, email: str, delivery: str) -> None:
    body = {"identifier": email, "password": "seven quiet lanterns", "delivery": delivery}
    async with new_client(secure) as client:
        answer = await client.post("/api/auth/login", json=body)
    assert (answer.status_code, OFFER in answer.headers) == (200, False)


@pytest.mark.parametrize(
    ("issuer", "changed"),
    [
        ("http://localhost:8000", {}),
        (ISSUER, {"sessions__device_bound": False}),
        (ISSUER, {"cookies__domain": "example.org"}),
        (ISSUER, {"cookies__partitioned": True, "cookies__same_site": "none"}),
    ],
    ids=["without https", "switched off", "cookies of many hosts", "partitioned cookies"],
)
async def test_it_is_not_offered_where_a_browser_could_not_keep_to_it(
    sqlite_url: str, clock: ManualClock, issuer: str, changed: dict[str, object]
) -> None:
    settings = settings_for_test(sqlite_url, issuer, **{"dev": issuer != ISSUER, **changed})
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as opened:
        person = await new_person(opened)
        assert OFFER not in (await DeviceBoundBrowser(opened, clock).sign_in(person.email)).headers


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
async def test_the_browser_is_told_which_cookie_to_keep_fresh_and_where(
    secure: Ostiary, clock: ManualClock, email: str, algorithm: str
) -> None:
    browser = DeviceBoundBrowser(secure, clock, algorithm=algorithm)
    await browser.sign_in(email)
    [session] = browser.bound.values()
    refresh_url = session.instructions.pop("refresh_url")
    assert re.fullmatch(r"/api/session/bound/refresh/ses_\w+\.acc_\w+\.\d+-[\w-]{43}", refresh_url)
    assert session.instructions == {
        "session_identifier": "id.example.org",
        "scope": {
            "origin": ISSUER,
            "include_site": False,
            "scope_specification": [
                {"type": "exclude", "domain": "id.example.org", "path": "/static"},
                {"type": "exclude", "domain": "id.example.org", "path": "/.well-known"},
            ],
        },
        "credentials": [{"type": "cookie", "name": "__Host-ostiary_bound", "attributes": ATTRIBUTES}],
        "allowed_refresh_initiators": ["*"],
    }
    assert await browser.who() == email


async def test_the_bound_cookie_has_the_attributes_that_the_browser_is_told(
    secure: Ostiary, clock: ManualClock, email: str
) -> None:
    answer = await _registered(secure, clock, email, lambda proof: proof)
    [cookie] = answer.headers.get_list("set-cookie")
    pair, *attributes = cookie.split("; ")
    assert pair.startswith("__Host-ostiary_bound=")
    assert set(attributes) == {"Max-Age=600", *ATTRIBUTES.split("; ")}
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("form", ["{}", '"{}"', '"{}";v=1'])
async def test_a_proof_is_read_as_a_string_or_without_quotes(
    secure: Ostiary, clock: ManualClock, email: str, form: str
) -> None:
    answer = await _registered(secure, clock, email, form.format)
    assert answer.status_code == 200, answer.text


async def test_the_binding_is_recorded(secure: Ostiary, browser: DeviceBoundBrowser) -> None:
    sign_in = (await browser.request("GET", "/api/auth/me")).json()
    found = await secure.use.audit.list(secure.operator(), AuditQuery(event=Event.SESSION_BOUND))
    [event] = found.items
    assert (event.account_id, event.data["session"]) == (sign_in["account"]["id"], sign_in["sign_in"])


async def test_a_registration_below_a_path_of_the_issuer(sqlite_url: str, clock: ManualClock) -> None:
    settings = settings_for_test(sqlite_url, ISSUER + "/auth", dev=False)
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as opened:
        person = await new_person(opened)
        browser = DeviceBoundBrowser(opened, clock)
        answer = await browser.sign_in(person.email)
    assert 'path="/auth/api/session/bound/register"' in answer.headers[OFFER]
    [session] = browser.bound.values()
    assert session.name == "id.example.org/auth"
    assert session.instructions["refresh_url"].startswith("/auth/api/session/bound/refresh/")
    assert session.instructions["scope"]["scope_specification"][0]["path"] == "/auth/static"


async def _registered(secure: Ostiary, clock: ManualClock, email: str, form):  # type: ignore[no-untyped-def]
    browser = DeviceBoundBrowser(secure, clock, keeps=False)
    offer = (await browser.sign_in(email)).headers[OFFER]
    challenge = offer.rpartition("=")[2].strip('"')
    return await browser.send(
        "POST", REGISTER, headers={"secure-session-response": form(SoftwareKey().proof(challenge, first=True))}
    )
