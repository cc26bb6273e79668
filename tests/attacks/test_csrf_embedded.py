"""Cross-site request forgery against the routes of an application that Ostiary is embedded in.

The route that matters most here never asks who calls: it is the one that an embedder forgot about.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from ostiary.errors import ConfigurationError
from ostiary.integrations.starlette import Auth
from tests.attacks.evidence import assert_refused
from tests.support.embedding import ORIGIN, Embedded, browser_of, running
from tests.support.installation import PASSWORD, Person, settings_for_test

BOUNDARY = "----WebKitFormBoundaryAbCdEf0123456789"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
EXEMPT = ("/hooks/", "/ping")

FOREIGN_PAGES: list[dict[str, str]] = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "nonsense"},
    {"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN},
    {"Origin": "https://eve.example.com"},
    {"Origin": "null"},
    {"Origin": "http://localhost:8000.eve.example.com"},
    {"Referer": "https://eve.example.com/http://localhost:8000/"},
]


class Shop:
    """An application whose routes note that they ran."""

    def __init__(self, auth: Auth) -> None:
        self.auth = auth
        self.ran: list[str] = []
        self.chunks: list[int] = []
        """How many chunks of the upload the client had sent when each one arrived."""
        self.sent = 0
        every = ["GET", "POST", "PUT", "PATCH", "DELETE", "PURGE", "post"]
        self.app = Starlette(
            routes=[
                Route("/silent", self.silent, methods=every),
                Route("/account/profile", self.silent, methods=["POST"]),  # Ostiary has this path, too, at the root
                Route("/cart", self.cart, methods=["GET", "POST"]),
                Route("/hooks/cart", self.cart, methods=["POST"]),
                Route("/upload", self.upload, methods=["POST"]),
                Route("/token", self.token),
                Route("/who", self.who, methods=["GET", "POST"]),
                Route("/hooks/in", self.who, methods=["GET", "POST"]),
                Route("/ping", self.who, methods=["POST"]),
                Route("/pings", self.who, methods=["POST"]),
                WebSocketRoute("/socket", self.socket),
                WebSocketRoute("/late", self.late),
                WebSocketRoute("/cart-socket", self.cart_socket),
            ]
        )
        auth.mount(self.app, csrf_exempt=EXEMPT)

    async def silent(self, request: Request) -> Response:
        self.ran.append(request.method)
        return Response(await request.body())

    async def upload(self, request: Request) -> Response:
        size = 0
        async for chunk in request.stream():
            self.chunks.append(self.sent)
            size += len(chunk)
        return JSONResponse(size)

    async def cart(self, request: Request) -> Response:
        """Keeps what the query says for whoever asks."""
        session = (await self.auth.caller(request)).session
        if session is None:
            return PlainTextResponse("no session")
        kept = await (session.data.change(dict(request.query_params)) if request.query_params else session.data.read())
        return JSONResponse(kept.data)

    async def token(self, request: Request) -> Response:
        return PlainTextResponse(await self.auth.csrf_token(request))

    async def who(self, request: Request) -> Response:
        return PlainTextResponse((await self.auth.caller(request)).account_id or "nobody")

    async def socket(self, socket: WebSocket) -> None:
        caller = await self.auth.signed_in(socket)
        await socket.accept()
        await socket.send_text(str(caller.account_id))

    async def cart_socket(self, socket: WebSocket) -> None:
        session = (await self.auth.caller(socket)).session
        assert session is not None
        if socket.query_params:
            await session.data.change(dict(socket.query_params))
        await socket.accept()
        await socket.send_json((await session.data.read()).data)

    async def late(self, socket: WebSocket) -> None:
        await socket.accept()
        await self.socket(socket)


@asynccontextmanager
async def opened(database: str, path: str = "/auth") -> AsyncIterator[tuple[Shop, Embedded]]:
    shop = Shop(Auth(settings_for_test(database, ORIGIN + path)))
    async with running(shop.auth, shop.app, path) as embedded:
        yield shop, embedded


@pytest.fixture
async def place(sqlite_url: str) -> AsyncIterator[tuple[Shop, Embedded]]:
    async with opened(sqlite_url) as both:
        yield both


@pytest.fixture(params=["", "/auth"], ids=["at the root", "below a path"])
async def each_place(request: pytest.FixtureRequest, sqlite_url: str) -> AsyncIterator[tuple[Shop, Embedded]]:
    async with opened(sqlite_url, request.param) as both:
        yield both


async def token_of(person: Person) -> str:
    return (await person.client.get("/token")).text


def multipart(*fields: tuple[str, str]) -> bytes:
    """A form as browsers send it."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields
    ]
    return "".join([*parts, f"--{BOUNDARY}--\r\n"]).encode()


