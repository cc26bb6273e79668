"""The route table refuses to start with a row that leaves something open, and finds one row for a request or none."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.errors import ConfigurationError, MethodNotAllowed, NotFound
from ostiary.web.route import Knock, Route, RouteTable


async def _handle(exchange: Any) -> Any:
    raise AssertionError("nobody calls it")


def _row(method: str, path: str) -> Route:
    return Route(method=method, path=path, handle=_handle, knock=Knock.ANYONE, summary=f"{method} {path}")


def test_a_row_that_does_not_say_who_may_knock_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="knock"):
        Route(method="GET", path="/", handle=_handle, summary="")  # type: ignore[call-arg]


@pytest.mark.parametrize("path", ["/", "/api/roles", "/api/roles/{name}", "/{a}/{b}"])
def test_two_rows_for_one_request_do_not_start(path: str) -> None:
    with pytest.raises(ConfigurationError, match="two routes for GET"):
        RouteTable([_row("GET", path), _row("POST", path), _row("GET", path)])


def test_one_parameter_under_two_names_does_not_start() -> None:
    """Or a handler would look for a name that the path was never read under."""
    with pytest.raises(ConfigurationError, match="account_id"):
        RouteTable([_row("GET", "/accounts/{account_id}"), _row("GET", "/accounts/{id}/roles")])


@pytest.fixture
def table() -> RouteTable:
    paths = ["/", "/roles", "/roles/all", "/roles/{name}", "/roles/{name}/members/{member_id}"]
    return RouteTable([_row("GET", path) for path in paths] + [_row("DELETE", "/roles/{name}")])


@pytest.mark.parametrize(
    ("path", "row", "parameters"),
    [
        ("/", "/", {}),
        ("/roles", "/roles", {}),
        ("/roles/all", "/roles/all", {}),
        ("/roles/editor", "/roles/{name}", {"name": "editor"}),
        ("/roles/café au lait", "/roles/{name}", {"name": "café au lait"}),
        ("/roles/all/members/7", "/roles/{name}/members/{member_id}", {"name": "all", "member_id": "7"}),
    ],
)
def test_a_literal_segment_goes_before_a_parameter(
    table: RouteTable, path: str, row: str, parameters: dict[str, str]
) -> None:
    route, found = table.find("GET", path)
    assert (route.path, found) == (row, parameters)


@pytest.mark.parametrize(
    "path",
    ["", "roles", "//roles", "/roles/", "/roles//", "/roles/a/members", "/roles/a/members/", "/roles/a/members/7/x"],
)
def test_a_path_that_is_only_like_one_of_ours_is_not_found(table: RouteTable, path: str) -> None:
    with pytest.raises(NotFound):
        table.find("GET", path)


@pytest.mark.parametrize("segment", ["x" * 257, "a\0b", "a\nb", "\x7f", "\u202eevil", "\ud800"])
def test_a_parameter_is_bounded_and_visible(table: RouteTable, segment: str) -> None:
    assert table.find("GET", "/roles/" + "x" * 256)
    with pytest.raises(NotFound):
        table.find("GET", f"/roles/{segment}")


def test_a_method_that_a_path_does_not_take_is_told_those_that_it_does(table: RouteTable) -> None:
    with pytest.raises(MethodNotAllowed) as refused:
        table.find("PUT", "/roles/editor")
    assert refused.value.extra == {"allow": ["DELETE", "GET", "HEAD"]}


def test_head_finds_the_row_of_get(table: RouteTable) -> None:
    assert table.find("HEAD", "/roles")[0].method == "GET"
