"""What is looked up: the description of the API, its viewer, and every error with what to do about it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import cached_property

import msgspec
from starlette.responses import Response

from ostiary.errors import ConfigurationError, OstiaryError
from ostiary.settings import Settings
from ostiary.web.exchange import Exchange
from ostiary.web.openapi import openapi
from ostiary.web.pages.render import Pages
from ostiary.web.route import Route

_ERRORS_HEAD = """\
# Errors

This page is made from the code: `python -m ostiary.web.reference > docs/reference/errors.md`.

Every error is a problem details object (RFC 9457), `application/problem+json`. Programs tell errors apart by `code`,
which is never renamed. `title` is the same for every occurrence; `detail` says more about the one, `field` names the
member of the request at fault, `request_id` finds it in the audit log. People in a browser get a page instead.

| code | status | title | what to do |
| --- | --- | --- | --- |
"""


class ReferenceRoutes:
    """``/openapi.json``, ``/docs`` and ``/docs/errors``."""

    def __init__(self, settings: Settings, pages: Pages, routes: Iterable[Route], tags: Mapping[str, str]) -> None:
        self._settings = settings
        self._pages = pages
        self._routes = routes
        self._tags = tags

    async def description(self, exchange: Exchange) -> Response:
        response = Response(self._description, media_type="application/json")
        response.headers["cache-control"] = "public, max-age=300"
        return response

    async def viewer(self, exchange: Exchange) -> Response:
        return self._pages.render(exchange, "docs.html")

    async def errors(self, exchange: Exchange) -> Response:
        return self._pages.render(exchange, "errors_reference.html", errors=error_classes())

    @cached_property
    def _description(self) -> bytes:
        return msgspec.json.encode(openapi(self._routes, self._tags, self._settings))


def error_classes() -> list[type[OstiaryError]]:
    """One class for each code that can reach a client, by status."""
    found: dict[str, type[OstiaryError]] = {}
    waiting: list[type[OstiaryError]] = [OstiaryError]
    for error in waiting:
        ours = (each for each in error.__subclasses__() if each.__module__.startswith("ostiary."))
        waiting.extend(each for each in ours if each is not ConfigurationError)
        found.setdefault(error.code, error)
    return sorted(found.values(), key=lambda error: (error.status, error.code))


def errors_page() -> str:
    """``docs/reference/errors.md``."""
    rows = (f"| `{each.code}` | {each.status} | {each.title} | {each.remedy} |\n" for each in error_classes())
    return _ERRORS_HEAD + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(errors_page())
