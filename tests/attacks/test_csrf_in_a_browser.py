"""CSRF as it happens: a real browser, signed in to Ostiary, opens a page of the attacker's that sends requests there.

Each is done from a site that the browser sends no cookie along from, and from a host of our own site, from where it
sends them all: there nothing but the origin check stands in the way.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Page, Response

from ostiary.web.route import UNSAFE
from tests.attacks.conftest import SignedIn
from tests.attacks.evidence import contents
from tests.attacks.hostile_site import FOREIGN, SIBLING, HostileSite
from tests.support.installation import PASSWORD, LiveServer, Person, new_person

FORM, TEXT = "application/x-www-form-urlencoded", "text/plain"


class Scene(NamedTuple):
    """Ostiary, how to name a page of the attacker's, and whether a request from it has the session cookie."""

    server: LiveServer
    hostile: Callable[[str], str]
    with_cookie: bool

    def sent(self, method: str) -> list[bool]:
        """Of each request with this method so far, whether it had the session cookie."""
        return [
            any("ostiary_session=" in cookie for cookie in request.cookies)
            for request in self.server.requests
            if request.method == method
        ]


@pytest.fixture(scope="module")
def plain_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """As a developer has it: ``http://localhost``."""
    with LiveServer(tmp_path_factory.mktemp("plain")) as server:
        yield server


@pytest.fixture(params=["a foreign site", "a sibling", "127.0.0.1 to localhost"])
def scene(request: pytest.FixtureRequest, hostile_site: HostileSite) -> Scene:
    if request.param == "127.0.0.1 to localhost":
        return Scene(request.getfixturevalue("plain_app"), lambda path: hostile_site.http("127.0.0.1", path), False)
    host = {"a foreign site": FOREIGN, "a sibling": SIBLING}[request.param]
    app = request.getfixturevalue("app")
    return Scene(app, lambda path: hostile_site.https(host, path), host == SIBLING)


def form(action: str, encoding: str, fields: dict[str, str], target: str = "_self") -> str:
    inputs = "".join(f'<input name="{html.escape(n)}" value="{html.escape(v)}">' for n, v in fields.items())
    head = f'<form method="post" action="{action}" enctype="{encoding}" target="{target}">'
    return f"{head}{inputs}<button>x</button></form>"


def as_json(fields: dict[str, str]) -> dict[str, str]:
    """One input that a form of plain text sends as the object ``fields``, with one member more: {…, "x": "="}."""
    return {json.dumps(fields)[:-1] + ', "x": "': '"}'}


def unsafe_routes(server: LiveServer) -> list[tuple[str, str]]:
    return [
        (route.method, re.sub(r"{\w+}", "x", route.path))
        for route in server.ostiary.web.table.routes
        if route.method in UNSAFE and not route.foreign
    ]


def all_answers(page: Page, count: int, action: str) -> list[Response]:
    """Run a script and wait until ``count`` responses of POST have come."""
    found: list[Response] = []

    def last(response: Response) -> bool:
        if response.request.method == "POST":
            found.append(response)
        return len(found) == count

    with page.expect_response(last):
        page.evaluate(action)
    return found


def guessed(attacker: Person) -> dict[str, str]:
    """What an attacker may well put into a form: nothing that only the victim has."""
    return {
        "email": "eve@example.com",
        "identifier": attacker.email,
        "password": PASSWORD,
        "current_password": PASSWORD,
        "new_password": "a password of the attacker",
        "name": "Eve",
        "csrf_token": attacker.csrf or "",
    }


def test_forms_of_another_site_change_nothing(scene: Scene, hostile_site: HostileSite, signed_in: SignedIn) -> None:
    """Every route that takes POST, by all that a form can send, each into a frame of its own."""
    server = scene.server
    attacker = server.call(new_person(server.ostiary))
    visitor, victim = signed_in(server, administrator=True)
    before, fields = server.call(contents(server.ostiary)), guessed(attacker)
    paths = [path for method, path in unsafe_routes(server) if method == "POST"]
    assert len(paths) > 15
    forms = [
        f'<iframe name="{number}{kind}"></iframe>' + form(server.url + path, encoding, content, f"{number}{kind}")
        for number, path in enumerate(paths)
        for kind, encoding, content in (("form", FORM, fields), ("json", TEXT, as_json(fields)))
    ]
    hostile_site.page("/", "".join(forms))
    visitor.page.goto(scene.hostile("/"))
    server.requests.clear()
    answers = all_answers(visitor.page, len(forms), "for (const form of document.forms) form.submit()")
    # 401 where the page needs somebody: the cookie is not even sent along (SameSite).
    refused = {403} if scene.with_cookie else {401, 403}
    assert {answer.url: answer.status for answer in answers if answer.status not in refused} == {}
    assert scene.sent("POST") == [scene.with_cookie] * len(forms)
    assert server.call(contents(server.ostiary)) == before
    visitor.open("/account")
    assert visitor.page.url == f"{server.url}/account", "still signed in, and as the victim"
    assert victim.email in visitor.page.content()


