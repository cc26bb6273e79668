"""Relations as they are written and read: whole or not at all, by the model, with owners and conditions."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.app import Ostiary
from ostiary.audit import Event, read
from ostiary.authorization import RelationWrite, Resource
from ostiary.errors import InvalidRequest, Unavailable
from tests.attacks.evidence import assert_refused, contents
from tests.support.installation import Person, new_administrator, new_person
from tests.support.sharing import apply_model, relate, related

ONE = Resource("document", "1")


@pytest.fixture
async def root(ostiary: Ostiary) -> Person:
    await apply_model(ostiary)
    return await new_administrator(ostiary)


async def post(person: Person, **body: Any) -> Any:
    return await person.request("POST", "/api/relations", body)


async def test_what_is_written_decides_at_once_and_what_is_deleted_no_more(ostiary: Ostiary, root: Person) -> None:
    ada = await new_person(ostiary)
    written = [
        f"document:1#owner@user:{root.id}",
        "document:1#viewer@group:eng#member",
        f"group:eng#member@user:{ada.id}",
    ]
    assert not await ostiary.use.authorizer.decide(ada.id, "document.read", ONE)
    answer = await post(root, writes=written)
    assert answer.status_code == 200, answer.text
    token = answer.json()["revision"]
    await ostiary.use.authorizer.require_fresh(token)
    decision = await ostiary.use.authorizer.decide(ada.id, "document.read", ONE)
    assert decision.allowed
    gone = await post(root, deletes=[f"group:eng#member@user:{ada.id}"])
    assert int(gone.json()["revision"].removeprefix("rev_")) > int(token.removeprefix("rev_"))
    assert not await ostiary.use.authorizer.decide(ada.id, "document.read", ONE)


async def test_writing_twice_and_deleting_what_is_not_there_change_nothing(ostiary: Ostiary, root: Person) -> None:
    for _ in range(2):
        answer = await post(root, writes=["folder:a#parent@folder:b"], deletes=["folder:a#parent@folder:c"])
        assert answer.status_code == 200, answer.text
    assert await related(ostiary, "folder:a") == {"folder:a#parent@folder:b"}
    events = (await read(ostiary.use.db, event=Event.RELATIONS_WRITTEN)).items
    assert [(each.data["written"], each.data["deleted"]) for each in events] == [(1, 0)]
    assert events[0].data["first_written"] == ["folder:a#parent@folder:b"]


@pytest.mark.parametrize(
    "wrong",
    [
        "document:1#viewer",
        "document:1#viewer@",
        "nothing:1#viewer@user:1",
        "document:1#reader@user:1",
        "document:1#read@user:1",
        "document:1#editor@user:*",
        "document:1#editor@anyone:*",
        "document:1#viewer@group:eng",
        "document:1#viewer@group:eng#manager",
        "document:1#viewer@group:*#member",
        "document:1#folder@user:1",
        "document:*#viewer@user:1",
        "document:1#comment@nothing:1",
        "document:1#comment@folder:1#viewer",
        "ostiary.accounts:1#viewer@user:1",
        "ostiary:1#viewer@user:1",
        "document:1#viewer@user:" + "x" * 300,
    ],
)
async def test_what_the_model_does_not_allow_is_refused_and_nothing_is_written(
    ostiary: Ostiary, root: Person, wrong: str
) -> None:
    before = await contents(ostiary, besides=["sessions"])
    answer = await post(root, writes=["folder:a#parent@folder:b", wrong])
    assert_refused(answer, 400, "invalid_request", wrong)
    assert answer.json()["field"].startswith("writes.1")
    assert await contents(ostiary, besides=["sessions"]) == before


async def test_an_action_of_an_access_control_list_is_given_to_whoever_there_is(ostiary: Ostiary, root: Person) -> None:
    ada = await new_person(ostiary)
    await relate(ostiary, f"document:1#owner@user:{root.id}", "document:1#comment@user:*")
    assert await ostiary.use.authorizer.decide(ada.id, "document.comment", ONE)
    assert not await ostiary.use.authorizer.decide(ada.id, "document.read", ONE)


async def test_at_most_a_thousand_at_once(root: Person) -> None:
    many = [f"folder:{n}#parent@folder:x" for n in range(1000)]
    assert (await post(root, writes=many)).status_code == 200
    assert_refused(await post(root, writes=many, deletes=["folder:a#parent@folder:x"]), 400, "invalid_request")
    assert_refused(await post(root, writes=["folder:a#parent@folder:b"], deletes=["folder:a#parent@folder:b"]), 400,
                   "invalid_request")  # fmt: skip


async def test_a_condition_that_does_not_hold_keeps_all_from_being_written(ostiary: Ostiary, root: Person) -> None:
    await relate(ostiary, "folder:a#parent@folder:b")
    there: dict[str, Any] = {"filter": {"object": "folder:a", "relation": "parent"}}
    by_type: dict[str, Any] = {"filter": {"object_type": "folder", "subject": "folder:b"}}
    write = ["folder:c#parent@folder:d"]
    for conditions, failed in (
        ([there | {"exists": False}], 0),
        ([there, by_type | {"exists": False}], 1),
        ([{"filter": {"object": "folder:z"}}], 0),
        ([{"filter": {"subject": "user:1"}}], 0),
        ([{"filter": {"object_type": "document"}}], 0),
    ):
        answer = await post(root, writes=write, preconditions=conditions)
        assert_refused(answer, 409, "relation_precondition_failed", conditions)
        assert answer.json()["precondition"] == failed
    assert await related(ostiary, "folder:c") == set()
    assert (await post(root, writes=write, preconditions=[there, by_type])).status_code == 200
    assert_refused(await post(root, preconditions=[{"filter": {"relation": "parent"}}]), 400, "invalid_request")


async def test_what_needs_an_owner_never_ends_without_one(ostiary: Ostiary, root: Person) -> None:
    ownerless = await post(root, writes=["document:1#viewer@user:*"])
    assert_refused(ownerless, 409, "last_owner")
    assert ownerless.json()["objects"] == ["document:1"]
    await relate(ostiary, "document:1#owner@user:a", "document:1#owner@user:b", "document:1#viewer@user:*")
    assert (await post(root, deletes=["document:1#owner@user:a"])).status_code == 200
    assert_refused(await post(root, deletes=["document:1#owner@user:b"]), 409, "last_owner")
    handed_on = await post(root, writes=["document:1#owner@user:c"], deletes=["document:1#owner@user:b"])
    assert handed_on.status_code == 200
    assert await related(ostiary, "document:1") == {"document:1#owner@user:c", "document:1#viewer@user:*"}


async def test_an_object_that_is_no_more_goes_with_every_tuple_it_stands_in(ostiary: Ostiary, root: Person) -> None:
    await relate(ostiary, "document:1#owner@user:a", "document:1#folder@folder:a", "folder:a#parent@folder:b")
    assert (await post(root, delete_objects=["document:1"])).status_code == 200
    assert await related(ostiary, "document:1") == set()
    await relate(ostiary, "document:2#owner@group:eng#member", "group:eng#member@user:a")
    assert_refused(await post(root, delete_objects=["group:eng"]), 409, "last_owner")
    assert (await post(root, delete_objects=["folder:b"])).status_code == 200
    assert await related(ostiary, "folder:a") == set()


async def test_every_relation_is_listed_by_each_filter_page_by_page(ostiary: Ostiary, root: Person) -> None:
    long = "ü" * 256
    tuples = [f"folder:{n}#parent@folder:x" for n in range(5)]
    tuples += [f"folder:{long}#parent@folder:{long}", f"folder:{long}#parent@folder:y", "group:eng#member@user:a"]
    await relate(ostiary, *tuples, "note:1#reader@team:core#member")

    async def found(**query: str) -> list[str]:
        shown: list[str] = []
        cursor: str | None = None
        while True:
            parameters = query | {"limit": "2"} | ({} if cursor is None else {"cursor": cursor})
            answer = await root.client.get("/api/relations", params=parameters, headers=root.headers)
            assert answer.status_code == 200, answer.text
            shown += [each["tuple"] for each in answer.json()["items"]]
            cursor = answer.json()["next"]
            if cursor is None:
                return shown

    assert sorted(await found()) == sorted([*tuples, "note:1#reader@team:core#member"])
    assert await found(object="folder:3") == ["folder:3#parent@folder:x"]
    assert len(await found(object_type="folder")) == 7
    assert len(await found(subject="folder:x")) == 5
    assert await found(subject="team:core#member") == ["note:1#reader@team:core#member"]
    assert await found(relation="member") == ["group:eng#member@user:a"]
    assert await found(object="folder:3", subject="folder:y") == []


async def test_reading_and_writing_need_their_own_permission(ostiary: Ostiary, root: Person) -> None:
    ada = await new_person(ostiary)
    answer = await post(ada, writes=["folder:a#parent@folder:b"])
    assert_refused(answer, 403, "forbidden")
    assert answer.json()["permission"] == "ostiary.relations.update"
    assert (await ada.request("GET", "/api/relations")).json()["permission"] == "ostiary.relations.read"


async def test_a_token_of_a_write_that_this_database_has_not_seen_is_told_to_wait(ostiary: Ostiary) -> None:
    with pytest.raises(Unavailable) as refused:
        await ostiary.use.authorizer.require_fresh("rev_999999")
    assert refused.value.retry_after == 1
    for wrong in ("", "rev_", "rev_x", "7", "rev_-1", "rev_" + "9" * 19, "rev_٣"):
        with pytest.raises(InvalidRequest):
            await ostiary.use.authorizer.require_fresh(wrong)


async def test_a_write_joins_a_transaction_of_somebody_else(ostiary: Ostiary, root: Person) -> None:
    write = RelationWrite(("folder:a#parent@folder:b",))

    async def undone() -> None:
        async with ostiary.use.db.transaction() as tx:
            await ostiary.use.relations.write_in(tx, ostiary.operator(), write)
            raise LookupError

    with pytest.raises(LookupError):
        await undone()
    assert await related(ostiary, "folder:a") == set()
    async with ostiary.use.db.transaction() as tx:
        await ostiary.use.relations.write_in(tx, ostiary.operator(), write)
    assert await related(ostiary, "folder:a") == {"folder:a#parent@folder:b"}
