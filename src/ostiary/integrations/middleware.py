"""What stands around the whole application: no other site has an unsafe request sent to one of its routes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.routing import Match, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ostiary.errors import ConfigurationError, OstiaryError
from ostiary.integrations.form_token import Body
from ostiary.integrations.visit import Visit
from ostiary.web.application import WebApplication
from ostiary.web.route import SAFE

_ANSWERS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


class Visits:
    """Middleware (pure ASGI) around the whole application.

    Before an unsafe request reaches a route of the application, it is checked for CSRF, whether that route will ask who
    calls or not; safe ones pass untouched. The cookies that recognising a caller sets go out with whatever is answered.
    """

    def __init__(
        self, app: ASGIApp, web: Callable[[], WebApplication], router: Router, exempt: tuple[str, ...]
    ) -> None:
        """``web`` raises HTTPException while Ostiary is not open. ``exempt``: see ``Auth.mount``."""
        self._app = app
        self._web = web
        self._router = router
        self._exempt = exempt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        visit = Visit.begin(scope)

        async def sending(message: Message) -> None:
            if message["type"] in _ANSWERS:
                message = visit.finish(message)
            await send(message)

        if scope["type"] == "http" and scope["method"] not in SAFE:
            await self._unsafe(visit, scope, receive, sending)
        else:
            await self._app(scope, receive, sending)

    async def _unsafe(self, visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
        visit.cookies = not self._is_exempt(scope)
        body = Body(receive)
        try:
            if visit.cookies and (web := self._asked(scope)) is not None:
                await visit.recognise(web, body)
        except OstiaryError as error:
            await visit.refused(self._web(), error)(scope, body, send)
        except HTTPException as error:
            await PlainTextResponse(error.detail, error.status_code)(scope, body, send)
        else:
            await self._app(scope, body, send)

    def _asked(self, scope: Scope) -> WebApplication | None:
        """Whom to ask, where a cookie may authenticate a request that Ostiary's own routes do not answer."""
        sent = b"".join(value for name, value in scope["headers"] if name == b"cookie").decode("latin-1")
        if not sent:
            return None
        web = self._web()
        if web.jar.session.name not in sent and web.jar.access.name not in sent:
            return None
        return None if self._is_ostiarys(web, scope) else web

    def _is_ostiarys(self, web: WebApplication, scope: Scope) -> bool:
        base: str = web.use.settings.base_path
        if base:
            return is_below(base, scope["path"])
        # At the root the application's routes come first.
        return web.answers(scope["path"]) and not any(
            route.matches(scope)[0] is not Match.NONE for route in self._router.routes
        )

    def _is_exempt(self, scope: Scope) -> bool:
        path = scope["path"].removeprefix(scope.get("root_path", "")) if self._exempt else ""
        return any(path.startswith(each) if each.endswith("/") else path == each for each in self._exempt)


def is_below(base: str, path: str) -> bool:
    """Whether ``path`` is ``base`` or below it."""
    return (path + "/").startswith(base + "/")


def exempt_paths(paths: Iterable[str]) -> tuple[str, ...]:
    """Raises ConfigurationError where one of them does not begin with ``/``."""
    exempt = (paths,) if isinstance(paths, str) else tuple(paths)
    if faults := [f"csrf_exempt: {path!r} does not begin with /" for path in exempt if not path.startswith("/")]:
        raise ConfigurationError(faults)
    return exempt
