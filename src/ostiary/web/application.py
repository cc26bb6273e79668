"""The ASGI application: every request goes through the same few steps, in the same order.

headers → route → identify → limit → knock → body → CSRF → handler. An error of any step becomes an answer here.
"""

from __future__ import annotations

import itertools
import logging
import re
import secrets
from collections.abc import Awaitable, Callable

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ostiary.authentication import RequestFacts
from ostiary.authentication.limits import Hit, Limit
from ostiary.base.gcra import Limiter
from ostiary.base.network import network_of
from ostiary.errors import (
    CsrfRejected,
    HeadersTooLarge,
    InsufficientAuthentication,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    OstiaryError,
    StepUpRequired,
    Unauthenticated,
)
from ostiary.web.address import client_address
from ostiary.web.bodies import convert, parse_form, parse_json_body, parse_pairs, read_body
from ostiary.web.cookies import Cookies
from ostiary.web.csrf import FIELD, HEADER, CsrfTokens, check_handshake, check_origin
from ostiary.web.exchange import Exchange
from ostiary.web.identify import API_KEY, browser_binding, identify
from ostiary.web.pages.render import Pages
from ostiary.web.problems import problem_response, protocol_response
from ostiary.web.route import SAFE, UNSAFE, Knock, Route, RouteTable
from ostiary.web.routes import all_routes
from ostiary.web.use_cases import UseCases

_log = logging.getLogger("ostiary.web")

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_PORT = re.compile(r":[0-9]{1,5}$")

_OF_LOAD = frozenset({"anonymous_address", "anonymous_session_address", "authorize_address", "token_address"})
"""Limits that guard no credential but this process, which counts them itself; all others are counted together."""

_JOINED = frozenset({"resource", "audience"})
"""Parameters of the protocol that may come several times (RFC 8707 section 2, RFC 8693 section 2.1)."""

_CORS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"dpop-nonce, www-authenticate, retry-after"),
]
"""On what pages of other sites may ask: no cookie counts there, so nobody's session is theirs."""

_PREFLIGHT = [
    (b"access-control-allow-headers", b"authorization, content-type, dpop"),
    (b"access-control-max-age", b"7200"),
]

_SINGLE = frozenset({"authorization", "content-length", "content-type", "dpop", "host", "origin", API_KEY, HEADER})
"""Headers that must not come twice: two readers could take two different ones."""


