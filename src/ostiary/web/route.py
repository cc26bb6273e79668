"""A row of the route table, and the table itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from enum import Enum
from typing import TYPE_CHECKING, Any

import msgspec

from ostiary.errors import ConfigurationError, MethodNotAllowed, NotFound, OstiaryError

if TYPE_CHECKING:
    from starlette.responses import Response

    from ostiary.web.exchange import Exchange

Handler = Callable[["Exchange"], Awaitable["Response"]]
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""RFC 9110 section 9.2.1. Rows of ours have methods of one of the two sets; an embedder's method may be in neither."""
MAX_SEGMENT = 256
"""Characters of a path parameter."""


class Knock(Enum):
    """Who may knock at a route. What they may do behind the door is the use case's to decide."""

    ANYONE = "anyone"
    SIGNED_IN = "signed_in"
    PERSON = "person"
    """Somebody signed in, and not by an API key."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One row: everything that is true of a request before its handler runs.

    Attributes:
        path: literal segments and ``{parameters}``, each a whole segment.
        knock: has no default: a route that does not say who may call it does not start.
        body: the struct that the body is parsed into, or ``dict[str, Any]`` for an object of the client's own form.
        body_optional: a request without a body reaches the handler with None.
        form: the struct that describes a form of the protocol, which any site may send: no cookie counts with it.
        query: the struct that the query is parsed into; without one, a query is refused on the API.
        answers: the struct of each status that is a success; None for one without a body.
        media_type: of the answers.
        etag: the answers have an ``ETag``, and a change takes it back in ``If-Match`` (RFC 9110 section 13.1.1).
        errors: what the handler raises besides what ``openapi.problems_of`` works out from the rest of the row.
        limit: the name of the route's own limit by network address in the settings; without one, the common limit
            counts whoever is anonymous.
        recognise: whether a credential on the request is looked at; where not, nothing is counted either.
        page: a page for people, with a form token and error pages; otherwise JSON with problem details.
        protocol: of the authorization server: errors as RFC 6749 section 5.2 has them, and pages of other sites may
            ask (CORS), since nothing but what they bring along counts.
    """

    method: str
    path: str
    handle: Handler
    knock: Knock
    summary: str
    tag: str = ""
    body: Any = None
    body_optional: bool = False
    form: type[msgspec.Struct] | None = None
    query: type[msgspec.Struct] | None = None
    answers: dict[int, Any] = {}
    media_type: str = "application/json"
    etag: bool = False
    errors: tuple[type[OstiaryError], ...] = ()
    limit: str | None = None
    recognise: bool = True
    page: bool = False
    protocol: bool = False

    @property
    def foreign(self) -> bool:
        """Whether pages of any site may send it: no cookie is looked at, so there is nothing to forge."""
        return (self.form is not None or self.protocol) and not self.recognise

    @property
    def operation(self) -> str:
        """A stable name for generated clients: ``post_api_auth_login``."""
        words = self.path.replace("{", "").replace("}", "").replace("-", "_").replace(".", "_").strip("/").split("/")
        return "_".join([self.method.lower(), *words])


class _Node:
    """A segment of the path tree: literal children first, then the parameter."""

    __slots__ = ("literal", "methods", "parameter", "parameter_name")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        self.parameter_name = ""
        self.methods: dict[str, Route] = {}


class RouteTable:
    """Finds the row of a request: by one dictionary for paths without parameters, else segment by segment."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """Raises ConfigurationError when two rows claim one request, or name one parameter differently."""
        self.routes = tuple(routes)
        self._exact: dict[str, dict[str, Route]] = {}
        self._root = _Node()
        for route in self.routes:
            self._add(route)

    def at(self, path: str) -> dict[str, Route]:
        """The rows with this path, by method. Raises NotFound: there are none."""
        found = self._exact.get(path)
        return self._walk(path, {}) if found is None else found

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The row for a request and the values of the path's parameters.

        Raises:
            NotFound: no row has this path.
            MethodNotAllowed: rows have it, but not with this method; ``extra["allow"]`` lists theirs.
        """
        methods = self._exact.get(path)
        parameters: dict[str, str] = {}
        if methods is None:
            methods = self._walk(path, parameters)
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            raise MethodNotAllowed(extra={"allow": sorted({*methods, "HEAD"} if "GET" in methods else methods)})
        return route, parameters

    def _walk(self, path: str, parameters: dict[str, str]) -> dict[str, Route]:
        node = self._root
        for segment in path.split("/")[1:]:
            following = node.literal.get(segment)
            if following is None:
                following = node.parameter
                if following is None or not 0 < len(segment) <= MAX_SEGMENT or not segment.isprintable():
                    raise NotFound
                parameters[node.parameter_name] = segment
            node = following
        if not node.methods:
            raise NotFound
        return node.methods

    def _add(self, route: Route) -> None:
        if "{" not in route.path:
            methods = self._exact.setdefault(route.path, {})
        else:
            methods = self._node(route.path).methods
        if route.method in methods:
            raise ConfigurationError([f"two routes for {route.method} {route.path}"])
        methods[route.method] = route

    def _node(self, path: str) -> _Node:
        node = self._root
        for segment in path.split("/")[1:]:
            if segment.startswith("{"):
                if node.parameter is None:
                    node.parameter = _Node()
                    node.parameter_name = segment[1:-1]
                elif node.parameter_name != segment[1:-1]:
                    raise ConfigurationError([f"{path}: others name this parameter {{{node.parameter_name}}}"])
                node = node.parameter
            else:
                node = node.literal.setdefault(segment, _Node())
        return node


def api_route(
    tag: str,
    knock: Knock,
    errors_of_all: tuple[type[OstiaryError], ...],
    method: str,
    path: str,
    handle: Handler,
    summary: str,
    answers: dict[int, Any],
    *errors: type[OstiaryError],
    **more: Any,
) -> Route:
    """A row of the API; ``errors_of_all`` are those of its whole part."""
    return Route(
        method=method,
        path=path,
        handle=handle,
        knock=knock,
        tag=tag,
        summary=summary,
        answers=answers,
        errors=(*errors_of_all, *errors),
        **more,
    )
