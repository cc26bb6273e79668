"""Ostiary in a Starlette application, and the ground that ``ostiary.integrations.fastapi`` stands on."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ostiary.accounts import Account
from ostiary.app import Ostiary
from ostiary.authorization import Caller, Resource, parse_permission
from ostiary.authorization.model import parse_resource
from ostiary.base.clock import Clock, system_clock
from ostiary.errors import ConfigurationError, InvalidRequest, OstiaryError, PayloadTooLarge
from ostiary.sessions import SessionDataStore
from ostiary.settings import Settings, production_faults
from ostiary.web.application import finish
from ostiary.web.csrf import FIELD
from ostiary.web.exchange import Exchange

__all__ = ["Auth", "Caller", "Resource"]

_log = logging.getLogger("ostiary.integrations")
_VISIT = "ostiary"
_FORM = "application/x-www-form-urlencoded"
_MAX_FIELDS = 1000

FindResource = str | Callable[[Request], Resource]
"""The path parameter that holds a resource's id, or what makes the resource out of the request."""


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

    def mount(self, app: Starlette) -> None:
        """Serve Ostiary's pages and API in ``app``, and start and stop it with the application.

        All that is below the path of the issuer is Ostiary's. Where the issuer has no path, the application's routes
        come first, whenever they are added, and Ostiary answers what is left of its own. An OstiaryError that a route
        of the application raises becomes the answer that it would be on a route of Ostiary's.
        """
        if self._settings.base_path:
            app.router.routes.insert(0, _Prefix(self._settings.base_path, self._serve))
        else:
            app.router.default = self._rest(app.router.default)
        app.router.lifespan_context = self._lifespan(app.router.lifespan_context)
        app.add_middleware(_Visits)
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

    async def caller(self, request: Request) -> Caller:
        """Who asks; perhaps nobody that is known (``caller.kind == "anonymous"``).

        Raises:
            InvalidRequest, Unauthenticated: what the request says of who sends it is not clear, or not true.
            CsrfRejected: it is an unsafe request with a cookie, without what shows that a page of this site sent it:
                the form token in the header ``X-CSRF-Token`` or the form field ``csrf_token``.
        """
        visit = _visit(request.scope)
        if visit.caller is None:
            web = self.ostiary.web
            visit.exchange = exchange = web.open(request.scope)
            await web.recognise(exchange, lambda: _form_token(request, self._settings.server.max_body))
            visit.caller = exchange.caller
        return visit.caller

    async def signed_in(self, request: Request) -> Caller:
        """Who asks, somebody in any case.

        Raises:
            Unauthenticated: nobody has signed in; a browser is led to the sign-in page, and back.
        """
        caller = await self.caller(request)
        caller.require_account()
        return caller

    def require(self, permission: str, resource: FindResource | None = None) -> Callable[[Request], Awaitable[Caller]]:
        """What lets a request pass whose caller holds ``permission``, and returns the caller.

        Args:
            permission: one action, ``documents.read``; never a wildcard.
            resource: what the action is taken on; a path parameter's name stands for a resource of the permission's
                own type with that id. Without it, the permission is asked for everywhere.

        Raises:
            ConfigurationError: this is not a permission.
        """
        kind = _resource_type(permission)

        async def required(request: Request) -> Caller:
            caller = await self.caller(request)
            await caller.require(permission, _resource(request, kind, resource))
            return caller

        return required

    async def csrf_token(self, request: Request) -> str:
        """What a form of the application's own has in its field ``csrf_token``; empty where nobody has signed in."""
        await self.caller(request)
        exchange = _visit(request.scope).exchange
        return (exchange and exchange.csrf_token()) or ""

    async def account(self, caller: Caller) -> Account:
        """The caller's own account: e-mail address, name, username.

        Raises:
            Unauthenticated: nobody has signed in.
        """
        return await self.ostiary.use.profiles.read(caller)

    @property
    def session_data(self) -> SessionDataStore:
        """``await read(caller)`` and ``await change(caller, patch)``: what the application keeps in a session."""
        return self.ostiary.use.session_data

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

    async def _refused(self, request: Request, error: OstiaryError) -> Response:
        web, visit = self.ostiary.web, _visit(request.scope)
        if error.status == 500:
            _log.error("a route of the application failed", exc_info=error)
        if visit.exchange is None:
            visit.exchange = web.open(request.scope)
            with suppress(OstiaryError):  # what is answered is the other error
                web.read_headers(visit.exchange)
        return web.refused(visit.exchange, error)


class _Visit:
    """What is known of one request to a route of the application."""

    exchange: Exchange | None = None
    caller: Caller | None = None


class _Visits:
    """Middleware: cookies that recognising a caller sets or deletes go out with whatever the application answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = scope[_VISIT] = _Visit()

        async def sending(message: Message) -> None:
            if visit.exchange is not None and message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                finish(visit.exchange, headers)
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, sending)


class _Prefix(Mount):
    """All below the path of the issuer, which is counted from the root of the origin, wherever the application is."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        ours = scope["type"] == "http" and (scope["path"] + "/").startswith(self.path + "/")
        return (Match.FULL, {"endpoint": self.app}) if ours else (Match.NONE, {})


def _visit(scope: Scope) -> _Visit:
    visit = scope.get(_VISIT)
    if not isinstance(visit, _Visit):
        raise RuntimeError("auth.mount(app) has not been called on this application")
    return visit


def _resource_type(permission: str) -> str:
    try:
        kind, _, action = parse_permission(permission).rpartition(".")
    except OstiaryError as cause:
        raise ConfigurationError([f"require({permission!r}): {cause.detail}"]) from cause
    if action == "*":
        raise ConfigurationError([f"require({permission!r}): ask for one action, not for a wildcard"])
    return kind


def _resource(request: Request, kind: str, resource: FindResource | None) -> Resource | None:
    if resource is None:
        return None
    if not isinstance(resource, str):
        return parse_resource(resource(request))
    if resource not in request.path_params:
        raise ConfigurationError([f"the path of this route has no parameter {resource!r}"])
    return parse_resource(Resource(kind, str(request.path_params[resource])))


async def _form_token(request: Request, limit: int) -> str | None:
    """The form token in the body; whoever reads the body after this still finds it.

    Raises:
        PayloadTooLarge: the form is over ``limit`` bytes: send the token as a header then.
        InvalidRequest: it does not say how long it is, or breaks off.
    """
    if request._form is not None:  # FastAPI has parsed it already, for a route with Form() or File() parameters
        return _only([value for value in request._form.getlist(FIELD) if isinstance(value, str)])
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        return None
    announced = request.headers.get("content-length", "")
    if not (announced.isascii() and announced.isdigit()):
        raise InvalidRequest("A form needs a Content-Length.")
    if int(announced) > limit:
        raise PayloadTooLarge(f"A form may have {limit} bytes here.")
    try:
        fields = parse_qsl((await request.body()).decode("ascii"), max_num_fields=_MAX_FIELDS)
    except (ClientDisconnect, ValueError):
        raise InvalidRequest("The form is not well formed.") from None
    return _only([value for name, value in fields if name == FIELD])


def _only(values: list[str]) -> str | None:
    return values[0] if len(values) == 1 else None