@pytest.mark.parametrize("delivery", ["cookie", "token_cookie"])
async def test_a_route_that_never_asks_who_calls_is_not_run_for_another_site(
    each_place: tuple[Shop, Embedded], delivery: str
) -> None:
    """Even with a good token: the origin alone is enough to refuse."""
    shop, embedded = each_place
    victim = await embedded.person(delivery)
    token = victim.csrf or ""
    bodies: list[dict[str, Any]] = [
        {"content": f"csrf_token={token}", "headers": FORM},
        {"content": multipart(("csrf_token", token)), "headers": MULTIPART},
        {"json": {"pay": "eve"}, "headers": {"X-CSRF-Token": token}},
        {"content": '{"pay": "eve", "x": "="}', "headers": {"Content-Type": "text/plain"}},
    ]
    for page in FOREIGN_PAGES:
        for body in bodies:
            answer = await victim.client.post("/silent", **{**body, "headers": {**body["headers"], **page}})
            assert_refused(answer, 403, "csrf_rejected", (page, body))
    for path in ("/silent", "/account/profile"):
        assert_refused(await victim.client.post(path, headers=FOREIGN_PAGES[0]), 403, "csrf_rejected", path)
    assert shop.ran == []


async def test_no_unsafe_method_passes_without_a_token(place: tuple[Shop, Embedded]) -> None:
    shop, embedded = place
    victim = await embedded.person()
    for method in ("POST", "PUT", "PATCH", "DELETE", "PURGE", "post"):
        assert_refused(await victim.client.send(raw(victim, method, "/silent")), 403, "csrf_rejected", method)
    assert shop.ran == []
    assert (await victim.client.get("/silent", headers=FOREIGN_PAGES[0])).status_code == 200


def raw(person: Person, method: str, path: str) -> httpx.Request:
    """A request whose method is sent as it is written."""
    request = person.client.build_request(method, path)
    request.method = method
    return request


async def test_no_other_token_counts_wherever_it_is_sent(place: tuple[Shop, Embedded]) -> None:
    shop, embedded = place
    victim, other = await embedded.person(), await embedded.person()
    older = await token_of(victim)
    sign_in = {"identifier": victim.email, "password": PASSWORD}
    again = await victim.client.post(
        f"{embedded.path}/api/auth/login", json=sign_in, headers={"X-CSRF-Token": older, "Origin": ORIGIN}
    )
    assert again.status_code == 200
    good = await token_of(victim)
    wrong = {
        "none": "",
        "of an older session": older,
        "of another session": await token_of(other),
        "nonsense": "x",
        "of the right length": "A" * 43,
        "the session's secret": victim.client.cookies["ostiary_session"],
        "too short": good[:-1],
    }
    for case, token in wrong.items():
        sent: list[dict[str, Any]] = [
            {"headers": {"X-CSRF-Token": token}},
            {"data": {"a": "b", "csrf_token": token}},
            {"content": multipart(("a", "b"), ("csrf_token", token)), "headers": MULTIPART},
        ]
        for request in sent:
            answer = await victim.client.post("/silent", **request)
            assert_refused(answer, 403, "csrf_rejected", (case, request))
    assert shop.ran == []


