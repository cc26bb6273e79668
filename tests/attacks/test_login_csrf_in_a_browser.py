"""Login CSRF: the attacker's page signs the victim in to the attacker's account, and she gives away what she enters."""

from __future__ import annotations

import html
import json
import re

import pytest

from tests.attacks.conftest import NewVisitor, SignedIn
from tests.attacks.hostile_site import FOREIGN, SIBLING, HostileSite
from tests.support.browser import Visitor
from tests.support.installation import PASSWORD, LiveServer, Person, link_for, new_person


@pytest.fixture
def attacker(app: LiveServer) -> Person:
    person: Person = app.call(new_person(app.ostiary))
    return person


def form_token(visitor: Visitor) -> str:
    return visitor.page.locator("[name=csrf_token]").first.get_attribute("value") or ""


def form(action: str, fields: dict[str, str], encoding: str = "application/x-www-form-urlencoded") -> str:
    inputs = "".join(f'<input name="{html.escape(n)}" value="{html.escape(v)}">' for n, v in fields.items())
    return f'<form method="post" action="{action}" enctype="{encoding}">{inputs}<button>x</button></form>'


def send(visitor: Visitor, hostile_site: HostileSite, host: str, page: str) -> int:
    """Show the victim the attacker's page and have her press its button; the status of what it led to."""
    hostile_site.page("/", page)
    visitor.page.goto(hostile_site.https(host))
    with visitor.page.expect_navigation() as navigation:
        visitor.page.click("button")
    return navigation.value.status


def assert_nobody_is_signed_in(visitor: Visitor, app: LiveServer) -> None:
    visitor.open("/account")
    assert visitor.page.url == f"{app.url}/login?next=/account"
    assert [name for name in visitor.cookies() if re.search("session|access|refresh", name)] == []


@pytest.mark.parametrize("host", [FOREIGN, SIBLING])
def test_a_form_of_another_site_signs_nobody_in(
    app: LiveServer, hostile_site: HostileSite, new_visitor: NewVisitor, attacker: Person, host: str
) -> None:
    """Without a form token, with one that the attacker was given, and as plain text that is JSON."""
    own, victim = new_visitor(), new_visitor()
    own.open("/login")
    victim.open("/login")  # she has what form tokens are tied to before a sign-in
    credentials = {"identifier": attacker.email, "password": PASSWORD}
    disguised = {json.dumps(credentials)[:-1] + ', "x": "': '"}'}
    for page in (
        form(f"{app.url}/login", credentials),
        form(f"{app.url}/login", {**credentials, "csrf_token": form_token(own)}),
        form(f"{app.url}/api/auth/login", disguised, "text/plain"),
    ):
        assert send(victim, hostile_site, host, page) == 403, page
        assert_nobody_is_signed_in(victim, app)
    own.sign_in(attacker.email)
    assert own.page.url == f"{app.url}/account", "the credentials are good"


def test_a_script_of_another_site_signs_nobody_in(
    app: LiveServer, hostile_site: HostileSite, new_visitor: NewVisitor, attacker: Person
) -> None:
    victim = new_visitor()
    hostile_site.page("/", "<p>Hello")
    credentials = {"identifier": attacker.email, "password": PASSWORD, "delivery": "cookie"}
    options = {"method": "POST", "credentials": "include", "body": json.dumps(credentials)}
    for host in (FOREIGN, SIBLING):
        victim.page.goto(hostile_site.https(host))
        for mode in ("cors", "no-cors"):
            for media_type in ("application/json", "text/plain"):
                victim.page.evaluate(
                    "([url, options]) => fetch(url, options).catch(() => null)",
                    [f"{app.url}/api/auth/login", {**options, "mode": mode, "headers": {"Content-Type": media_type}}],
                )
    assert len([request for request in app.requests if request.target == "/api/auth/login"]) >= 6
    assert_nobody_is_signed_in(victim, app)


def test_whoever_is_signed_in_stays_who_they_are(
    app: LiveServer, hostile_site: HostileSite, signed_in: SignedIn, attacker: Person
) -> None:
    visitor, victim = signed_in()
    page = form(f"{app.url}/login", {"identifier": attacker.email, "password": PASSWORD})
    for host in (FOREIGN, SIBLING):
        assert send(visitor, hostile_site, host, page) == 403
        visitor.open("/account")
        assert victim.email in visitor.page.content()
        assert attacker.email not in visitor.page.content()


def test_the_attackers_verification_link_signs_nobody_in_by_itself(app: LiveServer, new_visitor: NewVisitor) -> None:
    """He registers, and has the victim follow the link of his own mail: it asks for his password."""
    own, victim = new_visitor(), new_visitor()
    own.register("eve@example.com")

    victim.open(f"/verify?token={app.call(link_for(app.ostiary, 'eve@example.com'))}")
    assert victim.page.locator("main [name=password]").count() == 1
    assert_nobody_is_signed_in(victim, app)
