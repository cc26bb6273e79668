"""An application of its own signs people in through Ostiary: examples/weather, with Authlib as its client."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import expect

from examples.weather.app import Weather
from ostiary.oauth import ClientCreate
from tests.journeys.conftest import NewVisitor
from tests.journeys.test_accessibility import barriers
from tests.support.browser import Visitor
from tests.support.installation import LiveServer, new_person

ADA = "ada@example.com"


class Served:
    """The application on a port of this machine, in a thread with a loop of its own."""

    def __init__(self, server: LiveServer) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://localhost:{self._socket.getsockname()[1]}"
        metadata = {
            "client_name": "Weather",
            "redirect_uris": [f"{self.url}/callback"],
            "post_logout_redirect_uris": [f"{self.url}/"],
            "backchannel_logout_uri": f"{self.url}/backchannel",
            "grant_types": ["authorization_code", "refresh_token"],
        }
        clients, operator = server.ostiary.use.oauth.clients, server.ostiary.operator()
        made = server.call(clients.create(operator, ClientCreate(metadata)))
        self.client_id = made.client_id
        self.weather = Weather(server.url, self.url, made.client_id, made.client_secret)
        self._server = uvicorn.Server(uvicorn.Config(self.weather.app, log_level="warning", lifespan="off"))
        self._thread = threading.Thread(target=lambda: self._server.run([self._socket]), daemon=True)

    def __enter__(self) -> Served:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)


@pytest.fixture
def served(live_server: LiveServer) -> Iterator[Served]:
    with Served(live_server) as application:
        yield application


def eventually(holds: Callable[[], bool]) -> None:
    """Back-channel sign-out is told from a queue, within a second or so."""
    end = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def sign_in(visitor: Visitor, served: Served) -> None:
    visitor.page.goto(served.url)
    visitor.page.get_by_role("link", name="Sign in").click()


def test_from_registration_to_sign_out_everywhere(
    live_server: LiveServer, new_visitor: NewVisitor, served: Served
) -> None:
    live_server.call(new_person(live_server.ostiary, ADA))
    visitor = new_visitor()
    page = visitor.page
    sign_in(visitor, served)
    # Nobody is signed in yet: to the sign-in, and back to the question.
    page.get_by_label("E-mail address or username").fill(ADA)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Password", exact=True).fill("seven quiet lanterns")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Allow Weather?")).to_be_visible()
    expect(page.get_by_text("See your e-mail address")).to_be_visible()
    assert barriers(page) == []
    page.get_by_role("button", name="Allow", exact=True).click()
    expect(page.get_by_text(f"Sunny, {ADA}.")).to_be_visible()
    (key,) = served.weather.sessions
    with ThreadPoolExecutor(1) as beside:  # the browser's own loop runs in this thread
        assert beside.submit(lambda: asyncio.run(served.weather.refresh(key))).result(10)["access_token"]
    # A second time nothing is asked.
    served.weather.sessions.clear()
    sign_in(visitor, served)
    expect(page.get_by_text(f"Sunny, {ADA}.")).to_be_visible()
    # What was allowed is taken back on the account's page; then it is asked again.
    visitor.open("/account")
    assert barriers(page) == []
    page.get_by_role("region", name="Applications with access").get_by_role("button").click()
    expect(page.get_by_text("That application has no access any more.")).to_be_visible()
    served.weather.sessions.clear()
    sign_in(visitor, served)
    page.get_by_role("button", name="Allow", exact=True).click()
    expect(page.get_by_text(f"Sunny, {ADA}.")).to_be_visible()
    # Signed out here, one is signed out there.
    visitor.open("/account")
    page.get_by_role("button", name="Sign out", exact=True).click()
    eventually(lambda: served.weather.sessions == {})
    page.goto(served.url)
    expect(page.get_by_text("You are not signed in.")).to_be_visible()
    # What was allowed still is: from the sign-in straight on to the application.
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("E-mail address or username").fill(ADA)
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Password", exact=True).fill("seven quiet lanterns")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_text(f"Sunny, {ADA}.")).to_be_visible()


def signed_in(visitor: Visitor, served: Served) -> None:
    visitor.sign_in(ADA)
    sign_in(visitor, served)
    page = visitor.page
    page.get_by_role("button", name="Allow", exact=True).click()
    expect(page.get_by_text(f"Sunny, {ADA}.")).to_be_visible()


def test_signed_out_there_one_is_signed_out_here(
    live_server: LiveServer, new_visitor: NewVisitor, served: Served
) -> None:
    """With an ID token of this session as a hint nobody is asked; all end up where they began."""
    live_server.call(new_person(live_server.ostiary, ADA))
    visitor = new_visitor()
    signed_in(visitor, served)
    visitor.page.get_by_role("button", name="Sign out").click()
    expect(visitor.page.get_by_text("You are not signed in.")).to_be_visible()
    assert visitor.page.url == f"{served.url}/"
    visitor.page.goto(f"{live_server.url}/account")
    expect(visitor.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_without_a_hint_the_person_is_asked(live_server: LiveServer, new_visitor: NewVisitor, served: Served) -> None:
    live_server.call(new_person(live_server.ostiary, ADA))
    visitor = new_visitor()
    signed_in(visitor, served)
    query = f"client_id={served.client_id}&post_logout_redirect_uri={served.url}/"
    visitor.open(f"/oauth/end_session?{query}")
    expect(visitor.page.get_by_role("heading", name="Sign out?")).to_be_visible()
    assert barriers(visitor.page) == []
    visitor.page.get_by_role("button", name="Sign out", exact=True).last.click()
    expect(visitor.page.get_by_text("Sunny").or_(visitor.page.get_by_text("You are not signed in."))).to_be_visible()
    eventually(lambda: served.weather.sessions == {})


def test_no_is_an_answer(live_server: LiveServer, new_visitor: NewVisitor, served: Served) -> None:
    live_server.call(new_person(live_server.ostiary, ADA))
    visitor = new_visitor()
    visitor.sign_in(ADA)
    sign_in(visitor, served)
    visitor.page.get_by_role("button", name="Do not allow").click()
    expect(visitor.page.get_by_text("Not signed in: access_denied.")).to_be_visible()
    visitor.complaints.clear()  # the browser says that the application answered 403


def test_a_device_is_connected_by_its_code(live_server: LiveServer, new_visitor: NewVisitor) -> None:
    import httpx

    live_server.call(new_person(live_server.ostiary, ADA))
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    metadata: dict[str, Any] = {
        "client_name": "Television",
        "grant_types": [grant],
        "token_endpoint_auth_method": "none",
    }
    clients, operator = live_server.ostiary.use.oauth.clients, live_server.ostiary.operator()
    made = live_server.call(clients.create(operator, ClientCreate(metadata)))
    client = {"client_id": made.client_id}
    begun = httpx.post(f"{live_server.url}/oauth/device_authorization", data=client | {"scope": "openid"}).json()
    visitor = new_visitor()
    visitor.sign_in(ADA)
    visitor.open("/device")
    assert barriers(visitor.page) == []
    visitor.page.get_by_label("Code").fill(begun["user_code"].lower())
    visitor.page.get_by_role("button", name="Continue").click()
    expect(visitor.page.get_by_text(begun["user_code"])).to_be_visible()
    assert barriers(visitor.page) == []
    visitor.page.get_by_role("button", name="Yes, connect it").click()
    expect(visitor.page.get_by_role("heading", name="Connected")).to_be_visible()
    asked = {"grant_type": grant, "device_code": begun["device_code"]}
    assert httpx.post(f"{live_server.url}/oauth/token", data=client | asked).json()["id_token"]


def test_an_answer_by_form_post_goes_on_by_itself(
    live_server: LiveServer, new_visitor: NewVisitor, served: Served
) -> None:
    from tests.support.oauth import challenge_of

    live_server.call(new_person(live_server.ostiary, ADA))
    visitor = new_visitor()
    signed_in(visitor, served)
    query = (
        f"client_id={served.client_id}&redirect_uri={served.url}/callback&response_type=code&scope=openid"
        f"&response_mode=form_post&state=s&code_challenge={challenge_of('v' * 43)}&code_challenge_method=S256"
    )
    with visitor.page.expect_request(lambda sent: sent.method == "POST" and sent.url.endswith("/callback")) as posted:
        visitor.open(f"/oauth/authorize?{query}")
    assert "code=ost_ac_" in (posted.value.post_data or "")
    visitor.complaints.clear()  # this application takes no POST there


def test_a_forged_logout_token_signs_nobody_out(
    live_server: LiveServer, new_visitor: NewVisitor, served: Served
) -> None:
    """Nor does anything else that Ostiary has signed: each kind of token has a type of its own."""
    import httpx

    from ostiary.crypto import Key, jose
    from tests.support.oauth import claims_of

    live_server.call(new_person(live_server.ostiary, ADA))
    signed_in(new_visitor(), served)
    (session,) = served.weather.sessions.values()
    id_token, access_token = session["tokens"]["id_token"], session["tokens"]["access_token"]
    claims = claims_of(id_token) | {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}}
    del claims["nonce"]
    forged = jose.sign(claims, key=Key.generate("ES256"), typ="logout+jwt")
    header, payload, signature = id_token.split(".")
    unsigned = f"eyJhbGciOiJub25lIiwidHlwIjoibG9nb3V0K2p3dCJ9.{payload}."
    for token in (forged, unsigned, id_token, access_token, f"{header}.{payload}.{signature[:-4]}AAAA", "", "x"):
        answer = httpx.post(f"{served.url}/backchannel", data={"logout_token": token})
        assert answer.status_code == 400, token
    assert len(served.weather.sessions) == 1
