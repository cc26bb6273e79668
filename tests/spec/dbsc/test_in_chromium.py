"""The whole of it in the system's Chromium, with keys that it keeps in software: on Linux it has no others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.browser import ARGUMENTS, Visitor
from tests.support.https import Authority
from tests.support.installation import LiveServer, Person, new_person
from tests.support.time import ManualClock

FEATURES = "DeviceBoundSessions,EnableBoundSessionCredentialsSoftwareKeysForManualTesting"
SESSION, BOUND = "__Host-ostiary_session", "__Host-ostiary_bound"
MINUTE = 60_000


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), ["localhost"], [])


@pytest.fixture
def app(tmp_path: Path, authority: Authority, clock: ManualClock) -> Iterator[LiveServer]:
    with LiveServer(tmp_path, authority=authority, clock=clock) as server:
        yield server


@pytest.fixture(scope="module")
def chromium(chromium_path: Path, authority: Authority) -> Iterator[Browser]:
    arguments = [f"--ignore-certificate-errors-spki-list={authority.spki}", f"--enable-features={FEATURES}"]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium_path, args=[*ARGUMENTS, *arguments])
        yield opened
        opened.close()


def test_a_session_from_its_sign_in_to_its_end(app: LiveServer, chromium: Browser, clock: ManualClock) -> None:
    person = app.call(new_person(app.ostiary))
    visitor = Visitor(chromium, app.url)
    _sign_in(visitor, person)

    _let_it_expire(visitor, clock)
    visitor.open("/account")
    assert person.email in visitor.page.content(), "it has proved that it holds the key"

    _let_it_expire(visitor, clock)
    _follow_a_link_on_another_site(visitor, app.url + "/account")
    assert person.email in visitor.page.content(), "also where another site has caused the visit"

    visitor.context.clear_cookies(name=SESSION)  # as when it is started again; of the bound session it still knows
    _sign_in(visitor, person)
    _let_it_expire(visitor, clock)
    visitor.open("/account")
    assert person.email in visitor.page.content(), "the new session has taken the place of the first"

    with visitor.page.expect_navigation():
        visitor.page.get_by_role("button", name="Sign out", exact=True).click()
    assert not {SESSION, BOUND} & set(visitor.cookies())
    visitor.open("/login")
    before = len(app.requests)
    visitor.open("/login")
    assert not [each for each in app.requests[before:] if "/bound/" in each.target], "the browser has forgotten it"
    assert visitor.complaints == []


def test_a_window_that_has_the_cookie_and_not_the_key_signs_in_anew(
    app: LiveServer, chromium: Browser, clock: ManualClock
) -> None:
    person = app.call(new_person(app.ostiary))
    first, second = Visitor(chromium, app.url), Visitor(chromium, app.url)
    _sign_in(first, person)
    clock.advance(2 * MINUTE)
    secret = first.cookies()[SESSION]
    second.context.add_cookies([{"name": SESSION, "value": secret, "url": app.url, "secure": True}])
    second.open("/account")
    assert second.page.url == f"{app.url}/login?next=/account"
    _sign_in(second, person)
    assert second.cookies()[SESSION] != secret
    second.open("/account")
    assert person.email in second.page.content()
    first.open("/account")
    assert person.email in first.page.content()


def _sign_in(visitor: Visitor, person: Person) -> None:
    """Sign in and wait for the bound cookie: the browser binds the session by itself, a little later."""
    visitor.context.clear_cookies(name=BOUND)
    visitor.sign_in(person.email)
    for _ in range(500):
        if visitor.cookies().get(BOUND, "-") != "-":
            return
        visitor.page.wait_for_timeout(20)
    pytest.fail("the browser did not bind the session")


def _let_it_expire(visitor: Visitor, clock: ManualClock) -> None:
    """The browser's own time does not turn with the clock, so its cookie is taken away by hand."""
    clock.advance(11 * MINUTE)
    visitor.context.clear_cookies(name=BOUND)


def _follow_a_link_on_another_site(visitor: Visitor, url: str) -> None:
    visitor.page.goto(f'data:text/html,<a href="{url}">there</a>')
    with visitor.page.expect_navigation():
        visitor.page.get_by_role("link").click()
