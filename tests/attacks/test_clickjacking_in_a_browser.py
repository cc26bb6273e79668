"""Clickjacking: the attacker's page has Ostiary in an invisible frame, over what the victim wants to press."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from tests.attacks.conftest import SignedIn
from tests.attacks.hostile_site import FOREIGN, SIBLING, HostileSite
from tests.support.installation import LiveServer
from tests.support.oauth import new_application

PAGES = ["/login", "/register", "/account", "/account/password", "/docs", "/nowhere"]


@pytest.mark.parametrize("host", [FOREIGN, SIBLING])
def test_no_page_is_shown_in_a_frame(
    app: LiveServer, hostile_site: HostileSite, signed_in: SignedIn, host: str
) -> None:
    """A frame of a foreign site has no session cookie either; one of a sibling has, and it is of no use."""
    visitor, _ = signed_in()
    application = app.call(new_application(app.ostiary))
    visitor.page.goto(f"{app.url}/oauth/authorize?{urlencode(application.request())}")
    pages = [*PAGES, visitor.page.url.removeprefix(app.url)]
    assert pages[-1].startswith("/consent?")
    frames = "".join(f'<iframe src="{app.url}{path}"></iframe>' for path in pages)
    hostile_site.page("/", frames + '<iframe src="/shown"></iframe>')
    hostile_site.page("/shown", "<main>Shown</main>")
    app.requests.clear()
    visitor.page.goto(hostile_site.https(host), wait_until="load")
    framed = [request for request in app.requests if request.headers.get("sec-fetch-dest") == "iframe"]
    assert {request.target for request in framed} >= set(pages)
    with_cookie = {any("ostiary_session=" in cookie for cookie in request.cookies) for request in framed}
    assert with_cookie == {host == SIBLING}
    shown = [frame.locator("main").count() for frame in visitor.page.main_frame.child_frames]
    assert shown == [0] * len(pages) + [1], "of all frames the attacker's own alone shows a page"


def test_the_window_that_another_site_opens_is_out_of_its_reach(
    app: LiveServer, hostile_site: HostileSite, signed_in: SignedIn
) -> None:
    visitor, _ = signed_in()
    hostile_site.page("/", f"<button onclick=\"w = window.open('{app.url}/account')\">x</button>")
    visitor.page.goto(hostile_site.https(FOREIGN))
    with visitor.context.expect_page() as opened:
        visitor.page.click("button")
    popup = opened.value
    popup.wait_for_load_state()
    assert popup.url == f"{app.url}/account"
    assert popup.evaluate("window.opener") is None
    assert visitor.page.evaluate("w.closed") is True  # severed: to its opener it looks closed (COOP)
