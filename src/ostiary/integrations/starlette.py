"""Ostiary in a Starlette application, and the ground that ``ostiary.integrations.fastapi`` stands on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from ostiary import authorization
from ostiary.accounts import Account
from ostiary.app import Ostiary
from ostiary.authorization import Resource, parse_permission
from ostiary.authorization.authorizer import NOTHING_BROUGHT, Brought
from ostiary.authorization.caller import Level
from ostiary.authorization.model import parse_resource
from ostiary.base.clock import Clock, system_clock
from ostiary.errors import ConfigurationError, OstiaryError
from ostiary.integrations.middleware import Visits, exempt_paths, is_below
from ostiary.integrations.visit import Caller, CallerSession, Visit
from ostiary.settings import Settings, production_faults
from ostiary.web.system import RELATED_ORIGINS

__all__ = ["Auth", "Brought", "Caller", "CallerSession", "Resource"]

_POLICY_VIOLATION = 1008  # RFC 6455 section 7.4.1

FindResource = str | Callable[[Any], Resource]
"""The path parameter that holds a resource's id, or what makes the resource out of the request (or WebSocket)."""

Bring = Callable[[Any], Brought]
"""What makes attributes and context for policies out of the request (or WebSocket)."""


class Auth:
    """One installation of Ostiary inside an application.

    >>> auth = Auth(settings)
    >>> auth.mount(app)
    >>> caller = await auth.signed_in(request)
    """

    def __init__(self, settings: Settings, *, clock: Clock = system_clock) -> None:
        """Nothing is opened before the application starts.

        Raises:
            ConfigurationError: names everything that is not fit for production, unless these are development settings.
        """
        faults = [] if settings.dev else production_faults(settings)
        if faults:
            raise ConfigurationError(faults)
        self._settings = settings
        self._clock = clock
        self._ostiary: Ostiary | None = None

    def mount(self, app: Starlette, *, csrf_exempt: Iterable[str] = ()) -> None:
        """Serve Ostiary's pages and API in ``app``, and start and stop it with the application.

        All that is below the path of the issuer is Ostiary's. Where the issuer has no path, the application's routes
        come first, whenever they are added, and Ostiary answers what is left of its own. An OstiaryError that a route
        of the application raises becomes the answer that it would be on a route of Ostiary's.

        Every unsafe request (RFC 9110 section 9.2.1) to a route of the application that a cookie of Ostiary's
        authenticates is refused with CsrfRejected before the route runs, unless a page of this site sent it: with the
        form token in the header ``X-CSRF-Token`` or the form field ``csrf_token``. Middleware of the application's own
        that has to come after this check is added before ``mount``.

        Args:
            csrf_exempt: paths that are not checked, as the application's routes have them; one that ends with ``/``
                stands for all below it. No cookie says there who sends an unsafe request: it is anonymous, unless it
                has a bearer token.

        Raises:
            ConfigurationError: an exempt path does not begin with ``/``.
        """
        app.add_middleware(Visits, lambda: self.ostiary.web, app.router, exempt_paths(csrf_exempt))
        if self._settings.base_path:
            app.router.routes.insert(0, _Prefix(self._settings.base_path, self._serve))
            if self._settings.passkeys.origins:
                app.router.routes.insert(1, _Prefix(RELATED_ORIGINS, self._serve))
        else:
            app.router.default = self._rest(app.router.default)
        app.router.lifespan_context = self._lifespan(app.router.lifespan_context)
        app.add_exception_handler(OstiaryError, self._refused)  # type: ignore[arg-type]  # it gets no other error

    @property
    def ostiary(self) -> Ostiary:
        """The installation, for all that this class has no shorter word for.

        Raises:
            HTTPException: 503, the application's lifespan has not begun, or has ended.
        """
        if self._ostiary is None:
            raise HTTPException(503, "Ostiary is not started: the application's lifespan has to run.")
        return self._ostiary

    async def caller(self, request: HTTPConnection) -> Caller:
        """Who asks, by a request or by the handshake of a WebSocket; perhaps nobody (``caller.kind == "anonymous"``).

        Raises:
            InvalidRequest, Unauthenticated: what the request says of who sends it is not clear, or not true.
            CsrfRejected: a cookie came with the handshake of a WebSocket that no page of this site opens.
        """
        visit = Visit.of(request.scope)
        return await visit.recognise(self.ostiary.web)

    async def signed_in(self, request: HTTPConnection) -> Caller:
        """Who asks, somebody in any case.

        Raises:
            Unauthenticated: nobody has signed in; a browser is led to the sign-in page, and back.
        """
        caller = await self.caller(request)
        caller.require_account()
        return caller

    def require(
        self,
        permission: str,
        resource: FindResource | None = None,
        *,
        bringing: Bring | None = None,
        level: Level | None = None,
        max_age: int | None = None,
    ) -> Callable[[HTTPConnection], Awaitable[Caller]]:
        """What lets a request pass whose caller holds ``permission``, and returns the caller.

        Args:
            permission: one action, ``documents.read``; never a wildcard.
            resource: what the action is taken on; a path parameter's name stands for a resource of the permission's
                own type with that id. Without it, the permission is asked for everywhere.
            bringing: what policies may know besides: the resource's attributes, or context such as the state of the
                device. What Ostiary knows of the request itself (:attr:`Caller.context`) counts before it.
            level, max_age: how well, and how many seconds ago at most, the caller has to have proved who they are. A
                browser is led through what is missing, and back; a client gets 401 (RFC 9470).

        Raises:
            ConfigurationError: this is not a permission.
        """
        kind = _resource_type(permission)

        async def required(request: HTTPConnection) -> Caller:
            caller = await self.caller(request)
            brought = NOTHING_BROUGHT if bringing is None else bringing(request)
            found = _resource(request, kind, resource)
            await caller.require(permission, found, brought, level=level, max_age=max_age)
            return caller

        return required

    def prove(self, level: Level = "aal1", max_age: int | None = None) -> Callable[[HTTPConnection], Awaitable[Caller]]:
        """What lets a request pass whose caller has proved who they are as well as this, and not longer ago.

        Args:
            level: ``aal2`` takes two factors, ``aal3`` a hardware key that resists phishing.
            max_age: seconds since the proof, at most.
        """

        async def proved(request: HTTPConnection) -> Caller:
            caller = await self.caller(request)
            caller.require_level(level, max_age)
            return caller

        return proved

    async def csrf_token(self, request: Request) -> str:
        """What a form of the application's own has in its field ``csrf_token``, and a script in ``X-CSRF-Token``.

        Empty where there is no session yet, nor need for a token.
        """
        await self.caller(request)
        exchange = Visit.of(request.scope).exchange
        return (exchange and exchange.csrf_token()) or ""

    async def account(self, caller: authorization.Caller) -> Account:
        """The caller's own account: e-mail address, name, username.

        Raises:
            Unauthenticated: nobody has signed in.
        """
        return await self.ostiary.use.profiles.read(caller)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.ostiary(scope, receive, send)

    def _rest(self, otherwise: ASGIApp) -> ASGIApp:
        async def rest(scope: Scope, receive: Receive, send: Send) -> None:
            ours = scope["type"] == "http" and self.ostiary.web.answers(scope["path"])
            await (self._serve if ours else otherwise)(scope, receive, send)

        return rest

    def _lifespan(self, inner: Callable[[Any], Any]) -> Callable[[Any], Any]:
        @asynccontextmanager
        async def lifespan(app: Any) -> AsyncIterator[Any]:
            async with await Ostiary.open(
                self._settings, clock=self._clock, migrate_first=self._settings.dev
            ) as ostiary:
                await ostiary.start()
                self._ostiary = ostiary
                try:
                    async with inner(app) as state:
                        yield state
                finally:
                    self._ostiary = None

        return lifespan

    async def _refused(self, connection: HTTPConnection, error: OstiaryError) -> Response | None:
        visit = Visit.of(connection.scope)
        response = visit.refused(self.ostiary.web, error)
        if not isinstance(connection, WebSocket):
            return response
        if visit.answering:
            await connection.close(_POLICY_VIOLATION, error.code)
        elif "websocket.http.response" in connection.scope.get("extensions", {}):
            await connection.send_denial_response(response)
        else:
            await connection.close()  # before it is accepted: 403, whatever the reason
        return None


class _Prefix(Mount):
    """All below the path of the issuer, which is counted from the root of the origin, wherever the application is."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        ours = scope["type"] == "http" and is_below(self.path, scope["path"])
        return (Match.FULL, {"endpoint": self.app}) if ours else (Match.NONE, {})


def _resource_type(permission: str) -> str:
    try:
        kind, _, action = parse_permission(permission).rpartition(".")
    except OstiaryError as cause:
        raise ConfigurationError([f"require({permission!r}): {cause.detail}"]) from cause
    if action == "*":
        raise ConfigurationError([f"require({permission!r}): ask for one action, not for a wildcard"])
    return kind


def _resource(request: HTTPConnection, kind: str, resource: FindResource | None) -> Resource | None:
    if resource is None:
        return None
    if not isinstance(resource, str):
        return parse_resource(resource(request))
    if resource not in request.path_params:
        raise ConfigurationError([f"the path of this route has no parameter {resource!r}"])
    return parse_resource(Resource(kind, str(request.path_params[resource])))