class WebApplication:
    """Ostiary over HTTP; mounted at the path of the issuer."""

    def __init__(self, use: UseCases, csrf_key: bytes) -> None:
        self.use = use
        self.jar = Cookies(use.settings)
        self.csrf = CsrfTokens(csrf_key)
        self.pages = Pages(use.settings)
        self.table = RouteTable(all_routes(use.settings, self.pages))
        issuer = use.settings.issuer
        self._origin = "/".join(issuer.split("/", 3)[:3])
        self._base = use.settings.base_path
        self._dev = use.settings.dev
        self._host = self._origin.partition("://")[2]
        self._names = frozenset({*_LOOPBACK, _PORT.sub("", self._host)})
        # Unique, and all that it has to be: no system call a request for more.
        self._boot = "req_" + secrets.token_hex(8)
        self._requests = itertools.count()
        rates = msgspec.structs.asdict(use.settings.limits)
        self._limiters = {name: Limiter(rates[name].count, rates[name].seconds) for name in _OF_LOAD}
        self._limits = {name: Limit.at(name, rate) for name, rate in rates.items() if name not in _OF_LOAD}
        self._headers = _security_headers(issuer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request (ASGI 3)."""
        exchange = Exchange(scope, self.use, self.jar, self.csrf)
        try:
            response = await self._answer(exchange, receive)
        except OstiaryError as error:
            response = self._failed(exchange, error)
        except Exception:  # noqa: BLE001 - whatever it was, it is logged and the client learns nothing of it
            _log.exception("request %s failed", exchange.facts.request_id)
            response = self._failed(exchange, OstiaryError())
        self._dress(exchange, response)
        finish(exchange, response.raw_headers)
        await response(scope, receive, send)

    def open(self, scope: Scope) -> Exchange:
        """An exchange for a request to a route that is not ours: an embedder's."""
        return Exchange(scope, self.use, self.jar, self.csrf)

    async def recognise(
        self, exchange: Exchange, form_token: Callable[[], Awaitable[str | None]], *, cookies: bool = True
    ) -> None:
        """Identify the caller of an embedder's route by the same rules as on ours.

        Args:
            form_token: reads the form token from the body; asked only where a cookie identified the caller of an
                unsafe request that has no token in its headers.
            cookies: without them, only an ``Authorization`` header or an API key says who calls.

        Raises:
            HeadersTooLarge, InvalidRequest, AmbiguousCredentials: the headers cannot be trusted to mean one thing.
            InvalidToken, Unauthenticated: a credential was sent in a header, and is not good.
            CsrfRejected: a cookie identified the caller, and no page of this site sent the request.
        """
        self.read_headers(exchange)
        if not cookies:
            exchange.cookies.clear()
        await identify(exchange)
        by_cookie = exchange.cookie_authenticated or exchange.caller.method == "session"
        if by_cookie and self.check_site(exchange):
            self.csrf.check(exchange.binding, exchange.headers.get(HEADER) or await form_token())

    def check_site(self, exchange: Exchange) -> bool:
        """Refuse a request to an embedder's route that a page of another site sent; a safe one may come from anywhere.

        Returns:
            Whether it needs a form token besides. Of nobody's session only what is no browser needs one: a form that a
            browser showed before the session began has none, and must not be refused for that in a second tab.

        Raises:
            CsrfRejected: the page is not one of this site.
        """
        if exchange.scope["type"] == "websocket":
            check_handshake(exchange.headers, self._origin)
            return False
        if exchange.scope["method"] in SAFE:
            return False
        by_browser = check_origin(exchange.headers, self._origin)
        return exchange.cookie_authenticated or not by_browser

    def refused(self, exchange: Exchange, error: OstiaryError) -> Response:
        """What an embedder's route answers with an error: just what ours would."""
        response = self._failed(exchange, error)
        self._dress(exchange, response)
        return response

    def answers(self, path: str) -> bool:
        """Whether a row of ours has this path, given from the root of the origin."""
        try:
            self.table.find("GET", self._below_base(path))
        except NotFound:
            return False
        except MethodNotAllowed:
            return True
        return True

    async def _answer(self, exchange: Exchange, receive: Receive) -> Response:
        self.read_headers(exchange)
        method: str = exchange.scope["method"]
        path = self._below_base(exchange.path)
        exchange.path = self._base + path
        if method == "OPTIONS" and (preflight := self._preflight(path)) is not None:
            return preflight
        route, exchange.parameters = self.table.find(method, path)
        exchange.route = route
        if route.recognise:
            await identify(exchange)
        await self._count(exchange, route)
        if route.knock is Knock.SIGNED_IN:
            exchange.caller.require_signed_in()
        elif route.knock is Knock.PERSON:
            exchange.caller.require_person()
        self._read_query(exchange, route)
        if method in UNSAFE:
            await self._read_body(exchange, route, receive)
        return await route.handle(exchange)

    def _preflight(self, path: str) -> Response | None:
        """What a browser asks before a page of another site may send what no form could (CORS); None elsewhere."""
        rows = self.table.at(path)
        if not any(row.protocol for row in rows.values()):
            return None
        response = Response(status_code=204)
        methods = ", ".join(sorted(rows)).encode()
        response.raw_headers.extend([*_CORS, *_PREFLIGHT, (b"access-control-allow-methods", methods)])
        return response

    async def _count(self, exchange: Exchange, route: Route) -> None:
        """Limits by network address: the route's own, or the common one for whoever has not proved who they are.

        Raises:
            RateLimited: too many.
            Unavailable: the limit guards a credential, and cannot be counted.
        """
        limit = route.limit
        if limit is None and route.recognise and exchange.caller.kind == "anonymous":
            limit = "anonymous_address"
        if limit is None:
            return
        network, now = network_of(exchange.facts.address), exchange.facts.at
        if limit in _OF_LOAD:
            self._limiters[limit].hit(network, now)
        else:
            await self.use.limits.hit(Hit(self._limits[limit], network), now=now)

    async def _read_body(self, exchange: Exchange, route: Route, receive: Receive) -> None:
        if route.foreign:
            await self._read_protocol_body(exchange, route, receive)
            return
        check_origin(exchange.headers, self._origin)
        body = await read_body(receive, exchange.headers, self.use.settings.server.max_body)
        if route.page:
            exchange.form = parse_form(exchange, body)
            self._check_form(exchange, route)
            return
        if exchange.cookie_authenticated:
            self.csrf.check(exchange.binding, exchange.headers.get(HEADER))
        if route.body is not None and (body or not route.body_optional):
            exchange.body = parse_json_body(exchange, route, body)

    async def _read_protocol_body(self, exchange: Exchange, route: Route, receive: Receive) -> None:
        """What any site may send: no cookie has been looked at, so there is nothing to forge."""
        body = await read_body(receive, exchange.headers, self.use.settings.server.max_body)
        if route.body is not None:
            exchange.body = parse_json_body(exchange, route, body)
        elif route.form is not None and (body or "content-type" in exchange.headers):
            exchange.form = parse_form(exchange, body, _JOINED)

    def _check_form(self, exchange: Exchange, route: Route) -> None:
        """The form's token is the session's; or the browser's, where the page needs nobody.

        Such a page may be older than the session. Under ``SameSite=Strict`` it may also have been made for a request
        that came without it: a link of another site led to it.
        """
        token = exchange.form.pop(FIELD, None)
        browser = exchange.cookies.get(self.jar.browser.name)
        try:
            self.csrf.check(exchange.binding, token)
        except CsrfRejected:
            if route.knock is not Knock.ANYONE or browser is None:
                raise
            self.csrf.check(browser_binding(browser), token)

    def _read_query(self, exchange: Exchange, route: Route) -> None:
        query: bytes = exchange.scope["query_string"]
        if not query and route.query is None:
            return
        try:
            fields = parse_pairs(query.decode("ascii"), _JOINED if route.page else frozenset())
        except UnicodeDecodeError:
            raise InvalidRequest("The query is not encoded.") from None
        if route.query is not None:
            exchange.query = convert(fields, route.query, lax=True)
        elif not route.page:
            raise InvalidRequest("This takes no query.", field=next(iter(fields), None))
        else:
            exchange.query = fields

    def read_headers(self, exchange: Exchange) -> None:
        """Headers, cookies and facts, with the request's id first, so that every error has it.

        Raises:
            HeadersTooLarge, InvalidRequest, AmbiguousCredentials: the headers cannot be trusted to mean one thing.
        """
        scope, settings = exchange.scope, self.use.settings
        headers = exchange.headers
        size = 0
        twice = None
        for raw_name, raw_value in scope["headers"]:
            size += len(raw_name) + len(raw_value) + 4
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            if name in headers:
                twice = name if name in _SINGLE else twice
                headers[name] += ("; " if name == "cookie" else ", ") + value
            else:
                headers[name] = value
        client = scope.get("client")
        address = client_address(
            client[0] if client else "", headers.get("x-forwarded-for"), settings.server.trusted_proxies
        )
        exchange.facts = RequestFacts(
            address[:64],
            headers.get("user-agent", "")[:512],
            f"{self._boot}{next(self._requests):08x}",
            self.use.clock(),
        )
        if size > settings.server.max_header:
            raise HeadersTooLarge
        if self._dev and not self._for_this_machine(headers.get("host", "")):
            raise InvalidRequest("Development mode answers to names of this machine only.")
        if twice is not None:
            raise InvalidRequest(f"The header {twice} was sent twice.")
        if "cookie" in headers:
            exchange.cookies = self.jar.read(headers["cookie"], exchange.path)
            if (device := exchange.cookies.get(self.jar.device.name)) is not None:
                exchange.facts = msgspec.structs.replace(exchange.facts, device=device)

    def _for_this_machine(self, host: str) -> bool:
        """Whether a ``Host`` is one that only this machine's browsers resolve to it.

        The outbox shows every code to whoever asks; a page of another site that has its own name resolve to a loopback
        address (DNS rebinding) would be of our origin, but for this.
        """
        return host == self._host or _PORT.sub("", host.lower()) in self._names

    def _below_base(self, path: str) -> str:
        base = self._base
        if not base:
            return path
        return path[len(base) :] or "/" if path == base or path.startswith(base + "/") else path

    def _dress(self, exchange: Exchange, response: Response) -> None:
        response.raw_headers.append((b"x-request-id", exchange.facts.request_id.encode()))
        if exchange.route is not None and exchange.route.protocol:
            response.raw_headers.extend(_CORS)
        response.raw_headers.extend(self._headers)

    def _failed(self, exchange: Exchange, error: OstiaryError) -> Response:
        if exchange.route.protocol if exchange.route else exchange.path.startswith(self._base + "/oauth/"):
            return protocol_response(exchange, error)
        if not exchange.wants_page:
            return problem_response(exchange, error)
        if isinstance(error, InsufficientAuthentication):
            return self.pages.to_step_up(exchange, error)
        if isinstance(error, StepUpRequired) and exchange.scope["method"] in ("GET", "HEAD"):
            return self.pages.to("/step-up", exchange)
        if isinstance(error, Unauthenticated) and exchange.scope["method"] in ("GET", "HEAD"):
            return self.pages.to("/login", exchange)
        return self.pages.error(exchange, error)


def finish(exchange: Exchange, headers: list[tuple[bytes, bytes]]) -> None:
    """Add the cookies and headers to set; and, where nothing is said about caches, that none keeps the answer."""
    # One a name, the last word on it: of two, browsers need not keep the second (RFC 6265 section 4.1.1).
    if exchange.set_cookies:
        cookies = {cookie.partition("=")[0]: cookie for cookie in exchange.set_cookies}
        headers.extend((b"set-cookie", cookie.encode("latin-1")) for cookie in cookies.values())
    headers.extend(exchange.set_headers)
    if b"cache-control" not in dict(headers):
        headers.append((b"cache-control", b"no-store"))


def _security_headers(issuer: str) -> list[tuple[bytes, bytes]]:
    headers: list[tuple[bytes, bytes]] = [
        (b"x-content-type-options", b"nosniff"),
        (b"cross-origin-resource-policy", b"same-origin"),
    ]
    if issuer.startswith("https:"):
        headers.append((b"strict-transport-security", b"max-age=63072000; includeSubDomains"))
    return headers