async def test_a_good_token_counts_in_the_header_or_a_form_and_nowhere_else(place: tuple[Shop, Embedded]) -> None:
    shop, embedded = place
    person = await embedded.person()
    token = await token_of(person)
    elsewhere: list[dict[str, Any]] = [
        {"params": {"csrf_token": token}},
        {"params": {"csrf_token": token}, "headers": FORM},
        {"json": {"csrf_token": token}},
        {"content": f"csrf_token={token}", "headers": {"Content-Type": "text/plain"}},
        {"content": f"xcsrf_token={token}", "headers": FORM},
        {"content": f"a={token}", "headers": FORM},
        {"content": multipart(("a", token)), "headers": MULTIPART},
        {"headers": {"Cookie": f"{cookies(person)['Cookie']}; csrf_token={token}; X-CSRF-Token={token}"}},
    ]
    for request in elsewhere:
        assert_refused(await person.client.post("/silent", **request), 403, "csrf_rejected", request)
    assert shop.ran == []
    form, parts = f"a=1&csrf_token={token}&a=2", multipart(("a", "1"), ("csrf_token", token), ("a", "2"))
    right: list[tuple[str, dict[str, str], bytes]] = [
        ("header", {"X-CSRF-Token": token}, b""),
        ("header beside a form without it", {"X-CSRF-Token": token, **FORM}, b"a=1"),
        ("form", FORM, form.encode()),
        ("form first", FORM, f"csrf_token={token}".encode()),
        ("multipart", MULTIPART, parts),
        ("a part with more headers", MULTIPART, parts.replace(b"\r\n\r\n", b"\r\nContent-Type: text/plain\r\n\r\n")),
        ("header beside a foreign token in the form", {"X-CSRF-Token": token, **FORM}, b"csrf_token=x"),
    ]
    for case, headers, content in right:
        answer = await person.client.post("/silent", headers=headers, content=content)
        assert (answer.status_code, answer.content) == (200, content), case


async def test_a_request_that_no_cookie_authenticates_needs_nothing(place: tuple[Shop, Embedded]) -> None:
    shop, embedded = place
    person = await embedded.person("token")
    page = FOREIGN_PAGES[0]
    assert (await embedded.client.post("/silent", headers=page)).status_code == 200
    assert (await embedded.client.post("/silent", headers={**page, "Cookie": "other=1"})).status_code == 200
    assert (await embedded.client.post("/silent", headers={"Cookie": "ostiary_session=gone"})).status_code == 200
    assert (await person.client.post("/silent", headers={**person.headers, **page})).status_code == 200
    assert len(shop.ran) == 4


async def test_a_cookie_beside_a_bearer_token_is_refused(place: tuple[Shop, Embedded]) -> None:
    """Otherwise a header that a page of another site may send would switch the check off."""
    shop, embedded = place
    victim, other = await embedded.person(), await embedded.person("token")
    for header in (other.headers, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}):
        answer = await victim.client.post("/silent", headers={**header, **FOREIGN_PAGES[0]})
        assert_refused(answer, 400, "ambiguous_credentials", header)
    assert shop.ran == []


async def test_a_browser_that_is_refused_gets_a_page(place: tuple[Shop, Embedded]) -> None:
    _, embedded = place
    victim = await embedded.person()
    answer = await victim.client.post("/silent", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["content-type"]) == (403, "text/html; charset=utf-8")
    assert "csrf_rejected" in answer.text


async def test_an_upload_passes_as_a_stream(place: tuple[Shop, Embedded]) -> None:
    """Nothing is read before the route reads it, but for what it takes to come to the token."""
    shop, embedded = place
    person = await embedded.person()
    token = await token_of(person)
    head = multipart(("csrf_token", token))[: -len(f"--{BOUNDARY}--\r\n")]
    chunk, count = b"x" * 300_000, 20

    async def stream(first: bytes) -> AsyncIterator[bytes]:
        yield first
        for _ in range(count):
            shop.sent += 1
            yield chunk

    for first, headers in ((b"", {"X-CSRF-Token": token, **MULTIPART}), (head, MULTIPART)):
        shop.sent, shop.chunks = 0, []
        answer = await person.client.post("/upload", content=stream(first), headers=headers)
        assert answer.json() == len(first) + count * len(chunk), answer.text
        assert [sent - number for number, sent in enumerate(shop.chunks[:count])] in ([0] * count, [1] * count)


@pytest.mark.parametrize("headers", [FORM, MULTIPART], ids=["form", "multipart"])
async def test_no_more_of_a_body_is_searched_for_the_token_than_a_body_may_have(
    place: tuple[Shop, Embedded], headers: dict[str, str]
) -> None:
    shop, embedded = place
    person = await embedded.person()
    limit = embedded.auth.ostiary.use.settings.server.max_body
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 50_000
            yield b"a" * 50_000

    answer = await person.client.post("/silent", content=endless(), headers=headers)
    assert_refused(answer, 403, "csrf_rejected")
    assert limit < read <= limit + 100_000
    assert shop.ran == []


