"""Session fixation: the attacker puts an id that he knows into the victim's browser, and waits for her sign-in."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import httpx
import pytest

from ostiary.app import Ostiary
from tests.attacks.conftest import NewVisitor, SignedIn
from tests.attacks.hostile_site import APP, SIBLING, HostileSite
from tests.support.browser import Visitor
from tests.support.installation import LiveServer, Person, new_client, new_person

Attacker = tuple[Visitor, Person]

NAME = "__Host-ostiary_session"
DOMAIN = "Domain=example.test; Path=/; Secure"

SET_BY_A_SIBLING = [
    f"{NAME}={{}}; {DOMAIN}",
    f"__Secure-ostiary_session={{}}; {DOMAIN}",
    f"ostiary_session={{}}; {DOMAIN}",
    f"__host-ostiary_session={{}}; {DOMAIN}",
    f"={NAME}={{}}; {DOMAIN}",
    # A browser takes these for other names, and a server that strips more than blanks and tabs does not.
    f"\x85{NAME}={{}}; {DOMAIN}",
    f"\xa0{NAME}={{}}; {DOMAIN}",
    f"x=1, {NAME}={{}}; {DOMAIN}",
    f'x="; {NAME}={{}}"; {DOMAIN}',
]
"""``Set-Cookie`` values, with the place for the session id."""
SET_BY_A_SCRIPT = [
    *SET_BY_A_SIBLING,
    f"\u2003{NAME}={{}}; {DOMAIN}",
    f"\ufeff{NAME}={{}}; {DOMAIN}",
    f"$Version=1; {NAME}={{}}; {DOMAIN}",
]
SET_BY_THE_NETWORK = [
    f"{NAME}={{}}; Path=/; Secure",
    f"{NAME}={{}}; Path=/",
    "__Secure-ostiary_session={}; Path=/; Secure",
    "ostiary_session={}; Path=/",
    f"\x85{NAME}={{}}; Path=/",
    f"={NAME}={{}}; Path=/",
]


def whose(server: LiveServer, session_id: str, agent: str, name: str = NAME) -> str | None:
    """The account that a session id opens, asked by a program that says that it is the victim's browser."""

    async def ask() -> httpx.Response:
        async with new_client(server.ostiary) as client:
            headers = {"Cookie": f"{name}={session_id}", "User-Agent": agent}
            return await client.get("/api/auth/me", headers=headers)

    answer = server.call(ask())
    assert answer.status_code in (200, 401)
    return answer.json()["account"]["id"] if answer.status_code == 200 else None


def assert_the_sign_in_is_her_own(
    visitor: Visitor, server: LiveServer, planted: str, attacker: Attacker | None = None
) -> None:
    """She is nobody before it, herself after it, by an id that was not planted, and which opens nothing of hers."""
    visitor.open("/account")
    assert visitor.page.url == f"{server.url}/login?next=/account"
    assert any(planted in cookie for cookie in server.requests[-1].cookies), "nothing was planted: no attack"
    victim = server.call(new_person(server.ostiary))
    visitor.sign_in(victim.email)
    assert visitor.page.url == f"{server.url}/account"
    assert victim.email in visitor.page.content()
    assert visitor.cookies()[NAME] != planted
    assert whose(server, visitor.cookies()[NAME], visitor.user_agent) == victim.id
    assert whose(server, planted, visitor.user_agent) in (None, attacker and attacker[1].id)


def test_a_sibling_plants_no_session_by_its_answers(
    app: LiveServer, hostile_site: HostileSite, new_visitor: NewVisitor, attacker: Attacker
) -> None:
    visitor, planted = new_visitor(), attacker[0].cookies()[NAME]
    hostile_site.page("/", "<p>Hello", *(("Set-Cookie", value.format(planted)) for value in SET_BY_A_SIBLING))
    visitor.page.goto(hostile_site.https(SIBLING))
    assert_the_sign_in_is_her_own(visitor, app, planted, attacker)


def test_a_sibling_plants_no_session_by_its_scripts(
    app: LiveServer, hostile_site: HostileSite, new_visitor: NewVisitor, attacker: Attacker
) -> None:
    visitor, planted = new_visitor(), attacker[0].cookies()[NAME]
    hostile_site.page("/", "<p>Hello")
    visitor.page.goto(hostile_site.https(SIBLING))
    for value in SET_BY_A_SCRIPT:
        visitor.page.evaluate("value => { document.cookie = value }", value.format(planted))
    assert_the_sign_in_is_her_own(visitor, app, planted, attacker)


