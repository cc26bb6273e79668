"""Cookie tossing: another host of the domain sets cookies of our names, before ours, or too many of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from tests.attacks.conftest import SignedIn
from tests.attacks.hostile_site import APP, SIBLING, HostileSite
from tests.support.browser import Visitor
from tests.support.https import Authority
from tests.support.installation import PASSWORD, LiveServer, Person

COOKIES = ("session", "access", "refresh", "csrf", "browser", "flow", "notice")


@pytest.fixture(scope="module")
def plain_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """As a developer has it: ``http://localhost``, and cookie names without a prefix."""
    with LiveServer(tmp_path_factory.mktemp("plain")) as server:
        yield server


def toss(visitor: Visitor, hostile_site: HostileSite, url: str, *cookies: str) -> None:
    hostile_site.page("/", "<p>Hello", *(("Set-Cookie", cookie) for cookie in cookies))
    visitor.page.goto(url)


def test_cookies_of_a_sibling_change_nothing_for_whoever_is_signed_in(
    app: LiveServer, hostile_site: HostileSite, signed_in: SignedIn
) -> None:
    """Each of our cookies by name, with and without its prefix, for a path that makes it come first."""
    (visitor, victim), (own, attacker) = signed_in(), signed_in()
    planted = own.cookies()["__Host-ostiary_session"]
    toss(
        visitor,
        hostile_site,
        hostile_site.https(SIBLING),
        *(
            f"{prefix}ostiary_{name}={planted}; Domain=example.test; Path=/account; Secure"
            for prefix in ("", "__Host-", "__Secure-", "\x85__Host-", "=__Host-", "=__Secure-")
            for name in COOKIES
        ),
    )
    visitor.open("/account")
    assert any(planted in cookie for cookie in app.requests[-1].cookies), "nothing was tossed: no attack"
    assert victim.email in visitor.page.content()
    visitor.fill(name="Ada")
    with visitor.page.expect_navigation():
        visitor.page.locator("form[action$='/account/profile'] button").click()
    assert visitor.page.locator("main [name=name]").input_value() == "Ada"
    assert attacker.email not in visitor.page.content()


@pytest.fixture(scope="module")
def sharing_app(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Every host of the domain is sent its cookies, and may set them."""
    with LiveServer(
        tmp_path_factory.mktemp("sharing"), host=APP, authority=authority, cookies__domain="example.test"
    ) as server:
        yield server


def test_of_two_session_cookies_none_is_picked_where_another_port_can_set_them(
    plain_app: LiveServer, hostile_site: HostileSite, signed_in: SignedIn
) -> None:
    """Names without a prefix can be set by every port of the host. What has the longer path is sent first."""
    name, url = "ostiary_session", hostile_site.http("localhost")
    assert_none_is_picked(plain_app, signed_in, name, lambda visitor, cookie: toss(visitor, hostile_site, url, cookie))


def test_of_two_session_cookies_none_is_picked_where_the_domain_shares_them(
    sharing_app: LiveServer, hostile_site: HostileSite, signed_in: SignedIn
) -> None:
    name, url = "__Secure-ostiary_session", hostile_site.https(SIBLING)

    def attack(visitor: Visitor, cookie: str) -> None:
        toss(visitor, hostile_site, url, f"{cookie}; Domain=example.test; Secure")

    assert_none_is_picked(sharing_app, signed_in, name, attack)


def assert_none_is_picked(
    server: LiveServer, signed_in: SignedIn, name: str, attack: Callable[[Visitor, str], None]
) -> None:
    (visitor, _), (attacker, _) = signed_in(server), signed_in(server)
    own, planted = visitor.cookies()[name], attacker.cookies()[name]
    for path in ("/account", "/account/"):
        attack(visitor, f"{name}={planted}; Path={path}")
    assert visitor.open("/account") == 400
    assert "ambiguous_credentials" in visitor.page.content()
    assert server.requests[-1].cookies[0] == f"{name}={planted}"
    assert f"{name}={own}" in server.requests[-1].cookies


def test_whoever_is_stuck_with_two_session_cookies_is_told_the_way_out(
    plain_app: LiveServer, hostile_site: HostileSite, signed_in: SignedIn
) -> None:
    visitor, victim = signed_in(plain_app)
    toss(visitor, hostile_site, hostile_site.http("localhost"), "ostiary_session=x; Path=/account")
    assert visitor.open("/account") == 400
    assert_the_way_out_is_told_and_works(visitor, victim)


def test_too_many_bytes_of_cookies_are_refused_and_the_way_out_is_told(
    hostile_site: HostileSite, signed_in: SignedIn
) -> None:
    visitor, victim = signed_in(bypass_csp=True)
    junk = [f"junk{number}={'x' * 3_000}; Domain=example.test; Path=/" for number in range(10)]
    toss(visitor, hostile_site, hostile_site.https(SIBLING), junk[0])
    assert visitor.open("/account") == 200, "what fits does no harm"
    toss(visitor, hostile_site, hostile_site.https(SIBLING), *junk)
    assert visitor.open("/account") == 431
    assert victim.email not in visitor.page.content()
    problem = visitor.page.evaluate("fetch('/api/auth/me').then(async r => [r.status, await r.json()])")
    assert (problem[0], problem[1]["code"]) == (431, "headers_too_large")
    assert "remove the cookies" in problem[1]["title"]
    assert_the_way_out_is_told_and_works(visitor, victim)


def test_many_small_cookies_drive_ours_out_of_the_browser_and_nobody_elses_in(
    app: LiveServer, hostile_site: HostileSite, signed_in: SignedIn
) -> None:
    """A browser keeps some 180 cookies of a domain. She may be signed out by this; she is not in another account."""
    (visitor, victim), (own, _) = signed_in(), signed_in()
    planted = own.cookies()["__Host-ostiary_session"]
    cookies = [f"junk{number}=x; Domain=example.test; Path=/; Secure" for number in range(250)]
    toss(
        visitor,
        hostile_site,
        hostile_site.https(SIBLING),
        *cookies,
        f"__Host-ostiary_session={planted}; Domain=example.test; Path=/; Secure",
        f"ostiary_session={planted}; Domain=example.test; Path=/; Secure",
    )
    assert "__Host-ostiary_session" not in visitor.cookies(), "nothing was driven out: no attack"
    visitor.open("/account")
    assert visitor.page.url == f"{app.url}/login?next=/account"
    visitor.sign_in(victim.email)
    assert victim.email in visitor.page.content()


def assert_the_way_out_is_told_and_works(visitor: Visitor, victim: Person) -> None:
    said = visitor.page.get_by_role("main").inner_text()
    assert re.search(r"[Rr]emove the cookies", said), said
    visitor.context.clear_cookies()
    visitor.sign_in(victim.email, PASSWORD)
    assert victim.email in visitor.page.content()
