"""Names of permissions, roles and resources; cycles among roles."""

from __future__ import annotations

import pytest

from ostiary.authorization import Caller, Resource, parse_permission
from ostiary.authorization.model import covers, parse_resource, parse_role_name, patterns_over
from ostiary.authorization.roles import find_cycle
from ostiary.errors import InvalidRequest, Unauthenticated


@pytest.mark.parametrize("text", ["a.b", "documents.read", "a-1.b_2.c", "documents.*", "a.b.*", "*", "a." + "b" * 126])
def test_a_permission_is_segments_with_dots_or_a_wildcard(text: str) -> None:
    assert parse_permission(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "documents", "Documents.read", "documents.", ".read", "a..b", "*.read", "a.*.b", "a*", "a.b*", "**",
        "a.b\n", "a.1b", "a b.c", "a.ь", "a.b\x00", "a." + "b" * 127,
    ],
)  # fmt: skip
def test_anything_else_is_refused_as_a_permission(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_permission(text)


@pytest.mark.parametrize("text", ["", "Editor", "1st", "a b", "a\n", "a" * 65, "é"])
def test_a_role_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_role_name(text)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("", "1"),
        ("Documents", "1"),
        ("a.", "1"),
        ("a", ""),
        ("a", "1\n"),
        ("a", "\x00"),
        ("a", "1" * 257),
        ("a", "\ud800"),
    ],
)
def test_a_resource_is_refused(kind: str, name: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_resource(Resource(kind, name))


def test_a_resource_id_is_any_printable_text() -> None:
    assert str(parse_resource(Resource("documents", "Straße 7: a/b?"))) == "documents:Straße 7: a/b?"


@pytest.mark.parametrize("permission", ["a.b", "a.b.c", "ostiary.accounts.read"])
def test_the_patterns_over_a_permission_are_those_that_cover_it(permission: str) -> None:
    assert all(covers(pattern, permission) for pattern in patterns_over(permission))
    assert patterns_over("a.b.c") == ("a.b.c", "a.b.*", "a.*", "*")


@pytest.mark.parametrize(
    ("includes", "cycle"),
    [
        ({"a": ["a"]}, ("a", "a")),
        ({"a": ["b"], "b": ["c"], "c": ["d", "a"]}, ("a", "b", "c", "a")),
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, None),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, None),
    ],
)
def test_a_cycle_is_found_with_its_path(includes: dict[str, list[str]], cycle: tuple[str, ...] | None) -> None:
    assert find_cycle(includes, "a") == cycle


async def test_an_anonymous_caller_is_asked_to_sign_in() -> None:
    caller = Caller.anonymous()
    assert not await caller.decide("documents.read")
    with pytest.raises(Unauthenticated):
        await caller.require("documents.read")
    with pytest.raises(Unauthenticated):
        caller.require_account()


async def test_an_account_without_an_authorizer_may_do_nothing() -> None:
    assert not await Caller("account", "acc_1").decide("documents.read")
