"""``/docs`` and ``/docs/errors`` in a real browser, under the policy that they are sent with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import chromium
from tests.support.installation import LiveServer


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, chromium_path: Path) -> Iterator[Page]:
    """A page; the test fails if anything at all is complained about in its console, a policy violation above all."""
    complaints: list[str] = []
    with chromium(chromium_path) as browser:
        opened = browser.new_page(color_scheme=request.param, viewport={"width": 1100, "height": 900})
        opened.on("console", lambda message: complaints.append(message.text) if message.type != "log" else None)
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("requestfailed", lambda failed: complaints.append(failed.url))
        yield opened
    assert complaints == []


def test_the_viewer_shows_every_operation_and_fetches_nothing_from_elsewhere(
    page: Page, live_server: LiveServer
) -> None:
    elsewhere: list[str] = []
    page.on(
        "request", lambda sent: None if sent.url.startswith((live_server.url, "data:")) else elsewhere.append(sent.url)
    )
    answered = page.goto(live_server.url + "/docs")
    assert answered is not None
    assert "unsafe" not in answered.headers["content-security-policy"]
    described = {f"operations-{row.tag}-{row.operation}" for row in live_server.ostiary.web.table.routes if row.tag}
    assert {each.replace(" ", "_") for each in described} == _seen_while_scrolling(page)
    page.reload()
    _opened(page, "operations-auth-post_api_auth_login")
    expect(page.locator("#operations-auth-post_api_auth_login")).to_contain_text("invalid_credentials")
    assert elsewhere == []


def _seen_while_scrolling(page: Page, until: str = "") -> set[str]:
    """The viewer has only those operations in the page that are near."""
    seen: set[str] = set()
    expect(page.locator(".opblock").first).to_be_visible()
    page.mouse.move(500, 500)
    for _ in range(200):
        seen |= set(page.locator(".opblock").evaluate_all("all => all.map(each => each.id)"))
        before = page.evaluate("scrollY")
        if until in seen:
            break
        page.mouse.wheel(0, 500)
        page.wait_for_timeout(60)
        if page.evaluate("scrollY") == before:
            break
    return seen


def _opened(page: Page, operation: str) -> Locator:
    _seen_while_scrolling(page, operation)
    found = page.locator(f"#{operation}")
    found.locator(".opblock-summary-control").click()
    return found


def test_a_token_that_is_entered_is_what_is_sent(page: Page, live_server: LiveServer) -> None:
    page.goto(live_server.url + "/docs")
    page.get_by_role("button", name="Authorize").first.click()
    page.get_by_label("auth-bearer-value").fill("not.a.token")
    page.locator(".modal-ux .auth-container").first.get_by_role("button", name="Apply credentials").click()
    page.get_by_role("button", name="Close").first.click()
    operation = _opened(page, "operations-system-get_healthz")
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text("200")


def test_the_page_of_errors_opens_at_the_code_that_an_answer_names(page: Page, live_server: LiveServer) -> None:
    page.goto(live_server.url + "/docs/errors#rate_limited")
    expect(page.locator("#rate_limited")).to_be_in_viewport()
    expect(page.locator("#rate_limited")).to_contain_text("Retry-After")
