"""Which requests that another site causes have the session cookie: by ``SameSite``, as the setting has it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks.conftest import NewVisitor, SignedIn
from tests.attacks.hostile_site import APP, FOREIGN, HostileSite
from tests.support.browser import Visitor
from tests.support.https import Authority
from tests.support.installation import LiveServer, Request, new_person
from tests.support.second_factors import mailed


@pytest.fixture(scope="module")
def strict(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(
        tmp_path_factory.mktemp("strict"), host=APP, authority=authority, cookies__same_site="strict"
    ) as server:
        yield server


def follow_a_link(visitor: Visitor, hostile_site: HostileSite, url: str) -> None:
    """Click on a link to ``url`` on a foreign site, and be where it leads."""
    hostile_site.page("/", f'<a href="{url}">x</a>')
    visitor.page.goto(hostile_site.https(FOREIGN))
    with visitor.page.expect_navigation():
        visitor.page.click("a")


def has_session(request: Request) -> bool:
    return any("ostiary_session=" in cookie for cookie in request.cookies)


def test_under_lax_a_link_of_another_site_leads_to_a_page_that_is_signed_in(
    app: LiveServer, hostile_site: HostileSite, signed_in: SignedIn
) -> None:
    visitor, victim = signed_in()
    app.requests.clear()
    follow_a_link(visitor, hostile_site, f"{app.url}/account")
    assert app.requests[0].headers["sec-fetch-site"] == "cross-site"
    assert has_session(app.requests[0])
    assert visitor.page.url == f"{app.url}/account"
    assert victim.email in visitor.page.content()


def test_under_lax_nothing_else_that_another_site_loads_has_the_session(
    app: LiveServer, hostile_site: HostileSite, signed_in: SignedIn
) -> None:
    """Images, styles, scripts, prefetches and beacons, though the browser would take third-party cookies."""
    visitor, _ = signed_in()
    url = f"{app.url}/account"
    hostile_site.page(
        "/",
        f'<img src="{url}"><link rel=stylesheet href="{url}"><link rel=prefetch href="{url}">'
        f'<script src="{url}"></script><object data="{url}"></object><video src="{url}"></video>'
        f'<script>navigator.sendBeacon("{url}", "x")</script>',
    )
    app.requests.clear()
    visitor.page.goto(hostile_site.https(FOREIGN), wait_until="networkidle")
    sent = [request for request in app.requests if request.headers["sec-fetch-site"] == "cross-site"]
    assert len(sent) >= 6
    assert [request for request in sent if has_session(request)] == []


def test_under_strict_a_link_of_another_site_leads_to_the_sign_in_and_the_next_page_is_signed_in(
    strict: LiveServer, hostile_site: HostileSite, signed_in: SignedIn
) -> None:
    visitor, victim = signed_in(strict)
    strict.requests.clear()
    follow_a_link(visitor, hostile_site, f"{strict.url}/account/password")
    followed = [request for request in strict.requests if request.headers["sec-fetch-site"] == "cross-site"]
    assert {request.target for request in followed} == {"/account/password", "/login?next=/account/password"}
    assert not any(has_session(request) for request in followed)
    assert visitor.page.url == f"{strict.url}/login?next=/account/password"
    visitor.open("/account")
    assert visitor.page.url == f"{strict.url}/account", "the session was not lost on the way"
    assert victim.email in visitor.page.content()


def test_under_strict_the_form_that_such_a_link_led_to_leads_on(
    strict: LiveServer, hostile_site: HostileSite, signed_in: SignedIn
) -> None:
    """The page was made for somebody without a session, and the form is sent with one."""
    visitor, victim = signed_in(strict)
    follow_a_link(visitor, hostile_site, f"{strict.url}/account/password")
    visitor.fill(identifier=victim.email)
    visitor.press("Continue")
    assert visitor.page.url == f"{strict.url}/account/password"


def test_under_strict_the_mailed_link_opens_from_a_mail_box_on_another_site(
    strict: LiveServer, hostile_site: HostileSite, new_visitor: NewVisitor
) -> None:
    """The browser that began shows its flow only when the button is pressed; another browser has none to show."""
    person = strict.call(new_person(strict.ostiary))
    began, other = new_visitor(strict.url), new_visitor(strict.url)
    began.open("/login")
    began.fill(identifier=person.email)
    began.press("Continue")
    began.press("A link and a code by e-mail")
    _, token = strict.call(mailed(strict.ostiary, person.email))
    for visitor in (other, began):
        follow_a_link(visitor, hostile_site, f"{strict.url}/login/link?token={token}")
        visitor.press("Sign in")
    assert "another browser" in other.page.get_by_role("main").inner_text()
    assert began.page.url == f"{strict.url}/account"
