"""The ASGI application: every request goes through the same few steps, in the same order.

headers → route → identify → limit → knock → body → CSRF → handler. An error of any step becomes an answer here.
"""

from __future__ import annotations

import logging
import secrets

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ostiary.authentication import RequestFacts
from ostiary.base.gcra import Limiter
from ostiary.errors import HeadersTooLarge, InvalidRequest, OstiaryError, Unauthenticated
from ostiary.web.address import client_address, network_of
from ostiary.web.bodies import convert, parse_form, parse_json_body, parse_pairs, read_body
from ostiary.web.cookies import Cookies
from ostiary.web.csrf import FIELD, HEADER, CsrfTokens, check_origin
from ostiary.web.exchange import Exchange
from ostiary.web.identify import identify
from ostiary.web.pages.render import Pages
from ostiary.web.problems import problem_response
from ostiary.web.route import UNSAFE, Knock, Route, RouteTable
from ostiary.web.routes import all_routes
from ostiary.web.use_cases import UseCases

_log = logging.getLogger("ostiary.web")

_SINGLE = frozenset({"authorization", "content-length", "content-type", "host", "origin", HEADER})
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
        self._limiters = {
            name: Limiter(rate.count, rate.seconds)
            for name, rate in msgspec.structs.asdict(use.settings.limits).items()
        }
        self._headers = _security_headers(issuer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request (ASGI 3)."""
        exchange = Exchange(scope, self.use, self.jar, self.csrf)
        try:
            response = await self._answer(exchange, receive)
        except OstiaryError as error:
            response = await self._failed(exchange, error)
        except Exception:  # noqa: BLE001 - whatever it was, it is logged and the client learns nothing of it
            _log.exception("request %s failed", exchange.facts.request_id)
            response = await self._failed(exchange, OstiaryError())
        raw = response.raw_headers
        raw.append((b"x-request-id", exchange.facts.request_id.encode()))
        raw.extend(self._headers)
        for cookie in exchange.set_cookies:
            raw.append((b"set-cookie", cookie.encode("latin-1")))
        if "cache-control" not in response.headers:
            raw.append((b"cache-control", b"no-store"))
        await response(scope, receive, send)

    def open(self, scope: Scope) -> Exchange:
        """An exchange with the request's headers, cookies and facts read; for embedders' own routes as well.

        Raises:
            HeadersTooLarge, InvalidRequest, AmbiguousCredentials: the headers cannot be trusted to mean one thing.
        """
        exchange = Exchange(scope, self.use, self.jar, self.csrf)
        self._read_headers(exchange)
        return exchange

    async def recognise(self, exchange: Exchange) -> None:
        """Identify the caller and, where a cookie did it for an unsafe request, check that a page of ours sent it.

        Raises:
            CsrfRejected: it did not.
        """
        await identify(exchange)
        if exchange.scope["method"] in UNSAFE and exchange.cookie_authenticated:
            check_origin(exchange.headers, self._origin)
            self.csrf.check(exchange.binding, exchange.headers.get(HEADER) or exchange.form.get(FIELD))

    async def _answer(self, exchange: Exchange, receive: Receive) -> Response:
        self._read_headers(exchange)
        method: str = exchange.scope["method"]
        route, exchange.parameters = self.table.find(method, self._path(exchange.scope))
        exchange.route = route
        if route.recognise:
            await identify(exchange)
        self._count(exchange, route)
        if route.knock is Knock.SIGNED_IN:
            exchange.caller.require_account()
        self._read_query(exchange, route)
        if method in UNSAFE:
            await self._read_body(exchange, route, receive)
        return await route.handle(exchange)

    def _count(self, exchange: Exchange, route: Route) -> None:
        """Limits by network address: the route's own, or the common one for whoever has not proved who they are."""
        limit = route.limit
        if limit is None and route.recognise and exchange.caller.kind == "anonymous":
            limit = "anonymous_address"
        if limit is not None:
            self._limiters[limit].hit(network_of(exchange.facts.address), exchange.facts.at)

    async def _read_body(self, exchange: Exchange, route: Route, receive: Receive) -> None:
        check_origin(exchange.headers, self._origin)
        body = await read_body(receive, exchange.headers, self.use.settings.server.max_body)
        if route.page:
            exchange.form = parse_form(exchange, body)
            self.csrf.check(exchange.binding, exchange.form.pop(FIELD, None))
            return
        if exchange.cookie_authenticated:
            self.csrf.check(exchange.binding, exchange.headers.get(HEADER))
        if route.body is not None and (body or not route.body_optional):
            exchange.body = parse_json_body(exchange, route, body)

    def _read_query(self, exchange: Exchange, route: Route) -> None:
        query: bytes = exchange.scope["query_string"]
        if not query and route.query is None:
            return
        try:
            fields = parse_pairs(query.decode("ascii"))
        except UnicodeDecodeError:
            raise InvalidRequest("The query is not encoded.") from None
        if route.query is not None:
            exchange.query = convert(fields, route.query, lax=True)
        elif not route.page:
            raise InvalidRequest("This takes no query.", field=next(iter(fields), None))
        else:
            exchange.query = fields

    def _read_headers(self, exchange: Exchange) -> None:
        """Headers, cookies and facts, with the request's id first, so that every error has it."""
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
            address[:64], headers.get("user-agent", "")[:512], "req_" + secrets.token_hex(12), self.use.clock()
        )
        if size > settings.server.max_header:
            raise HeadersTooLarge
        if twice is not None:
            raise InvalidRequest(f"The header {twice} was sent twice.")
        if "cookie" in headers:
            exchange.cookies = self.jar.read(headers["cookie"])

    def _path(self, scope: Scope) -> str:
        path: str = scope["path"]
        base = self.use.settings.base_path
        return path[len(base) :] or "/" if path == base or path.startswith(base + "/") else path

    async def _failed(self, exchange: Exchange, error: OstiaryError) -> Response:
        if not exchange.wants_page:
            return problem_response(exchange, error)
        if isinstance(error, Unauthenticated) and exchange.scope["method"] in ("GET", "HEAD"):
            return self.pages.to_login(exchange)
        return self.pages.error(exchange, error)


def _security_headers(issuer: str) -> list[tuple[bytes, bytes]]:
    headers: list[tuple[bytes, bytes]] = [
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
    ]
    if issuer.startswith("https:"):
        headers.append((b"strict-transport-security", b"max-age=63072000; includeSubDomains"))
    return headers
