"""Access control lists: a view over relations that owners keep, and nobody else takes from them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ostiary.app import Ostiary
from ostiary.authorization import Effect, GrantCreate, Resource
from tests.attacks.evidence import assert_refused
from tests.support.installation import Person, new_administrator, new_person
from tests.support.sharing import apply_model, relate, related

ONE = "/api/acl/document/1"


@pytest.fixture
async def owner(ostiary: Ostiary) -> Person:
    """Of document 1, and nothing else."""
    await apply_model(ostiary)
    person = await new_person(ostiary)
    await relate(ostiary, f"document:1#owner@user:{person.id}")
    return person


async def sharer(ostiary: Ostiary) -> Person:
    """Holds the permission to share every document, and owns none."""
    person = await new_person(ostiary)
    await ostiary.use.grants.create(ostiary.operator(), person.id, GrantCreate("document.share", Effect.ALLOW))
    await person.request("GET", "/api/auth/me")  # takes the new secret that is due
    return person


def entry(level: str, **subject: Any) -> dict[str, Any]:
    return {"subject": subject, "level": level}


def mine(person: Person) -> dict[str, Any]:
    return entry("owner", account=person.id)


async def test_an_owner_shares_by_entries_which_are_relations(ostiary: Ostiary, owner: Person) -> None:
    ada = await new_person(ostiary)
    assert not await ostiary.use.authorizer.decide(ada.id, "document.read", Resource("document", "1"))
    entries = [
        mine(owner),
        entry("viewer", account=ada.id),
        entry("viewer", group="eng"),
        entry("viewer", role="administrator"),
        entry("viewer", signed_in=True),
        entry("viewer", anyone=True),
        entry("comment", subject="team:core#member"),
    ]
    answer = await owner.request("PUT", ONE, {"entries": entries})
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["levels"], shown["owner"]) == (["owner", "editor", "viewer", "comment"], "owner")
    assert sorted(map(str, shown["entries"])) == sorted(map(str, entries))
    assert (await owner.request("GET", ONE)).json() == shown
    assert await related(ostiary, "document:1") == {
        f"document:1#owner@user:{owner.id}",
        f"document:1#viewer@user:{ada.id}",
        "document:1#viewer@group:eng#member",
        "document:1#viewer@role:administrator#holder",
        "document:1#viewer@user:*",
        "document:1#viewer@anyone:*",
        "document:1#comment@team:core#member",
    }
    assert await ostiary.use.authorizer.decide(ada.id, "document.read", Resource("document", "1"))
    replaced = await owner.request("PUT", ONE, {"entries": [mine(owner)]})
    assert replaced.json()["entries"] == [mine(owner)]
    assert not await ostiary.use.authorizer.decide(ada.id, "document.read", Resource("document", "1"))


async def test_a_patch_adds_and_removes_and_leaves_the_rest(ostiary: Ostiary, owner: Person) -> None:
    await owner.request("PATCH", ONE, {"add": [entry("viewer", group="eng"), entry("editor", group="eng")]})
    body = {"add": [entry("viewer", group="eng")], "remove": [entry("editor", group="eng"), entry("viewer", group="x")]}
    answer = await owner.request("PATCH", ONE, body)
    assert answer.json()["entries"] == [mine(owner), entry("viewer", group="eng")]


async def test_entries_of_what_the_object_is_in_are_shown_apart(ostiary: Ostiary, owner: Person) -> None:
    await relate(ostiary, "document:1#folder@folder:a", "folder:a#parent@folder:b", "folder:b#parent@folder:a")
    await relate(ostiary, "folder:b#viewer@group:all#member", "folder:a#viewer@user:x")
    inherited = (await owner.request("GET", ONE)).json()["inherited"]
    assert inherited == [
        {"entry": entry("viewer", account="x"), "source": {"type": "folder", "id": "a"}},
        {"entry": entry("viewer", group="all"), "source": {"type": "folder", "id": "b"}},
    ]
    ada = await new_person(ostiary)
    await relate(ostiary, f"group:all#member@user:{ada.id}")
    assert await ostiary.use.authorizer.decide(ada.id, "document.read", Resource("document", "1"))


async def test_who_may_share_and_owns_nothing_neither_adds_nor_removes_owners(ostiary: Ostiary, owner: Person) -> None:
    other = await sharer(ostiary)
    assert (await other.request("PATCH", ONE, {"add": [entry("viewer", group="eng")]})).status_code == 200
    for method, body in (
        ("PUT", {"entries": [entry("viewer", group="eng")]}),
        ("PUT", {"entries": [mine(owner), mine(other)]}),
        ("PATCH", {"remove": [mine(owner)]}),
        ("PATCH", {"add": [mine(other)]}),
    ):
        assert_refused(await other.request(method, ONE, body), 403, "forbidden", (method, body))
    assert (await other.request("PUT", ONE, {"entries": [mine(owner)]})).status_code == 200
    root = await new_administrator(ostiary)
    handed = await root.request("PATCH", ONE, {"add": [mine(other)], "remove": [mine(owner)]})
    assert handed.json()["entries"] == [mine(other)]
    assert_refused(await owner.request("GET", ONE), 403, "forbidden")


async def test_a_grant_on_every_action_makes_nobody_an_owner(ostiary: Ostiary, owner: Person) -> None:
    person = await new_person(ostiary)
    await ostiary.use.grants.create(ostiary.operator(), person.id, GrantCreate("document.*", Effect.ALLOW))
    await person.request("GET", "/api/auth/me")
    assert_refused(await person.request("PATCH", ONE, {"add": [mine(person)]}), 403, "forbidden")


async def test_a_stranger_neither_sees_nor_changes_the_list(ostiary: Ostiary, owner: Person) -> None:
    stranger = await new_person(ostiary)
    await relate(ostiary, f"document:1#editor@user:{stranger.id}", f"document:2#owner@user:{stranger.id}")
    for method, body in (("GET", None), ("PUT", {"entries": []}), ("PATCH", {})):
        assert_refused(await stranger.request(method, ONE, body), 403, "forbidden", method)


async def test_the_last_owner_cannot_be_taken_away_by_anybody(ostiary: Ostiary, owner: Person) -> None:
    root = await new_administrator(ostiary)
    for person in (owner, root):
        assert_refused(await person.request("PUT", ONE, {"entries": []}), 409, "last_owner")
        assert_refused(await person.request("PATCH", ONE, {"remove": [mine(owner)]}), 409, "last_owner")
    assert await related(ostiary, "document:1") == {f"document:1#owner@user:{owner.id}"}


async def test_a_change_of_what_has_changed_meanwhile_is_refused(ostiary: Ostiary, owner: Person) -> None:
    async def patch(if_match: str, group: str) -> httpx.Response:
        body = {"add": [entry("viewer", group=group)]}
        return await owner.client.patch(ONE, json=body, headers=owner.headers | {"if-match": if_match})

    tag = (await owner.request("GET", ONE)).headers["etag"]
    first = await patch(tag, "a")
    assert (first.status_code, first.headers["etag"] != tag) == (200, True)
    assert_refused(await patch(tag, "b"), 412, "precondition_failed")
    assert (await patch(first.headers["etag"], "b")).status_code == 200
    assert (await patch("*", "c")).status_code == 200
    assert_refused(await patch("W/x", "d"), 400, "invalid_request")


@pytest.mark.parametrize(
    "wrong",
    [
        entry("viewer"),
        entry("viewer", account="a", group="b"),
        entry("folder", account="a"),
        entry("read", account="a"),
        entry("editor", anyone=True),
        entry("editor", role="administrator"),
        entry("viewer", subject="team:core#member"),
        entry("comment", subject="team:core#owner"),
        entry("viewer", account="x\n"),
    ],
)
async def test_an_entry_that_the_model_does_not_allow_changes_nothing(
    ostiary: Ostiary, owner: Person, wrong: dict[str, Any]
) -> None:
    before = await related(ostiary, "document:1")
    answer = await owner.request("PUT", ONE, {"entries": [mine(owner), entry("viewer", group="eng"), wrong]})
    assert_refused(answer, 400, "invalid_request", wrong)
    assert await related(ostiary, "document:1") == before


async def test_only_types_with_a_list_have_one(ostiary: Ostiary, owner: Person) -> None:
    for path in ("/api/acl/note/1", "/api/acl/nothing/1", "/api/acl/ostiary.accounts/1", "/api/acl/group/eng"):
        assert_refused(await owner.request("GET", path), 404, "not_found", path)
