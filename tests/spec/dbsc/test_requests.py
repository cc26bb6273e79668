"""What a bound session's requests need, and what those of other sessions do not."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from ostiary.app import Ostiary
from ostiary.integrations.starlette import Auth
from tests.support.device_bound import ISSUER, DeviceBoundBrowser
from tests.support.embedding import running
from tests.support.installation import new_person, settings_for_test
from tests.support.time import ManualClock

MINUTE = 60_000


async def test_a_browser_that_does_not_know_of_it_stays_signed_in(
    secure: Ostiary, clock: ManualClock, email: str
) -> None:
    browser = DeviceBoundBrowser(secure, clock, keeps=False)
    await browser.sign_in(email)
    clock.advance(60 * MINUTE)
    assert await browser.who() == email


async def test_requests_under_way_while_it_is_bound_are_not_signed_out(
    secure: Ostiary, clock: ManualClock, email: str
) -> None:
    browser = DeviceBoundBrowser(secure, clock)
    await browser.sign_in(email)
    del browser.cookies["__Host-ostiary_bound"]
    browser.bound.clear()
    clock.advance(MINUTE - 1)
    assert await browser.who() == email
    clock.advance(1)
    assert await browser.who() == "device_proof_required"


async def test_the_answer_says_that_the_proof_is_missing_and_leaves_the_session_its_cookie(
    browser: DeviceBoundBrowser,
) -> None:
    del browser.cookies["__Host-ostiary_bound"]
    answer = await browser.send("GET", "/api/auth/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "device_proof_required")
    assert "www-authenticate" in answer.headers
    assert "set-cookie" not in answer.headers


async def test_a_page_leads_to_the_sign_in_and_that_works(browser: DeviceBoundBrowser, email: str) -> None:
    """As after the loss of the key: nothing but another sign-in helps."""
    browser.bound.clear()
    del browser.cookies["__Host-ostiary_bound"]
    page = await browser.send("GET", "/account")
    assert (page.status_code, page.headers["location"]) == (303, "/login?next=/account")
    assert (await browser.send("GET", "/login")).status_code == 200
    await browser.sign_in(email)
    assert await browser.who() == email


async def test_a_bound_cookie_counts_for_some_seconds_more_than_the_browser_keeps_it(
    browser: DeviceBoundBrowser, clock: ManualClock, email: str
) -> None:
    """Its age is counted from when it arrives there, which is later than when it was made."""
    stale = browser.jar
    clock.advance(10 * MINUTE - 61_000)
    browser.cookies = {name: (value, None) for name, value in stale.items()}
    clock.advance(30_000)
    assert await browser.who() == email


async def test_routes_of_an_application_that_embeds_ostiary_need_the_proof_too(
    sqlite_url: str, clock: ManualClock
) -> None:
    mail = {"mail__sender": "smtp", "mail__host": "127.0.0.1", "mail__from_address": "no-reply@example.org"}
    auth = Auth(settings_for_test(sqlite_url, ISSUER + "/auth", dev=False, **mail), clock=clock)

    async def cart(request: Request) -> PlainTextResponse:
        return PlainTextResponse((await auth.signed_in(request)).account_id)

    app = Starlette(routes=[Route("/cart", cart)])
    auth.mount(app)
    async with running(auth, app):
        person = await new_person(auth.ostiary)
        browser = DeviceBoundBrowser(auth.ostiary, clock, app=app)
        await browser.sign_in(person.email)
        clock.advance(11 * MINUTE)
        assert (await browser.request("GET", "/cart")).text == person.id
        thief = browser.stolen()
        del thief.cookies["__Host-ostiary_bound"]
        answer = await thief.request("GET", "/cart")
        assert (answer.status_code, answer.json()["code"]) == (401, "device_proof_required")


async def test_files_are_fetched_without_a_refresh(browser: DeviceBoundBrowser, clock: ManualClock) -> None:
    clock.advance(11 * MINUTE)
    browser.sent.clear()
    assert (await browser.request("GET", "/static/ostiary.css")).status_code == 200
    assert browser.sent == ["GET /static/ostiary.css"]
