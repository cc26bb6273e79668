"""DBSC, editor's draft: "Send request" for a session that there is, and its ends."""

from __future__ import annotations

import re

import pytest

from ostiary.app import Ostiary
from tests.support.device_bound import DeviceBoundBrowser, SoftwareKey
from tests.support.time import ManualClock

MINUTE = 60_000


async def test_a_browser_that_holds_the_key_stays_signed_in(
    browser: DeviceBoundBrowser, clock: ManualClock, email: str
) -> None:
    for _ in range(3):
        clock.advance(11 * MINUTE)
        assert await browser.who() == email
    assert len([sent for sent in browser.sent if "/bound/refresh/" in sent]) == 6


async def test_without_a_proof_a_refresh_is_answered_by_a_challenge(browser: DeviceBoundBrowser) -> None:
    [session] = browser.bound.values()
    answer = await browser.send(
        "POST", session.instructions["refresh_url"], headers={"sec-secure-session-id": session.name}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "device_challenge")
    challenge = answer.headers["secure-session-challenge"]
    assert re.fullmatch(r'"[!#-\[\]-~]+";id="id\.example\.org"', challenge), challenge
    assert "set-cookie" not in answer.headers


async def test_an_answer_that_took_too_long_is_asked_for_again(browser: DeviceBoundBrowser, clock: ManualClock) -> None:
    [session] = browser.bound.values()
    path = session.instructions["refresh_url"]
    asked = (await browser.send("POST", path)).headers["secure-session-challenge"].split('"')[1]
    late = {"secure-session-response": session.key.proof(asked, first=False)}
    clock.advance(5 * MINUTE)
    answer = await browser.send("POST", path, headers=late)
    assert (answer.status_code, "secure-session-challenge" in answer.headers) == (403, True)


async def test_who_follows_a_link_from_another_site_arrives_signed_in(
    browser: DeviceBoundBrowser, clock: ManualClock, email: str
) -> None:
    """The refresh is a POST that another site has caused, so it comes without the session cookie (SameSite=Lax)."""
    clock.advance(11 * MINUTE)
    assert await browser.who(linked=True) == email


async def test_a_new_secret_of_the_session_needs_no_new_key(
    browser: DeviceBoundBrowser, clock: ManualClock, email: str
) -> None:
    token = (await browser.request("GET", "/api/auth/me")).json()["csrf_token"]
    before = dict(browser.jar)
    body = {"current_password": "seven quiet lanterns", "new_password": "eight loud lanterns"}
    changed = await browser.request("PUT", "/api/credentials/password", json=body, headers={"x-csrf-token": token})
    assert changed.status_code == 204, changed.text
    assert browser.jar != before
    clock.advance(11 * MINUTE)
    assert await browser.who() == email


@pytest.mark.parametrize("how", ["here", "elsewhere", "everywhere"])
async def test_a_session_that_has_ended_is_forgotten_by_the_browser(
    secure: Ostiary, browser: DeviceBoundBrowser, clock: ManualClock, email: str, how: str
) -> None:
    if how == "here":
        token = (await browser.request("GET", "/api/auth/me")).json()["csrf_token"]
        ended = await browser.request("POST", "/api/auth/logout", headers={"x-csrf-token": token})
        assert not any("bound" in name or "session" in name for name in browser.jar)
    else:
        other = DeviceBoundBrowser(secure, clock)
        token = (await other.sign_in(email)).json()["csrf_token"]
        sign_in = (
            ""
            if how == "everywhere"
            else "/"
            + next(iter(browser.bound.values())).instructions["refresh_url"].rpartition("/")[2].partition(".")[0]
        )
        ended = await other.request("DELETE", "/api/sessions" + sign_in, headers={"x-csrf-token": token})
    assert ended.status_code in (200, 204), ended.text
    clock.advance(11 * MINUTE)
    assert await browser.who() == "unauthenticated"
    assert browser.bound == {}


async def test_a_session_that_is_not_bound_is_none_to_refresh(secure: Ostiary, clock: ManualClock, email: str) -> None:
    browser = DeviceBoundBrowser(secure, clock, keeps=False)
    await browser.sign_in(email)
    signed_in = (await browser.request("GET", "/api/auth/me")).json()
    sessions = await secure.use.sessions.of_account(signed_in["account"]["id"], clock())
    session = next(session for session in sessions if session.id == signed_in["sign_in"])
    path = f"/api/session/bound/refresh/{secure.use.device_bound.address(session)}"
    proof = {"secure-session-response": SoftwareKey().proof("x", first=True)}
    answer = await browser.send("POST", path, headers=proof)
    assert answer.json() == {"session_identifier": "id.example.org", "continue": False}


async def test_while_a_new_session_is_bound_the_browser_does_not_refresh_the_one_before(
    browser: DeviceBoundBrowser, email: str
) -> None:
    """Chromium sends the page's next requests while it makes the new key, and keeps what is answered last."""
    browser.keeps = False
    del browser.cookies["__Host-ostiary_session"]
    await browser.sign_in(email)
    browser.sent.clear()
    assert await browser.who() == email
    assert browser.sent == ["GET /api/auth/me"]


async def test_a_new_sign_in_takes_the_place_of_the_one_before(
    secure: Ostiary, browser: DeviceBoundBrowser, clock: ManualClock, email: str
) -> None:
    """Also where the old session is still open, as after a restart of the browser that has lost its cookie."""
    del browser.cookies["__Host-ostiary_session"]
    await browser.sign_in(email)
    assert len(browser.bound) == 1
    for _ in range(3):
        clock.advance(11 * MINUTE)
        assert await browser.who() == email


async def test_a_wrong_bound_cookie_is_taken_away_so_that_the_browser_gets_another(
    browser: DeviceBoundBrowser, email: str
) -> None:
    """A refresh of the session before, answered late, may have left one."""
    browser.cookies["__Host-ostiary_bound"] = ("1767225900000-" + 43 * "A", None)
    assert await browser.who() == "device_proof_required"
    assert await browser.who() == email