async def test_the_token_is_found_however_the_body_is_cut(place: tuple[Shop, Embedded]) -> None:
    _, embedded = place
    person = await embedded.person()
    token = await token_of(person)
    bodies = [
        (FORM, f"a={'b' * 3000}&csrf_token={token}".encode()),
        (MULTIPART, multipart(("a", "b" * 3000), ("csrf_token", token), ("c", "d"))),
    ]

    async def cut(body: bytes, size: int) -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    for size in (1, 7, 50, 1000):
        for headers, body in bodies:
            answer = await person.client.post("/silent", content=cut(body, size), headers=headers)
            assert (answer.status_code, answer.content) == (200, body), answer.text


async def test_a_body_that_breaks_off_before_the_token_is_refused(place: tuple[Shop, Embedded]) -> None:
    shop, embedded = place
    victim = await embedded.person()
    messages = iter([{"type": "http.request", "body": b"a=", "more_body": True}, {"type": "http.disconnect"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = {"Host": "localhost", **FORM, **cookies(victim)}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/silent",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    await shop.app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert shop.ran == []


async def test_on_an_exempt_path_no_cookie_says_who_sends_an_unsafe_request(each_place: tuple[Shop, Embedded]) -> None:
    _, embedded = each_place
    victim, other = await embedded.person(), await embedded.person("token")
    page = FOREIGN_PAGES[0]
    for path in ("/hooks/in", "/ping"):
        answer = await victim.client.post(path, headers=page)
        assert (answer.status_code, answer.text) == (200, "nobody"), path
        assert "set-cookie" not in answer.headers
    # What says it is a bearer token, and the cookie is not even seen beside it.
    assert (await victim.client.post("/hooks/in", headers=other.headers)).text == other.id
    assert (await victim.client.get("/hooks/in")).text == victim.id
    for path in ("/pings", "/who", "/hooks/../who"):
        assert (await victim.client.send(raw_path(victim, path))).status_code in (403, 404), path
    assert (await victim.client.post("/pings", headers=page)).status_code == 403


def raw_path(person: Person, path: str) -> httpx.Request:
    """A POST whose path nobody makes simpler."""
    request = person.client.build_request("POST", "/")
    request.url = request.url.copy_with(raw_path=path.encode())
    return request


async def test_the_token_cookie_is_not_seen_on_an_exempt_path_either(place: tuple[Shop, Embedded]) -> None:
    _, embedded = place
    victim = await embedded.person("token_cookie")
    assert (await victim.client.post("/hooks/in", headers=victim.headers)).text == "nobody"


@pytest.mark.parametrize("exempt", [("/",), ("/auth/",), ("/auth/account/profile", "/account/profile")])
@pytest.mark.parametrize("path", ["", "/auth"])
async def test_no_exemption_reaches_the_routes_of_ostiary(sqlite_url: str, exempt: tuple[str, ...], path: str) -> None:
    auth = Auth(settings_for_test(sqlite_url, ORIGIN + path))
    app = Starlette()
    auth.mount(app, csrf_exempt=exempt)
    async with running(auth, app, path) as embedded:
        victim = await embedded.person()
        answer = await victim.client.patch(f"{path}/api/auth/me", json={"name": "Eve"})
        assert_refused(answer, 403, "csrf_rejected")
        answer = await victim.client.post(f"{path}/account/profile", data={"name": "Eve"})
        assert answer.status_code == 403
        assert (await victim.request("PATCH", f"{path}/api/auth/me", {"name": "Ada"})).status_code == 200


def test_an_exemption_that_is_no_path_is_refused(sqlite_url: str) -> None:
    with pytest.raises(ConfigurationError, match="csrf_exempt"):
        Auth(settings_for_test(sqlite_url, ORIGIN)).mount(Starlette(), csrf_exempt=["hooks"])


async def test_an_application_below_a_path_of_its_server_is_guarded_and_exempt_alike(sqlite_url: str) -> None:
    shop = Shop(Auth(settings_for_test(sqlite_url, ORIGIN + "/shop/auth")))
    outer = Starlette(routes=[Mount("/shop", shop.app)])
    async with running(shop.auth, shop.app, "/shop/auth") as embedded:
        victim = await embedded.person()
        client = browser_of(outer, cookies=victim.client.cookies)
        assert_refused(await client.post("/shop/silent"), 403, "csrf_rejected")
        assert (await client.post("/shop/hooks/in")).text == "nobody"
    assert shop.ran == []


async def test_nothing_unsafe_that_has_a_cookie_passes_while_ostiary_is_not_open(sqlite_url: str) -> None:
    shop = Shop(Auth(settings_for_test(sqlite_url, ORIGIN)))
    async with browser_of(shop.app) as client:
        answer = await client.post("/silent", headers={"Cookie": "ostiary_session=x"})
    assert answer.status_code == 503
    assert shop.ran == []


# The session of somebody who has not signed in: a cart, which no other site fills, empties or takes away.


async def test_no_other_site_begins_a_session(place: tuple[Shop, Embedded]) -> None:
    """The browser keeps the cookie back (SameSite), and would take another one in its place."""
    _, embedded = place
    for page in FOREIGN_PAGES:
        answer = await embedded.client.post("/cart", params={"lamp": "eve"}, headers=page)
        assert_refused(answer, 403, "csrf_rejected", page)
        assert "set-cookie" not in answer.headers
    answer = await embedded.client.post("/hooks/cart", params={"lamp": "eve"})
    assert (answer.text, "set-cookie" in answer.headers) == ("no session", False)


@pytest.mark.parametrize("same_site", ["lax", "strict"])
async def test_a_link_of_another_site_takes_no_session_away(sqlite_url: str, same_site: str) -> None:
    """Under Strict the cookie is kept back even then, so that there may be a session although none is seen."""
    shop = Shop(Auth(settings_for_test(sqlite_url, ORIGIN + "/auth", cookies__same_site=same_site)))
    async with running(shop.auth, shop.app) as embedded:
        link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        followed = await embedded.client.get("/cart", params={"seen": "lamp"}, headers=link)
        if same_site == "strict":
            assert_refused(followed, 403, "csrf_rejected")
            assert "set-cookie" not in followed.headers
        else:
            assert followed.json() == {"seen": "lamp"}
        assert (await embedded.client.get("/cart", headers=link)).status_code == 200
        typed = await embedded.client.get("/cart", params={"seen": "lamp"}, headers={"Sec-Fetch-Site": "none"})
        assert typed.json() == {"seen": "lamp"}


async def test_no_other_site_changes_the_session_of_nobody(place: tuple[Shop, Embedded]) -> None:
    """A sibling on the same site gets the cookie sent along."""
    shop, embedded = place
    visitor = embedded.client
    await visitor.post("/cart", params={"lamp": "1"}, headers={"Sec-Fetch-Site": "same-origin"})
    token = (await visitor.get("/token")).text
    for page in FOREIGN_PAGES:
        for path in ("/cart?lamp=eve", "/silent"):
            answer = await visitor.post(path, headers={**page, "X-CSRF-Token": token})
            assert_refused(answer, 403, "csrf_rejected", page)
    assert shop.ran == []
    assert (await visitor.get("/cart")).json() == {"lamp": "1"}


async def test_the_session_of_nobody_needs_one_proof_of_where_the_request_is_from(
    place: tuple[Shop, Embedded],
) -> None:
    """A form that was shown before the session began has no token, and the second tab keeps its lamp, too."""
    _, embedded = place
    visitor, other = embedded.client, browser_of(embedded.app)
    own = {"Sec-Fetch-Site": "same-origin"}
    assert (await visitor.get("/token")).text == ""
    assert (await visitor.post("/cart", params={"first": "1"}, headers=own)).status_code == 200
    assert (await visitor.post("/cart", params={"second": "1"}, headers=own)).json() == {"first": "1", "second": "1"}
    await other.post("/cart", params={"lamp": "1"}, headers=own)
    # What says nothing of where it comes from is no browser.
    foreign, token = (await other.get("/token")).text, (await visitor.get("/token")).text
    for wrong in ("", foreign, "A" * 43):
        assert_refused(await visitor.post("/cart?x=1", headers={"X-CSRF-Token": wrong}), 403, "csrf_rejected", wrong)
    assert (await visitor.post("/cart", params={"third": "1"}, headers={"X-CSRF-Token": token})).status_code == 200
    assert (await visitor.post("/silent", data={"csrf_token": token})).status_code == 200


async def test_a_session_that_has_moved_to_another_device_is_not_replaced(place: tuple[Shop, Embedded]) -> None:
    """Otherwise a thief, or a new version of the browser, would sign the person out by a click on a public page."""
    _, embedded = place
    person = await embedded.person()
    moved = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"}
    assert (await person.client.get("/cart", headers=moved)).json() == {}
    answer = await person.client.post("/cart", params={"lamp": "1"}, headers=moved)
    assert_refused(answer, 401, "step_up_required")
    assert "set-cookie" not in answer.headers


# WebSockets: the handshake carries cookies, and no other site is kept from it by the browser.


def cookies(person: Person) -> dict[str, str]:
    """What the person's browser sends by itself: cookies, and what it is."""
    sent = "; ".join(f"{name}={value}" for name, value in person.client.cookies.items())
    return {"Cookie": sent, "User-Agent": person.client.headers["User-Agent"]}


STRANGE_HANDSHAKES: list[dict[str, str]] = [
    {"Origin": "https://eve.example.com"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:8000"},
    {"Origin": "ws://localhost:8000"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "same-origin"},
    {"Referer": ORIGIN + "/"},
    {},
]


async def test_no_other_site_opens_a_websocket_on_the_session_of_nobody(place: tuple[Shop, Embedded]) -> None:
    _, embedded = place
    await embedded.client.post("/cart", params={"lamp": "1"})
    sent = "; ".join(f"{name}={value}" for name, value in embedded.client.cookies.items())
    headers = {"Host": "localhost", "Cookie": sent, "User-Agent": embedded.client.headers["User-Agent"]}
    for strange in STRANGE_HANDSHAKES:
        refused = await embedded.socket("/cart-socket", {**headers, **strange})
        assert refused[0]["status"] == 403, strange
    opened = await embedded.socket("/cart-socket", {**headers, "Origin": ORIGIN})
    assert opened[1]["text"] == '{"lamp":"1"}'
    # Nor is a session begun for it.
    nobody = await embedded.socket("/cart-socket?lamp=eve", {"Host": "localhost", **STRANGE_HANDSHAKES[0]})
    assert nobody[0]["status"] == 403


@pytest.mark.parametrize("delivery", ["cookie", "token_cookie"])
async def test_no_other_site_opens_a_websocket_in_somebodys_name(place: tuple[Shop, Embedded], delivery: str) -> None:
    _, embedded = place
    victim = await embedded.person(delivery)
    for strange in STRANGE_HANDSHAKES:
        headers = {"Host": "localhost:8000", **cookies(victim), **strange}
        refused = await embedded.socket("/socket", headers)
        assert (refused[0]["type"], refused[0]["status"]) == ("websocket.http.response.start", 403), strange
        assert b"csrf_rejected" in refused[1]["body"]
        plain = await embedded.socket("/socket", headers, denial=False)
        assert [message["type"] for message in plain] == ["websocket.close"], strange
        late = await embedded.socket("/late", headers)
        assert [message["type"] for message in late] == ["websocket.accept", "websocket.close"], strange
        assert (late[1]["code"], late[1]["reason"]) == (1008, "csrf_rejected")


async def test_a_page_of_ours_and_a_bearer_token_open_a_websocket(place: tuple[Shop, Embedded]) -> None:
    _, embedded = place
    by_cookie, by_token_cookie = await embedded.person(), await embedded.person("token_cookie")
    by_bearer = await embedded.person("token")
    for person, headers in (
        (by_cookie, {**cookies(by_cookie), "Origin": ORIGIN}),
        (by_token_cookie, {**cookies(by_token_cookie), "Origin": ORIGIN}),
        (by_bearer, by_bearer.headers),
    ):
        sent = await embedded.socket("/socket", {"Host": "localhost:8000", **headers})
        assert [message["type"] for message in sent] == ["websocket.accept", "websocket.send"]
        assert sent[1]["text"] == person.id
    nobody = await embedded.socket("/socket", {"Host": "localhost:8000"})
    assert nobody[0]["status"] == 401
