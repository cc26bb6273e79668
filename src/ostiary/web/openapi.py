"""OpenAPI 3.1, generated from the route table and the structs in it; and the pages that show it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import msgspec
from starlette.responses import Response

from ostiary.errors import (
    AmbiguousCredentials,
    CsrfRejected,
    HeadersTooLarge,
    InvalidRequest,
    InvalidToken,
    MethodNotAllowed,
    NotFound,
    OstiaryError,
    PayloadTooLarge,
    RateLimited,
    Unauthenticated,
    UnsupportedMediaType,
)
from ostiary.web import answers
from ostiary.web.exchange import Exchange
from ostiary.web.pages.render import Pages
from ostiary.web.problems import Problem
from ostiary.web.route import UNSAFE, Knock, Route


class ReferenceRoutes:
    """``/openapi.json``, ``/docs`` and ``/docs/errors``."""

    def __init__(self, pages: Pages, routes: list[Route]) -> None:
        self._pages = pages
        self._routes = routes

    async def description(self, exchange: Exchange) -> Response:
        return answers.json(openapi(self._routes, exchange.use.settings.issuer))

    async def viewer(self, exchange: Exchange) -> Response:
        return self._pages.render(exchange, "docs.html")

    async def errors(self, exchange: Exchange) -> Response:
        return self._pages.render(exchange, "errors_reference.html", errors=error_classes())


def error_classes() -> list[dict[str, Any]]:
    """Every error that can reach a client, by code."""
    found: dict[str, dict[str, Any]] = {}
    waiting: list[type[OstiaryError]] = [OstiaryError]
    while waiting:
        error = waiting.pop()
        waiting.extend(error.__subclasses__())
        found.setdefault(error.code, {"code": error.code, "status": error.status, "title": error.title})
    return sorted(found.values(), key=lambda error: (error["status"], error["code"]))


def openapi(routes: Iterable[Route], issuer: str) -> dict[str, Any]:
    """The description of these routes."""
    return {"openapi": "3.1.0", "routes": [route.operation for route in routes], "issuer": issuer}
