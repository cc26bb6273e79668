"""A session id in a URL: none is read there, so none can be planted by a link; and none is written, so none leaks."""

from __future__ import annotations

from urllib.parse import unquote

from playwright.sync_api import Response

from tests.attacks.conftest import NewVisitor, SignedIn
from tests.attacks.hostile_site import FOREIGN, HostileSite
from tests.support.browser import Visitor
from tests.support.installation import LiveServer, Person

NAME = "__Host-ostiary_session"
PLACES = [
    "/account?{name}={id}",
    "/account?session={id}&session_id={id}&sid={id}&token={id}",
    "/account?access_token={id}",
    "/account;{name}={id}",
    "/account;jsessionid={id}",
    "/account/{id}",
    "/account#{name}={id}",
    "/login?{name}={id}",
    "/login?next=/account%3F{name}={id}",
    "/?{name}={id}",
    "/{id}/account",
]


def test_a_link_with_a_session_id_signs_nobody_in_and_sets_no_cookie(
    app: LiveServer, hostile_site: HostileSite, new_visitor: NewVisitor, attacker: tuple[Visitor, Person]
) -> None:
    """The id is good: it opens the attacker's account, and would lead the victim there."""
    visitor, planted = new_visitor(), attacker[0].cookies()[NAME]
    for place in PLACES:
        hostile_site.page("/", f'<a href="{app.url}{place.format(name=NAME, id=planted)}">x</a>')
        visitor.page.goto(hostile_site.https(FOREIGN))
        with visitor.page.expect_navigation():
            visitor.page.click("a")
        assert attacker[1].email not in visitor.page.content(), place
        assert planted not in str(visitor.cookies()), place
    visitor.open("/account")
    assert visitor.page.url == f"{app.url}/login?next=/account"


def test_a_session_id_in_a_form_or_a_header_signs_nobody_in(
    app: LiveServer, new_visitor: NewVisitor, attacker: tuple[Visitor, Person]
) -> None:
    visitor, planted = new_visitor(bypass_csp=True), attacker[0].cookies()[NAME]
    visitor.open("/login")
    found = visitor.page.evaluate(
        """async ([name, id]) => {
            const token = document.querySelector("[name=csrf_token]").value;
            const form = new URLSearchParams({identifier: "x", password: "x", csrf_token: token, [name]: id});
            const headers = {"X-Session": id, "X-Session-Id": id, [name]: id};
            const sent = [
                await fetch("/login", {method: "POST", body: form}),
                await fetch("/account", {headers}),
                await fetch("/api/auth/me", {headers}),
                await fetch(`/api/auth/me?${name}=${id}`),
                await fetch("/api/auth/me", {headers: {Authorization: `Bearer ${id}`}}),
            ];
            return Promise.all(sent.map(async answer => [answer.status, answer.url, await answer.text()]));
        }""",
        [NAME, planted],
    )
    assert [status for status, _, _ in found] == [400, 200, 401, 401, 401]
    assert found[1][1] == f"{app.url}/login?next=/account"
    assert attacker[1].email not in str(found)
    assert planted not in str(visitor.cookies())


def test_no_address_and_no_referer_of_a_whole_visit_holds_the_session_id(
    app: LiveServer, hostile_site: HostileSite, signed_in: SignedIn
) -> None:
    app.requests.clear()
    visitor, victim = signed_in()
    session_id = visitor.cookies()[NAME]
    ways: list[str] = []
    visitor.page.on("response", lambda response: ways.extend(_addresses(response)))
    walk(visitor, victim)
    visitor.open("/account")
    visitor.page.evaluate("url => { location.href = url }", hostile_site.https(FOREIGN))
    visitor.page.wait_for_url(hostile_site.https(FOREIGN))
    assert "referer" not in hostile_site.received[-1].headers, "another site learns nothing of where she came from"
    seen = [request.target + request.headers.get("referer", "") for request in app.requests] + ways
    assert len(seen) > 10
    assert [address for address in seen if session_id in unquote(address)] == []


def walk(visitor: Visitor, victim: Person) -> None:
    for path in ("/", "/account", "/account/password", "/account/email", "/nowhere", "/docs/errors", "/login"):
        visitor.open(path)
    visitor.open("/account")
    visitor.fill(name="Ada")
    with visitor.page.expect_navigation():
        visitor.page.locator("form[action$='/account/profile'] button").click()
    assert "Ada" in visitor.page.content(), victim.email


def _addresses(response: Response) -> list[str]:
    return [response.url, response.headers.get("location", "")]