ACTIONS: dict[str, tuple[str, dict[str, str]]] = {
    "sign-out": ("/logout", {}),
    "change of the profile": ("/account/profile", {"name": "Eve"}),
    "change of the password": (
        "/account/password",
        {"current_password": PASSWORD, "new_password": "a password of the attacker"},
    ),
}


def test_a_click_on_another_site_signs_nobody_out_and_changes_no_profile_and_no_password(
    scene: Scene, hostile_site: HostileSite, signed_in: SignedIn
) -> None:
    """By a form that leads the whole window to Ostiary: the one cross-site POST that browsers were lenient with."""
    server = scene.server
    visitor, _ = signed_in(server, administrator=True)
    before = server.call(contents(server.ostiary))
    for what, (path, fields) in ACTIONS.items():
        hostile_site.page("/", form(server.url + path, FORM, fields))
        visitor.page.goto(scene.hostile("/"))
        with visitor.page.expect_navigation() as navigation:
            visitor.page.click("button")
        answer = navigation.value
        assert (answer.url, answer.request.method) == (server.url + path, "POST"), what
        assert answer.status in ({403} if scene.with_cookie else {401, 403}), what
        assert server.call(contents(server.ostiary)) == before, what
        visitor.open("/account")
        assert visitor.page.url == f"{server.url}/account", what


def test_scripts_of_another_site_change_nothing_and_read_nothing(
    scene: Scene, hostile_site: HostileSite, signed_in: SignedIn
) -> None:
    """Every unsafe route by fetch, with and without asking first, and every page that holds a form token."""
    server = scene.server
    visitor, _ = signed_in(server, administrator=True)
    before = server.call(contents(server.ostiary))
    hostile_site.page("/", "<p>Hello")
    visitor.page.goto(scene.hostile("/"))
    lenient: list[str] = []
    visitor.page.on("response", lambda response: lenient.extend(_allowing(response)))
    server.requests.clear()
    targets = [[method, server.url + path] for method, path in unsafe_routes(server)]
    targets += [["GET", server.url + path] for path in ("/account", "/api/auth/me", "/api/sessions", "/login")]
    outcomes: list[dict[str, Any]] = visitor.page.evaluate(FETCH, targets)
    assert len(outcomes) == len(targets) * 6
    assert [each for each in outcomes if each["type"] not in ("error", "opaque") or each["text"]] == []
    assert lenient == [], "a header of CORS allows something"
    assert set(scene.sent("POST")) == set(scene.sent("GET")) == {scene.with_cookie}
    assert "OPTIONS" in {request.method for request in server.requests}, "where it has to ask first, it asked"
    assert not {"PUT", "PATCH", "DELETE"} & {request.method for request in server.requests}, "and got no leave"
    assert server.call(contents(server.ostiary)) == before


FETCH = """async targets => {
    const outcomes = [];
    for (const [method, url] of targets) {
        for (const type of ["application/json", "text/plain", "application/x-www-form-urlencoded"]) {
            for (const mode of ["cors", "no-cors"]) {
                const options = {method, mode, credentials: "include", headers: {"Content-Type": type}};
                if (method !== "GET") options.body = '{"name": "Eve"}';
                try {
                    const answer = await fetch(url, options);
                    outcomes.push({method, url, mode, type: answer.type, text: await answer.text()});
                } catch (refused) {
                    outcomes.push({method, url, mode, type: "error", text: ""});
                }
            }
        }
    }
    return outcomes;
}"""


def _allowing(response: Response) -> list[str]:
    return [f"{response.url}: {name}" for name in response.headers if name.startswith("access-control-")]
