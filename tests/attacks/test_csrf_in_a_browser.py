"""CSRF as it happens: a real browser, signed in to Ostiary, opens a page of another site that sends requests there."""

from __future__ import annotations

import html
import json
import re
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from ostiary.web.route import UNSAFE, Route
from tests.attacks.evidence import contents
from tests.support.installation import PASSWORD, LiveServer, Person, new_administrator, new_person

# A site of its own: the browser sees "localhost" and "127.0.0.1" as different ones, whatever their ports.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class HostileSite:
    """Serves the pages that a test writes, from http://127.0.0.1."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = site.pages.get(self.path, "").encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hostile_site() -> Iterator[HostileSite]:
    site = HostileSite()
    yield site
    site.server.shutdown()
    site.server.server_close()


@pytest.fixture
async def browser(chromium_path: Path) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=chromium_path, args=ARGUMENTS)
        yield opened
        await opened.close()


async def signed_in(browser: Browser, server: LiveServer, person: Person) -> Page:
    page = await (await browser.new_context()).new_page()
    await page.goto(f"{server.url}/login")
    await page.fill("#identifier", person.email)
    await page.fill("#password", person.password)
    await page.click("main button[type=submit]")
    await page.wait_for_url("**/account")
    return page


def form(server: LiveServer, route: Route, encoding: str, fields: dict[str, str]) -> str:
    inputs = "".join(f'<input name="{html.escape(n)}" value="{html.escape(v)}">' for n, v in fields.items())
    action = server.url + re.sub(r"{\w+}", "x", route.path)
    return f'<form method="post" action="{action}" enctype="{encoding}">{inputs}</form>'


def unsafe_routes(server: LiveServer) -> list[Route]:
    return [route for route in server.ostiary.web.table.routes if route.method in UNSAFE]


async def test_forms_of_another_site_change_nothing(
    live_server: LiveServer, browser: Browser, hostile_site: HostileSite
) -> None:
    """Every route that takes POST, by all that a form can send: the way of a person's click, cookies and all."""
    victim = live_server.call(new_administrator(live_server.ostiary))
    attacker = live_server.call(new_person(live_server.ostiary))
    page = await signed_in(browser, live_server, victim)
    before = live_server.call(contents(live_server.ostiary))
    fields = {
        "email": "eve@example.com",
        "identifier": attacker.email,
        "password": PASSWORD,
        "current_password": PASSWORD,
        "new_password": "a password of the attacker",
        "name": "Eve",
        "csrf_token": attacker.csrf or "",
    }
    as_json = {json.dumps(fields)[:-1] + ', "x": "': '"}'}  # text/plain makes of this: {…, "x": "="}
    posted = [route for route in unsafe_routes(live_server) if route.method == "POST"]
    assert len(posted) > 15
    for number, route in enumerate(posted):
        for encoding, content in (("application/x-www-form-urlencoded", fields), ("text/plain", as_json)):
            path = f"/{number}"
            hostile_site.pages[path] = form(live_server, route, encoding, content)
            await page.goto(hostile_site.url + path)
            async with page.expect_navigation() as navigation:
                await page.evaluate("setTimeout(() => document.forms[0].submit())")
            answer = await navigation.value
            assert answer.request.method == "POST"
            assert answer.url.startswith(live_server.url)
            # 401 where the page needs somebody: the cookie is not even sent along (SameSite).
            assert answer.status in (401, 403), (route.path, encoding, answer.status)
    assert live_server.call(contents(live_server.ostiary)) == before
    await page.goto(f"{live_server.url}/account")
    assert page.url == f"{live_server.url}/account", "still signed in, and as the victim"
    assert victim.email in await page.content()


async def test_scripts_of_another_site_change_nothing_and_read_nothing(
    live_server: LiveServer, browser: Browser, hostile_site: HostileSite
) -> None:
    """Every unsafe route by fetch, with and without asking first, and every page that holds a form token."""
    victim = live_server.call(new_administrator(live_server.ostiary))
    page = await signed_in(browser, live_server, victim)
    before = live_server.call(contents(live_server.ostiary))
    hostile_site.pages["/"] = "<p>Hello"
    await page.goto(hostile_site.url + "/")
    targets = [(route.method, re.sub(r"{\w+}", "x", route.path)) for route in unsafe_routes(live_server)]
    sent = await page.evaluate(
        """async ([origin, targets]) => {
            const outcomes = [];
            for (const [method, path] of targets) {
                for (const type of ["application/json", "text/plain", "application/x-www-form-urlencoded"]) {
                    for (const mode of ["cors", "no-cors"]) {
                        const options = {method, mode, credentials: "include", headers: {"Content-Type": type},
                                         body: '{"name": "Eve"}'};
                        try {
                            const answer = await fetch(origin + path, options);
                            outcomes.push([method, path, mode, answer.type, await answer.text()]);
                        } catch (refused) {
                            outcomes.push([method, path, mode, "error", ""]);
                        }
                    }
                }
            }
            for (const path of ["/account", "/api/auth/me", "/login", "/dev/outbox"]) {
                for (const mode of ["cors", "no-cors"]) {
                    try {
                        const answer = await fetch(origin + path, {mode, credentials: "include"});
                        outcomes.push(["GET", path, mode, answer.type, await answer.text()]);
                    } catch (refused) {
                        outcomes.push(["GET", path, mode, "error", ""]);
                    }
                }
            }
            return outcomes;
        }""",
        [live_server.url, targets],
    )
    assert len(sent) == len(targets) * 6 + 8
    readable = [outcome for outcome in sent if outcome[3] not in ("error", "opaque") or outcome[4]]
    assert readable == []
    assert live_server.call(contents(live_server.ostiary)) == before


async def test_a_page_of_ours_is_not_shown_in_a_frame_of_another_site(
    live_server: LiveServer, browser: Browser, hostile_site: HostileSite
) -> None:
    """Clickjacking: the victim would press our buttons without seeing them."""
    page = await (await browser.new_context()).new_page()
    hostile_site.pages["/"] = f'<iframe src="{live_server.url}/login"></iframe>'
    async with page.expect_response(f"{live_server.url}/login") as framed:
        await page.goto(hostile_site.url + "/", wait_until="load")
    assert (await framed.value).status == 200
    shown = [await frame.locator("#identifier").count() for frame in page.frames]
    assert sum(shown) == 0


async def test_the_window_that_another_site_opens_is_out_of_its_reach(
    live_server: LiveServer, browser: Browser, hostile_site: HostileSite
) -> None:
    page = await (await browser.new_context()).new_page()
    hostile_site.pages["/"] = f"<button onclick=\"w = window.open('{live_server.url}/login')\">x</button>"
    await page.goto(hostile_site.url + "/")
    async with page.context.expect_page() as opened:
        await page.click("button")
    popup = await opened.value
    await popup.wait_for_load_state()
    assert await popup.evaluate("window.opener") is None
    assert await page.evaluate("w.closed") is True  # severed: to its opener it looks closed (COOP)
