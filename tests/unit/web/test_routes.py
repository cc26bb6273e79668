"""The route table refuses to start with rows that contradict each other, and finds one row a request."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.responses import Response

from ostiary.errors import ConfigurationError, MethodNotAllowed, NotFound
from ostiary.web.exchange import Exchange
from ostiary.web.route import Knock, Route, RouteTable


async def _nothing(exchange: Exchange) -> Response:
    return Response()


def _row(method: str, path: str) -> Route:
    return Route(method=method, path=path, handle=_nothing, knock=Knock.ANYONE, summary="")


TABLE = RouteTable(
    [
        _row("GET", "/a"),
        _row("POST", "/a"),
        _row("GET", "/a/{one}"),
        _row("GET", "/a/b"),
        _row("DELETE", "/a/{one}/c/{two}"),
        _row("GET", "/a/b/d"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "row", "parameters"),
    [
        ("GET", "/a", "/a", {}),
        ("HEAD", "/a", "/a", {}),
        ("GET", "/a/b", "/a/b", {}),
        ("GET", "/a/x", "/a/{one}", {"one": "x"}),
        ("GET", "/a/{one}", "/a/{one}", {"one": "{one}"}),
        ("DELETE", "/a/x/c/y", "/a/{one}/c/{two}", {"one": "x", "two": "y"}),
        ("GET", "/a/b/d", "/a/b/d", {}),
    ],
)
def test_a_request_has_one_row(method: str, path: str, row: str, parameters: dict[str, str]) -> None:
    found, values = TABLE.find(method, path)
    assert (found.path, values) == (row, parameters)


@pytest.mark.parametrize(
    "path", ["", "/", "a", "/A", "/a/", "//a", "/a//c/y", "/a/x/c", "/a/x/c/y/z", "/a/\n", "/a/" + "x" * 257]
)
def test_what_has_no_row_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        TABLE.find("GET", path)


def test_another_method_is_told_which_there_are() -> None:
    with pytest.raises(MethodNotAllowed) as refused:
        TABLE.find("PUT", "/a")
    assert refused.value.extra == {"allow": ["GET", "HEAD", "POST"]}


def test_a_row_that_does_not_say_who_may_knock_cannot_be_made() -> None:
    row: Any = Route
    with pytest.raises(TypeError, match="knock"):
        row(method="GET", path="/", handle=_nothing, summary="")


@pytest.mark.parametrize(
    "rows", [[("GET", "/a"), ("GET", "/a")], [("GET", "/a/{x}"), ("GET", "/a/{x}")], [("GET", "/{x}"), ("PUT", "/{y}")]]
)
def test_rows_that_contradict_each_other_do_not_start(rows: list[tuple[str, str]]) -> None:
    with pytest.raises(ConfigurationError):
        RouteTable(_row(method, path) for method, path in rows)
