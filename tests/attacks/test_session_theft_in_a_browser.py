"""Theft of a session: by a script, from the network, and after it has ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Error

from tests.attacks.conftest import NewVisitor, SignedIn
from tests.attacks.hostile_site import ADDRESS, APP, HostileSite
from tests.support.browser import Visitor
from tests.support.https import Authority
from tests.support.installation import PASSWORD, LiveServer, new_client

NAME = "__Host-ostiary_session"

EVERYTHING_THAT_A_SCRIPT_SEES = """async ([login, credentials]) => {
    const answers = await Promise.all(["/api/auth/me", "/account", "/api/sessions"].map(path => fetch(path)));
    answers.push(await fetch("/api/auth/login", {
        method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(credentials),
    }));
    const databases = await indexedDB.databases();
    return {
        cookies: document.cookie,
        store: (await cookieStore.getAll()).map(cookie => `${cookie.name}=${cookie.value}`),
        headers: answers.flatMap(answer => [...answer.headers].map(([name, value]) => `${name}: ${value}`)),
        bodies: await Promise.all(answers.map(answer => answer.text())),
        kept: [JSON.stringify(localStorage), JSON.stringify(sessionStorage), JSON.stringify(databases)],
        page: document.documentElement.outerHTML,
        name: window.name,
        url: location.href,
    };
}"""


def test_a_script_on_our_own_page_finds_no_session_id_anywhere(app: LiveServer, signed_in: SignedIn) -> None:
    """Cookies, the cookie store, headers and bodies of answers (a sign-in's, too), storage, the page itself."""
    visitor, victim = signed_in(bypass_csp=True)
    before = visitor.cookies()[NAME]
    visitor.page.evaluate("document.cookie = 'readable=1; Path=/; Secure'")
    credentials = {"identifier": victim.email, "password": PASSWORD, "delivery": "token_cookie"}
    found: dict[str, Any] = visitor.page.evaluate(EVERYTHING_THAT_A_SCRIPT_SEES, [app.url, credentials])
    secret = [value for name, value in visitor.cookies().items() if name.endswith(("_session", "_access", "_refresh"))]
    assert "readable=1" in found["cookies"], "what a script may read, it reads"
    assert "readable=1" in found["store"]
    assert "set-cookie" not in str(found["headers"]).lower()
    for value in (before, *secret):
        assert len(value) > 40
        assert value not in str(found)
    for name in ("session", "access", "refresh", "browser", "flow"):
        assert f"ostiary_{name}" not in found["cookies"] + str(found["store"])


def test_a_script_neither_overwrites_nor_removes_the_session_cookie(app: LiveServer, signed_in: SignedIn) -> None:
    visitor, victim = signed_in()
    before = visitor.cookies()[NAME]
    for text in (f"{NAME}=x; Path=/; Secure", f"{NAME}=; Path=/; Secure; Max-Age=0"):
        visitor.page.evaluate("text => { document.cookie = text }", text)
    visitor.page.evaluate("name => cookieStore.delete(name).catch(() => null)", NAME)
    assert visitor.cookies()[NAME] == before
    visitor.open("/account")
    assert victim.email in visitor.page.content()


@pytest.fixture(scope="module")
def without_a_name(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("address"), host=ADDRESS, authority=authority) as server:
        yield server


def test_the_session_cookie_is_not_sent_by_plain_http(
    without_a_name: LiveServer, hostile_site: HostileSite, signed_in: SignedIn
) -> None:
    """Whoever sits on the network has the browser ask for ``http://``. Of an address, nothing but ``Secure`` guards."""
    visitor, _ = signed_in(without_a_name)
    hostile_site.page("/", "<p>Hello", ("Set-Cookie", "careless=1; Path=/"))
    visitor.page.goto(hostile_site.https(ADDRESS))
    assert any(cookie.startswith(f"{NAME}=") for cookie in hostile_site.received[-1].cookies), "a port is no boundary"
    visitor.page.goto(hostile_site.http(ADDRESS))
    assert hostile_site.received[-1].cookies == ["careless=1"]


def test_after_one_visit_the_browser_asks_for_nothing_by_plain_http(
    app: LiveServer, hostile_site: HostileSite, signed_in: SignedIn
) -> None:
    """Nor for hosts below ours (RFC 6797): whoever sits on the network could answer what is asked for in clear."""
    visitor, _ = signed_in()
    for host in (APP, f"www.{APP}"):
        with pytest.raises(Error, match="ERR_SSL_PROTOCOL_ERROR"):
            visitor.context.new_page().goto(hostile_site.http(host))
    assert hostile_site.received == []


def sign_out(visitor: Visitor, by: str) -> None:
    if by == "the page":
        visitor.open("/account")
        with visitor.page.expect_navigation():
            visitor.page.locator("form[action$='/logout'] button").click()
        return
    status = visitor.page.evaluate(
        """async () => {
            const me = await (await fetch("/api/auth/me")).json();
            const headers = {"X-CSRF-Token": me.csrf_token};
            return (await fetch("/api/auth/logout", {method: "POST", headers})).status;
        }"""
    )
    assert status == 204


@pytest.mark.parametrize("by", ["the page", "the API"])
def test_a_cookie_that_was_copied_opens_nothing_after_the_sign_out(
    app: LiveServer, signed_in: SignedIn, new_visitor: NewVisitor, by: str
) -> None:
    """Replayed by another browser of the same kind, and by a program; what was open in it is over, too."""
    visitor, victim = signed_in(bypass_csp=True)
    copied: Any = visitor.context.cookies()
    thief = new_visitor()
    thief.context.add_cookies(copied)
    thief.open("/account")
    assert victim.email in thief.page.content(), "until then it was good"
    token = thief.page.locator("[name=csrf_token]").first.get_attribute("value") or ""
    sign_out(visitor, by)
    assert NAME not in visitor.cookies()
    form = "form[action$='/account/profile'] button"
    with thief.page.expect_navigation() as navigation:
        thief.page.locator(form).click()
    assert navigation.value.status == 401
    thief.context.add_cookies(copied)
    thief.open("/account")
    assert thief.page.url == f"{app.url}/login?next=/account"
    cookie = next(f"{NAME}={cookie['value']}" for cookie in copied if cookie["name"] == NAME)
    headers = {"Cookie": cookie, "X-CSRF-Token": token, "User-Agent": visitor.user_agent}
    assert app.call(_replayed(app, headers)) == {401}


async def _replayed(app: LiveServer, headers: dict[str, str]) -> set[int]:
    async with new_client(app.ostiary, headers=headers) as client:
        answers: list[httpx.Response] = [
            await client.get("/api/auth/me"),
            await client.get("/api/sessions"),
            await client.patch("/api/auth/me", json={"name": "Eve"}),
            await client.put(
                "/api/credentials/password", json={"current_password": PASSWORD, "new_password": "of the attacker"}
            ),
        ]
    return {answer.status_code for answer in answers}


def test_the_back_button_shows_nothing_after_the_sign_out(app: LiveServer, signed_in: SignedIn) -> None:
    """The next person at this machine presses "back"."""
    visitor, victim = signed_in()
    visitor.open("/account/password")
    visitor.open("/account")
    sign_out(visitor, "the page")
    for _ in range(2):
        visitor.page.go_back()
        assert victim.email not in visitor.page.content()
        assert visitor.page.url.startswith(f"{app.url}/login")
