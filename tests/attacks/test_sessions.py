"""Session fixation, and cookies and links that have had their day."""

from __future__ import annotations

import re

import httpx

from ostiary.app import Ostiary
from ostiary.base.clock import DAY
from tests.attacks.evidence import assert_refused
from tests.support.installation import PASSWORD, code_for, link_for, new_client, new_person, settings_for_test
from tests.support.time import ManualClock

CREDENTIAL_COOKIES = ("ostiary_session", "ostiary_access", "ostiary_refresh")


def form_token(page: httpx.Response) -> str:
    match = re.search(r'name="csrf_token" value="([\w-]+)"', page.text)
    assert match is not None, page.text
    return match.group(1)


async def sign_in_by_page(client: httpx.AsyncClient, email: str) -> httpx.Response:
    token = form_token(await client.get("/login"))
    return await client.post("/login", data={"identifier": email, "password": PASSWORD, "csrf_token": token})


async def test_a_session_id_that_was_planted_before_the_sign_in_is_not_the_one_after_it(ostiary: Ostiary) -> None:
    victim = await new_person(ostiary)
    for planted in ("a" * 43, "ses_00000000000000000000000000", victim.client.cookies["ostiary_session"]):
        client = new_client(ostiary)
        client.cookies.set("ostiary_session", planted, domain="localhost.local", path="/")
        answer = await client.post(
            "/api/auth/login",
            json={"identifier": victim.email, "password": PASSWORD},
            headers={"X-CSRF-Token": victim.csrf or ""},
        )
        assert answer.status_code == 200, answer.text
        set_cookie = [value for name, value in answer.headers.multi_items() if name == "set-cookie"]
        fresh = [value for value in set_cookie if value.startswith("ostiary_session=") and "Max-Age=0" not in value]
        assert len(fresh) == 1, set_cookie
        assert planted not in fresh[0]
        attacker = new_client(ostiary)
        answer = await attacker.get("/api/auth/me", headers={"Cookie": f"ostiary_session={planted}"})
        assert_refused(answer, 401, "unauthenticated", planted)


async def test_an_attackers_own_session_in_the_victims_browser_ends_when_she_signs_in(ostiary: Ostiary) -> None:
    """She must not go on in the attacker's session, nor he in hers."""
    attacker, victim = await new_person(ostiary), await new_person(ostiary)
    planted = attacker.client.cookies["ostiary_session"]
    browser = new_client(ostiary, cookies={"ostiary_session": planted})
    answer = await browser.post(
        "/api/auth/login",
        json={"identifier": victim.email, "password": PASSWORD},
        headers={"X-CSRF-Token": attacker.csrf or ""},
    )
    assert answer.json()["account"]["id"] == victim.id
    assert (await attacker.client.get("/api/auth/me")).status_code == 401
    sign_ins = (await victim.request("GET", "/api/sessions")).json()["items"]
    assert len(sign_ins) == 2  # the one of her sign-up and the one of now


async def test_a_browser_cookie_that_was_planted_forges_no_form_after_the_sign_in(ostiary: Ostiary) -> None:
    victim, attacker = await new_person(ostiary), new_client(ostiary)
    token = form_token(await attacker.get("/login"))  # tied to the attacker's browser cookie …
    browser = new_client(ostiary, cookies={"ostiary_browser": attacker.cookies["ostiary_browser"]})  # … planted here
    assert (await sign_in_by_page(browser, victim.email)).status_code == 303
    answer = await browser.post("/account/profile", data={"name": "Eve", "csrf_token": token})
    assert answer.status_code == 403


async def test_a_flow_cookie_that_was_planted_signs_nobody_in_as_the_attacker(ostiary: Ostiary) -> None:
    """The attacker's flow, ended by the attacker, leads the victim's browser nowhere."""
    attacker, browser = new_client(ostiary), new_client(ostiary)
    token = form_token(await attacker.get("/register"))
    await attacker.post("/register", data={"email": "eve@example.com", "password": PASSWORD, "csrf_token": token})
    browser.cookies.set("ostiary_flow", attacker.cookies["ostiary_flow"])
    token = form_token(await attacker.get("/verify"))
    data = {"code": await code_for(ostiary, "eve@example.com"), "csrf_token": token}
    assert (await attacker.post("/verify", data=data)).status_code == 303
    data["csrf_token"] = form_token(await browser.get("/login"))
    answer = await browser.post("/verify", data=data)
    assert answer.status_code == 400
    assert not any(name in browser.cookies for name in CREDENTIAL_COOKIES)