def test_whoever_sits_on_the_network_plants_no_session_by_plain_http(
    app: LiveServer, hostile_site: HostileSite, new_visitor: NewVisitor, attacker: Attacker
) -> None:
    """Before the victim's first visit: from then on the browser asks for nothing of this host by plain http."""
    visitor, planted = new_visitor(), attacker[0].cookies()[NAME]
    hostile_site.page("/", "<p>Hello", *(("Set-Cookie", value.format(planted)) for value in SET_BY_THE_NETWORK))
    visitor.page.goto(hostile_site.http(APP))
    assert_the_sign_in_is_her_own(visitor, app, planted, attacker)


def test_whoever_had_the_browser_in_hand_planted_no_session(
    app: LiveServer, new_visitor: NewVisitor, signed_in: SignedIn
) -> None:
    """The cookie is there as if we had set it, with an id that the attacker made up or has from a session of his."""
    own, person = signed_in()
    ended = own.cookies()[NAME]
    app.call(person.request("DELETE", "/api/sessions"))
    for planted in (secrets.token_urlsafe(32), ended):
        visitor = new_visitor()
        visitor.context.add_cookies(
            [{"name": NAME, "value": planted, "url": app.url, "secure": True, "httpOnly": True, "sameSite": "Lax"}]
        )
        assert_the_sign_in_is_her_own(visitor, app, planted)
        assert whose(app, planted, visitor.user_agent) is None


def test_an_anonymous_session_that_the_attacker_holds_is_not_the_one_after_the_sign_in(
    app: LiveServer, new_visitor: NewVisitor
) -> None:
    """He fills a cart and plants its session. She takes the cart along; his id and his form token open nothing."""
    visitor = new_visitor(bypass_csp=True)
    attacker = app.call(begin_anonymously(app.ostiary, visitor.user_agent))
    planted, token = attacker.cookies[NAME], app.call(attacker.get("/api/session/data")).headers["x-csrf-token"]
    visitor.context.add_cookies([{"name": NAME, "value": planted, "url": app.url, "secure": True, "httpOnly": True}])
    assert_the_sign_in_is_her_own(visitor, app, planted)
    assert app.call(attacker.get("/api/session/data")).json() == {}
    outcome = visitor.page.evaluate(
        """async token => {
            const body = new URLSearchParams({name: "Eve", csrf_token: token});
            const cart = await (await fetch("/api/session/data")).json();
            return [cart, (await fetch("/account/profile", {method: "POST", body})).status];
        }""",
        token,
    )
    assert outcome == [{"cart": ["x"]}, 403]


async def begin_anonymously(ostiary: Ostiary, agent: str) -> httpx.AsyncClient:
    client = new_client(ostiary, headers={"User-Agent": agent})
    assert (await client.patch("/api/session/data", json={"cart": ["x"]})).status_code == 200
    return client


@pytest.fixture(scope="module")
def plain_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """As a developer has it: ``http://localhost``, and cookie names without a prefix."""
    with LiveServer(tmp_path_factory.mktemp("plain")) as server:
        yield server


def test_a_session_that_another_port_planted_is_not_the_one_after_the_sign_in(
    plain_app: LiveServer, hostile_site: HostileSite, new_visitor: NewVisitor
) -> None:
    """Cookies know no ports, and names without a prefix can be planted: what saves her is the new id."""
    visitor, planted = new_visitor(plain_app.url), secrets.token_urlsafe(32)
    hostile_site.page("/", "<p>Hello", ("Set-Cookie", f"ostiary_session={planted}; Path=/"))
    visitor.page.goto(hostile_site.http("localhost"))
    victim = plain_app.call(new_person(plain_app.ostiary))
    visitor.sign_in(victim.email)
    assert any(planted in cookie for cookie in plain_app.requests[0].cookies)
    assert victim.email in visitor.page.content()
    assert visitor.cookies()["ostiary_session"] != planted
    assert whose(plain_app, planted, visitor.user_agent, "ostiary_session") is None
