"""The cookies that are set: RFC 6265 section 4.1, and the name prefixes of RFC 6265bis section 4.1.3."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from ostiary.app import Ostiary
from ostiary.settings import Settings
from tests.support.installation import PASSWORD, code_for, new_client, new_person, settings_for_test
from tests.support.time import ManualClock

EMAIL = "ada@example.com"


def _settings(database_url: str, issuer: str) -> Settings:
    return settings_for_test(database_url, issuer, dev=issuer.startswith("http:"))


def _set_cookies(answer: httpx.Response) -> dict[str, set[str]]:
    """By name: the attributes; and a fault where a name comes twice."""
    found: dict[str, set[str]] = {}
    for header in answer.headers.get_list("set-cookie"):
        pair, *attributes = header.split("; ")
        name, _, value = pair.partition("=")
        assert name not in found, "more than one Set-Cookie with the same name (section 4.1.1)"
        found[name] = {*attributes} | ({"deleted"} if not value else set())
    return found


@pytest.fixture(params=["https://example.org", "https://example.org/auth", "http://localhost:8000"])
async def installed(request: pytest.FixtureRequest, sqlite_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    opened = await Ostiary.open(_settings(sqlite_url, request.param), clock=clock, migrate_first=True)
    async with opened:
        yield opened


def _names(ostiary: Ostiary) -> tuple[str, str, set[str]]:
    secure = ostiary.use.settings.issuer.startswith("https:")
    return ("__Host-", "__Secure-", {"Secure"}) if secure else ("", "", set())


async def test_a_session_is_one_cookie_that_no_script_and_no_other_site_can_use(installed: Ostiary) -> None:
    host, _, secure = _names(installed)
    await new_person(installed, EMAIL)
    answer = await new_client(installed).post("/api/auth/login", json={"identifier": EMAIL, "password": PASSWORD})
    assert _set_cookies(answer) == {
        f"{host}ostiary_session": {"Path=/", "HttpOnly", "SameSite=Lax"} | secure,
        f"{host}ostiary_device": {"Max-Age=34560000", "Path=/", "HttpOnly", "SameSite=Lax"} | secure,
    }


async def test_tokens_in_cookies_are_three_and_the_refresh_token_goes_to_one_path(installed: Ostiary) -> None:
    host, narrow, secure = _names(installed)
    base = installed.use.settings.base_path
    await new_person(installed, EMAIL)
    answer = await new_client(installed).post(
        "/api/auth/login", json={"identifier": EMAIL, "password": PASSWORD, "delivery": "token_cookie"}
    )
    assert _set_cookies(answer) == {
        f"{host}ostiary_access": {"Max-Age=600", "Path=/", "HttpOnly", "SameSite=Lax"} | secure,
        f"{narrow}ostiary_refresh": {
            "Max-Age=1209600",
            f"Path={base}/api/auth/refresh",
            "HttpOnly",
            "SameSite=Strict",
        }
        | secure,
        f"{host}ostiary_csrf": {"Max-Age=1209600", "Path=/", "SameSite=Lax"} | secure,  # for scripts to read
        f"{host}ostiary_device": {"Max-Age=34560000", "Path=/", "HttpOnly", "SameSite=Lax"} | secure,
    }
    assert not {"access_token", "refresh_token"} & answer.json().keys()


async def test_tokens_in_the_body_set_no_cookie(installed: Ostiary) -> None:
    await new_person(installed, EMAIL)
    answer = await new_client(installed).post(
        "/api/auth/login", json={"identifier": EMAIL, "password": PASSWORD, "delivery": "token"}
    )
    assert _set_cookies(answer) == {}


async def test_signing_out_deletes_with_the_attributes_that_set(installed: Ostiary) -> None:
    host, narrow, secure = _names(installed)
    person = await new_person(installed, EMAIL)
    out = await person.request("POST", "/api/auth/logout")
    gone = {"deleted", "Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"} | secure
    assert _set_cookies(out) == {f"{host}ostiary_session": gone}
    await person.sign_in("token_cookie")
    out = await person.request("POST", "/api/auth/logout")
    assert _set_cookies(out).keys() == {f"{host}ostiary_access", f"{narrow}ostiary_refresh", f"{host}ostiary_csrf"}
    assert all("deleted" in attributes for attributes in _set_cookies(out).values())


async def test_a_sign_in_over_another_sets_each_cookie_once(installed: Ostiary) -> None:
    host, _, _ = _names(installed)
    person = await new_person(installed, EMAIL)
    for delivery in ("cookie", "token_cookie", "cookie"):
        answer = await person.client.post(
            "/api/auth/login",
            json={"identifier": EMAIL, "password": PASSWORD, "delivery": delivery},
            headers=person.headers,
        )
        assert answer.status_code == 200
        person.csrf = answer.json()["csrf_token"]
        cookies = _set_cookies(answer)
        kept, dropped = ("session", "access") if delivery == "cookie" else ("access", "session")
        assert "deleted" not in cookies[f"{host}ostiary_{kept}"]
        assert "deleted" in cookies.get(f"{host}ostiary_{dropped}", {"deleted"})
        assert (await person.request("GET", "/api/auth/me")).status_code == 200


async def test_a_cookie_that_opens_nothing_is_left_for_the_next_sign_in_to_replace(installed: Ostiary) -> None:
    """Deleting it could delete the one that the browser has just been given in answer to a request beside this."""
    host, _, _ = _names(installed)
    stale = new_client(installed, headers={"Cookie": f"{host}ostiary_session={'A' * 43}"})
    answer = await stale.get("/api/auth/me")
    assert answer.status_code == 401
    assert _set_cookies(answer) == {}


async def test_pages_tie_their_forms_to_a_browser_by_a_cookie(installed: Ostiary) -> None:
    host, _, secure = _names(installed)
    answer = await new_client(installed).get("/login")
    assert _set_cookies(answer) == {f"{host}ostiary_browser": {"Path=/", "HttpOnly", "SameSite=Lax"} | secure}


async def test_plain_names_count_for_nothing_where_cookies_are_secure(sqlite_url: str, clock: ManualClock) -> None:
    async with await Ostiary.open(
        _settings(sqlite_url, "https://example.org"), clock=clock, migrate_first=True
    ) as opened:
        person = await new_person(opened, EMAIL)
        planted = new_client(
            opened, headers={"Cookie": f"ostiary_session={person.client.cookies['__Host-ostiary_session']}"}
        )
        assert (await planted.get("/api/auth/me")).status_code == 401


async def test_a_flow_leads_back_to_an_address_that_no_cookie_could_hold_as_it_is(installed: Ostiary) -> None:
    """A value has no semicolon, comma, quote or backslash (section 4.1.1)."""
    following, client = '/shop/caf%C3%A9;v=1,2?q="a"&x=%5C~', new_client(installed)

    async def send(path: str, **fields: str) -> httpx.Response:
        page = await client.get(path)
        token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        return await client.post(path, data={**fields, "csrf_token": token})

    assert (await send("/register", email=EMAIL, password=PASSWORD, next=following)).status_code == 303
    verified = await send("/verify", code=await code_for(installed, EMAIL))
    assert verified.headers["location"] == following
