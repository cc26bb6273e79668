"""One request to a route of the application: who sent it, and what the application keeps of them."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any, Self

import msgspec
from starlette.responses import Response
from starlette.types import Message, Scope

from ostiary import authorization
from ostiary.errors import CsrfRejected, OstiaryError
from ostiary.integrations.form_token import Body
from ostiary.sessions import SessionData
from ostiary.web import session_data
from ostiary.web.application import WebApplication, finish
from ostiary.web.exchange import Exchange

_log = logging.getLogger("ostiary.integrations")
_KEY = "ostiary"


class Visit:
    """What is known of one request to a route of the application.

    Attributes:
        cookies: whether a cookie may say who calls; not on an unsafe request to a path that is exempt.
        answering: the head of the answer is on its way, so no cookie can be added; a WebSocket is accepted.
        exchange: once something was asked of Ostiary.
    """

    def __init__(self, scope: Scope) -> None:
        # The handshake of a WebSocket is a GET (RFC 6455 section 4.1); ASGI leaves that out.
        self._scope = scope if scope["type"] == "http" else {**scope, "method": "GET"}
        self.cookies = True
        self.answering = False
        self.exchange: Exchange | None = None
        self._caller: Caller | None = None

    @classmethod
    def begin(cls, scope: Scope) -> Self:
        """The visit of this request, for ``of`` to find."""
        visit = scope[_KEY] = cls(scope)
        return visit

    @classmethod
    def of(cls, scope: Scope) -> Self:
        visit = scope.get(_KEY)
        if not isinstance(visit, cls):
            raise RuntimeError("auth.mount(app) has not been called on this application")
        return visit

    async def recognise(self, web: WebApplication, body: Body | None = None) -> Caller:
        """The caller, recognised once. Raises what ``WebApplication.recognise`` does."""
        if self._caller is None:
            self.exchange = exchange = web.open(self._scope)
            exchange.answering = self.answering

            async def form_token() -> str | None:
                return await body.form_token(exchange.headers, web.use.settings.server.max_body) if body else None

            await web.recognise(exchange, form_token, cookies=self.cookies)
            has_session = self.cookies and exchange.caller.method in ("session", "none")
            session = CallerSession(Data(web, exchange, self)) if has_session else None
            self._caller = Caller(**msgspec.structs.asdict(exchange.caller), session=session)
        return self._caller

    def finish(self, answer: Message) -> Message:
        """The head of the answer, with what recognising the caller adds to it; nothing can be added afterwards."""
        self.answering = True
        if self.exchange is None:
            return answer
        headers = list(answer.get("headers", ()))
        finish(self.exchange, headers)
        return {**answer, "headers": headers}

    def refused(self, web: WebApplication, error: OstiaryError) -> Response:
        """The answer that ``error`` would be on a route of Ostiary's."""
        if error.status == 500:
            _log.error("a route of the application failed", exc_info=error)
        if self.exchange is None:
            self.exchange = web.open(self._scope)
            with suppress(OstiaryError):  # what is answered is the other error
                web.read_headers(self.exchange)
        return web.refused(self.exchange, error)


class Data:
    """What the application keeps in the session of one caller: a JSON object, 64 KiB at most."""

    def __init__(self, web: WebApplication, exchange: Exchange, visit: Visit) -> None:
        self._web = web
        self._exchange = exchange
        self._visit = visit

    async def read(self) -> SessionData:
        """``data`` and its ``version``; empty, version 0, before anything was kept."""
        return await self._exchange.use.session_data.read(self._exchange.caller)

    async def change(self, patch: dict[str, Any], if_version: int | None = None) -> SessionData:
        """Merge a JSON merge patch (RFC 7396) into the data: None removes a member. Two changes at once both hold.

        For who has no session yet, one is begun, whose cookie goes out with the answer.

        Raises:
            PreconditionFailed: ``if_version`` is given and is not the current one.
            PayloadTooLarge: the result would be over 64 KiB of JSON.
            CsrfRejected: a session would begin by an unsafe request that a page of another site sent; where cookies are
                ``SameSite=Strict``, by any.
            RateLimited: too many sessions were begun from this network.
            StepUpRequired: the session has to be proved again; Unauthenticated: it has ended since the request came.
            RuntimeError: a session would begin, and the head of the answer is sent already.
        """
        if self.session_id is None:
            self._may_begin()
        return await session_data.change(self._exchange, patch, if_version)

    @property
    def session_id(self) -> str | None:
        return self._exchange.caller.session_id

    def _may_begin(self) -> None:
        # Its cookie would take the place of the one that the browser may have kept back from us (SameSite): with an
        # unsafe request of another site, and under Strict when a link of another site was followed.
        exchange = self._exchange
        self._web.check_site(exchange)
        strict = exchange.use.settings.cookies.same_site == "strict"
        if strict and exchange.headers.get("sec-fetch-site") == "cross-site":
            raise CsrfRejected("No session begins by a link of another site.")
        if self._visit.answering:
            raise RuntimeError("no session can begin once the answer has: change its data before")


class CallerSession:
    """The session of the browser that calls, whether or not somebody has signed in."""

    def __init__(self, data: Data) -> None:
        self.data = data

    @property
    def id(self) -> str | None:
        """Its public id, ``ses_…``; None until something is kept in it, for who has not signed in."""
        return self.data.session_id


class Caller(authorization.Caller, frozen=True):
    """Who asks, as anywhere in Ostiary.

    Attributes:
        session: None for who came with a token, and where no cookie counts: on unsafe requests to an exempt path.
    """

    session: CallerSession | None = None
