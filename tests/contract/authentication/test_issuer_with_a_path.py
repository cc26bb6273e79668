"""An issuer with a path: every address that leaves the house carries it, and what comes back under it is found."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from ostiary.app import Ostiary
from ostiary.base.clock import SECOND
from tests.support.installation import PASSWORD, code_for, link_for, settings_for_test
from tests.support.time import ManualClock

ISSUER = "https://example.org/auth"
EMAIL = "ada@example.com"
_ADDRESS = re.compile(r'(?:href|src|action)="([^"]*)"')


@pytest.fixture
async def mounted(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    settings = settings_for_test(sqlite_url, ISSUER, dev=False)
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as opened:
        yield opened


@pytest.fixture
async def browser(mounted: Ostiary) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at the origin, so that each path it asks for is written out whole."""
    transport = httpx.ASGITransport(app=mounted, root_path="/auth", client=("203.0.113.7", 40000))
    async with httpx.AsyncClient(transport=transport, base_url="https://example.org") as client:
        yield client


def _links(page: httpx.Response) -> set[str]:
    """Every address on a page of ours, all of them below the path but the way home, to the application around us."""
    found = {html.unescape(address) for address in _ADDRESS.findall(page.text)}
    outside = {address for address in found if not address.startswith(("/auth/", "#"))}
    assert outside <= {"/"}, page.url
    assert found > outside
    return found


def _token(page: httpx.Response) -> str:
    return page.text.partition('name="csrf_token" value="')[2].partition('"')[0]


async def test_a_person_gets_through_by_pages_alone(
    mounted: Ostiary, browser: httpx.AsyncClient, clock: ManualClock
) -> None:
    start = await browser.get("/auth/")
    assert (start.status_code, start.headers["location"]) == (303, "/auth/login")
    assert (await browser.get("/auth")).headers["location"] == "/auth/login"
    guarded = await browser.get("/auth/account")
    assert guarded.headers["location"] == "/auth/login?next=/auth/account"
    login = await browser.get("/auth/login")
    assert "/auth/register" in _links(login)

    page = await browser.get("/auth/register")
    fields = {"email": EMAIL, "password": PASSWORD, "csrf_token": _token(page)}
    registered = await browser.post("/auth/register", data=fields)
    assert registered.headers["location"] == "/auth/verify"
    page = await browser.get("/auth/verify")
    _links(page)
    assert EMAIL in page.text
    verified = await browser.post(
        "/auth/verify", data={"code": await code_for(mounted, EMAIL), "csrf_token": _token(page)}
    )
    assert verified.headers["location"] == "/auth/account"

    account = await browser.get("/auth/account")
    assert {"/auth/account/password", "/auth/account/email", "/auth/logout"} <= _links(account)
    clock.advance(SECOND)
    out = await browser.post("/auth/logout", data={"csrf_token": _token(account)})
    assert out.headers["location"] == "/auth/login"
    page = await browser.get("/auth/login?next=/auth/account/password")
    assert "You are signed out." in page.text
    fields = {"identifier": EMAIL, "password": PASSWORD, "next": "/auth/account/password", "csrf_token": _token(page)}
    back = await browser.post("/auth/login", data=fields)
    assert back.headers["location"] == "/auth/account/password"
    assert (await browser.get("/auth/account/password")).status_code == 200


async def test_the_files_of_a_page_are_there(browser: httpx.AsyncClient) -> None:
    files = {address for address in _links(await browser.get("/auth/login")) if "/static/" in address}
    assert len(files) >= 3
    for address in files:
        assert (await browser.get(address)).status_code == 200, address


async def test_mails_tokens_problems_and_the_description_carry_it(mounted: Ostiary, browser: httpx.AsyncClient) -> None:
    body = {"email": EMAIL, "password": PASSWORD, "delivery": "token"}
    begun = await browser.post("/auth/api/auth/register", json=body)
    (mail,) = await mounted.use.mailer.outbox(1)
    assert f"{ISSUER}/verify?token={await link_for(mounted, EMAIL)}" in mail.text
    assert set(re.findall(r"https?://\S+", mail.text)) == {f"{ISSUER}/verify?token={await link_for(mounted, EMAIL)}"}
    proof = {"flow": begun.json()["flow"], "code": await code_for(mounted, EMAIL)}
    tokens = (await browser.post("/auth/api/auth/verify", json=proof)).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await browser.get("/auth/api/auth/me", headers=bearer)).status_code == 200
    missing = await browser.get("/auth/api/nothing")
    assert (missing.status_code, missing.json()["type"]) == (404, f"{ISSUER}/docs/errors#not_found")
    description = (await browser.get("/auth/openapi.json")).json()
    assert [server["url"] for server in description["servers"]] == [ISSUER]
    assert (await browser.get("/auth/.well-known/jwks.json")).status_code == 200


async def test_the_origin_of_a_form_is_the_issuers_without_its_path(browser: httpx.AsyncClient) -> None:
    body = {"identifier": EMAIL, "password": PASSWORD}
    for origin, status in (
        ("https://example.org", 401),
        ("https://example.org/auth", 403),
        ("http://example.org", 403),
    ):
        answer = await browser.post("/auth/api/auth/login", json=body, headers={"Origin": origin})
        assert answer.status_code == status, origin


async def test_a_path_that_only_begins_alike_is_not_ours(browser: httpx.AsyncClient) -> None:
    for path in ("/authentication", "/auth-login", "/authlogin"):
        assert (await browser.get(path)).status_code == 404


async def test_over_https_browsers_are_told_to_stay_there(browser: httpx.AsyncClient) -> None:
    assert "strict-transport-security" in (await browser.get("/auth/login")).headers