async def test_every_sign_in_has_a_secret_of_its_own(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    first = person.client.cookies["ostiary_session"]
    await person.sign_in()
    assert person.client.cookies["ostiary_session"] != first


async def test_a_session_cookie_opens_nothing_after_the_sign_out(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    cookie = {"Cookie": f"ostiary_session={person.client.cookies['ostiary_session']}"}
    assert (await person.request("POST", "/api/auth/logout")).status_code == 204
    assert "ostiary_session" not in person.client.cookies
    for path in ("/api/auth/me", "/api/sessions"):
        assert_refused(await new_client(ostiary).get(path, headers=cookie), 401, "unauthenticated", path)
    data = await new_client(ostiary).get("/api/session/data", headers=cookie)
    assert (data.json(), data.headers["etag"]) == ({}, '"0"'), "what anybody finds who has kept nothing"
    answer = await new_client(ostiary).get("/account", headers=cookie)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/account")
    # The form token of then is not good either, and the answer says why.
    again = {**cookie, **person.headers}
    answer = await new_client(ostiary).patch("/api/auth/me", json={"name": "Eve"}, headers=again)
    assert_refused(answer, 401, "unauthenticated")


async def test_a_session_ends_at_its_absolute_expiry_however_often_it_is_used(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person = await new_person(ostiary)
    for _ in range(5):
        clock.advance(6 * DAY - 1)
        assert (await person.request("GET", "/api/auth/me")).status_code == 200
    clock.advance(5)
    assert (await person.request("GET", "/api/auth/me")).status_code == 401


async def test_a_session_that_nobody_used_ends(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    clock.advance(7 * DAY)
    assert (await person.request("GET", "/api/auth/me")).status_code == 401


async def test_a_verification_link_works_once(ostiary: Ostiary) -> None:
    client = new_client(ostiary)
    body = {"email": "ada@example.com", "password": PASSWORD}
    flow = (await client.post("/api/auth/register", json=body)).json()["flow"]
    link, code = await link_for(ostiary, "ada@example.com"), await code_for(ostiary, "ada@example.com")
    assert (await client.post("/api/auth/verify", json={"token": link, "flow": flow})).status_code == 200
    replays = [
        {"token": link, "flow": flow},
        {"token": link, "password": PASSWORD},
        {"token": link},
        {"flow": flow, "code": code},
    ]
    for replay in replays:
        answer = await new_client(ostiary).post("/api/auth/verify", json=replay)
        assert_refused(answer, 400, "invalid_challenge", replay)
    assert (await new_client(ostiary).get(f"/verify?token={link}")).status_code == 400


async def test_a_verification_link_and_code_expire(ostiary: Ostiary, clock: ManualClock) -> None:
    client = new_client(ostiary)
    body = {"email": "ada@example.com", "password": PASSWORD}
    flow = (await client.post("/api/auth/register", json=body)).json()["flow"]
    link, code = await link_for(ostiary, "ada@example.com"), await code_for(ostiary, "ada@example.com")
    clock.advance(DAY)
    for late in ({"flow": flow, "code": code}, {"token": link, "flow": flow}, {"token": link, "password": PASSWORD}):
        assert_refused(await client.post("/api/auth/verify", json=late), 400, "invalid_challenge", late)


async def test_looking_at_a_link_does_not_spend_it(ostiary: Ostiary) -> None:
    """Mail scanners open every link."""
    client = new_client(ostiary)
    body = {"email": "ada@example.com", "password": PASSWORD}
    flow = (await client.post("/api/auth/register", json=body)).json()["flow"]
    link = await link_for(ostiary, "ada@example.com")
    for method in ("GET", "HEAD", "GET"):
        assert (await new_client(ostiary).request(method, f"/verify?token={link}")).status_code == 200
    assert (await client.post("/api/auth/verify", json={"token": link, "flow": flow})).status_code == 200


async def test_on_https_every_cookie_is_bound_to_its_host_and_hidden_from_scripts(tmp_path: object) -> None:
    settings = settings_for_test(f"sqlite:///{tmp_path}/https.db", "https://id.example.com", dev=False)
    async with await Ostiary.open(settings, migrate_first=True) as ostiary:
        for delivery in ("cookie", "token_cookie"):
            person = await new_person(ostiary, delivery=delivery)
            jar = {cookie.name: cookie for cookie in person.client.cookies.jar}
            for name, cookie in jar.items():
                assert cookie.secure, name
                assert not cookie.domain_specified, name
                assert name.startswith("__Secure-" if "refresh" in name else "__Host-"), name
                assert cookie.has_nonstandard_attr("HttpOnly") or "csrf" in name, name
                assert cookie.get_nonstandard_attr("SameSite") in ("Lax", "Strict"), name
            assert len(jar) == {"cookie": 2, "token_cookie": 4}[delivery]
