"""JSON merge patch: the cases of RFC 7396 appendix A, through the API where target and patch are objects."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.app import Ostiary
from ostiary.base.merge_patch import merge
from tests.support.installation import new_person

# (original, patch, result); the appendix's cases with a patch that is no object replace the whole document, which an
# API for objects refuses.
APPENDIX_A: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]
OF_NO_OBJECT: list[tuple[Any, Any, Any]] = [
    (["a", "b"], {"a": "b"}, {"a": "b"}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
]
NO_OBJECT: list[Any] = [["c"], ["a", "b"], "bar", None, 7]


async def test_the_cases_of_appendix_a(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    for number, (original, patch, result) in enumerate(APPENDIX_A):
        name = f"case{number}"
        await person.request("PATCH", "/api/session/data", {name: original})
        changed = await person.request("PATCH", "/api/session/data", {name: patch})
        assert changed.json()[name] == result, (original, patch)


async def test_the_example_of_section_3_with_its_media_type(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    document = {
        "title": "Goodbye!",
        "author": {"givenName": "John", "familyName": "Doe"},
        "tags": ["example", "sample"],
        "content": "This will be unchanged",
    }
    await person.request("PATCH", "/api/session/data", document)
    changed = await person.client.patch(
        "/api/session/data",
        content='{"title":"Hello!","phoneNumber":"+01-123-456-7890","author":{"familyName":null},"tags":["example"]}',
        headers=person.headers | {"Content-Type": "application/merge-patch+json"},
    )
    assert changed.json() == {
        "title": "Hello!",
        "author": {"givenName": "John"},
        "tags": ["example"],
        "content": "This will be unchanged",
        "phoneNumber": "+01-123-456-7890",
    }


async def test_a_patch_that_is_no_object_is_refused(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    for patch in NO_OBJECT:
        # `json=None` would send no body at all
        answer = await person.client.patch(
            "/api/session/data",
            content="null" if patch is None else None,
            json=patch,
            headers=person.headers | {"Content-Type": "application/json"},
        )
        assert answer.status_code == 400, patch
    assert (await person.request("GET", "/api/session/data")).json() == {}


@pytest.mark.parametrize(("original", "patch", "result"), [*APPENDIX_A, *OF_NO_OBJECT])
def test_merging_changes_neither_target_nor_patch(original: Any, patch: Any, result: Any) -> None:
    before = repr((original, patch))
    assert merge(original, patch) == result
    assert repr((original, patch)) == before
