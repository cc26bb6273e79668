"""Who may do this, to what, and which actions: equal to deciding about each one alone, complete, and in order."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from random import Random
from typing import TypeVar

import pytest

from ostiary.authorization import Resource, RoleCreate
from ostiary.authorization import candidates as finding
from ostiary.authorization.authorizer import Brought, Question
from ostiary.authorization.search import MAX_RESULTS, Search
from ostiary.base.pages import Page
from ostiary.database import Database
from ostiary.errors import InvalidRequest
from tests.contract.authorization.conftest import House

MODEL = """
types:
  team:
    relations: {member: [user, group#member, team#member]}
  folder:
    relations: {parent: [folder], viewer: [user, "user:*", group#member, team#member, role#holder, device]}
    parents: [parent]
    permissions: {read: viewer or parent.read}
  document:
    relations:
      folder: [folder]
      editor: [user, group#member]
      viewer: [user, "user:*", group#member, device]
      banned: [user, group#member]
      approved: [user, team#member]
    parents: [folder]
    acl: [editor, viewer]
    permissions:
      read: (viewer or editor or folder.read) but not banned
      publish: editor and approved
  device: {}
"""
POLICY = {"effect": "allow", "action": "read", "resource": "document", "when": "context.badge == 'red'"}
Item = TypeVar("Item")
ACTIONS = ("read", "publish", "archive")


class World:
    """Random facts over a few names, written as rows."""

    def __init__(self, house: House, random: Random) -> None:
        self.house, self.random = house, random
        self.documents = [f"d{n}" for n in range(12)]
        self.folders = [f"f{n}" for n in range(5)]
        self.accounts: list[str] = []
        self.search = Search(house.db, house.authorizer)

    async def write(self) -> None:
        roles = self.house.roles
        await roles.create(self.house.operator, RoleCreate("reader", permissions=("document.read", "folder.read")))
        await roles.create(self.house.operator, RoleCreate("archivist", permissions=("document.archive",)))
        status = ["active"] * 7 + ["disabled"]
        self.accounts = [await self.house.account(status=each) for each in status]
        async with self.house.db.transaction() as tx:
            await self._model(tx)
            for object_, relation, subject in self._tuples():
                await tx.execute(
                    "INSERT INTO relations (object, relation, subject, created_at) VALUES (:o, :r, :s, 0)"
                    " ON CONFLICT DO NOTHING",
                    o=object_,
                    r=relation,
                    s=subject,
                )
            for n in range(4):
                await tx.execute(
                    _ASSIGN, id=f"a{n}", role=self._one("reader", "archivist"), **self._holder(), **self._on()
                )
            for n in range(5):
                effect = self._one("allow", "allow", "deny")
                await tx.execute(
                    _GRANT,
                    id=f"g{n}",
                    permission=self._one("document.read", "document.*"),
                    effect=effect,
                    **self._holder(),
                    **self._on(),
                )
            known = [f"document:{each}" for each in (*self.documents, "d99")] + [
                f"folder:{each}" for each in self.folders
            ]
            for object_ in (*known, "device:7", "device:8"):
                await tx.execute(
                    "INSERT INTO entities (object, attributes, created_at, updated_at) VALUES (:object, '{}', 0, 0)",
                    object=object_,
                )
            for topic in ("authorization", "relations", "model", "roles"):
                await tx.bump(topic)

    async def _model(self, tx: object) -> None:
        execute = tx.execute  # type: ignore[attr-defined]
        await execute(
            "INSERT INTO authorization_models (name, version, text, applied_at) VALUES ('', 1, :text, 0)", text=MODEL
        )
        await execute("INSERT INTO subject_sets (type, relation) VALUES ('team', 'member')")
        await execute(
            "INSERT INTO policies (name, rule, created_at, updated_at) VALUES ('badge', :rule, 0, 0)",
            rule=json.dumps(POLICY | {"effect": self._one("allow", "deny")}),
        )

    def _tuples(self) -> Iterable[tuple[str, str, str]]:
        one = self._one
        groups = ["eng", "ops", "all"]
        for _ in range(8):
            yield f"group:{one(*groups)}", "member", one(self._user(), f"group#member:{one(*groups)}")
            yield f"team:{one('red', 'blue')}", "member", one(self._user(), "team#member:red", "group#member:ops")
        sets = [f"group#member:{name}" for name in groups]
        for _ in range(5):
            yield f"folder:{one(*self.folders)}", "parent", f"folder:{one(*self.folders)}"
            everyone = one("user:*", "team#member:red", "role#holder:archivist", "device:7", self._user(), *sets)
            yield f"folder:{one(*self.folders)}", "viewer", everyone
        for _ in range(14):
            document = f"document:{one(*self.documents)}"
            yield document, "folder", f"folder:{one(*self.folders)}"
            yield document, one("editor", "viewer", "banned"), one(self._user(), *sets)
            yield document, "approved", one(self._user(), "team#member:blue")
        yield f"document:{one(*self.documents)}", "viewer", one("device:7", "device:8")
        if self.random.random() < 0.3:
            yield f"document:{one(*self.documents)}", "viewer", "user:*"

    def _one(self, *of: str) -> str:
        return self.random.choice(of)

    def _user(self) -> str:
        return f"user:{self._one(*self.accounts)}"

    def _holder(self) -> dict[str, str | None]:
        if self.random.random() < 0.5:
            return {"account": self._one(*self.accounts), "group": None}
        return {"account": None, "group": f"group#member:{self._one('eng', 'ops', 'all')}"}

    def _on(self) -> dict[str, str]:
        type_ = self._one("", "document", "folder", "folder")
        id_ = {"": "", "document": self._one("d100", *self.documents), "folder": self._one(*self.folders)}[type_]
        return {"type": type_, "resource": id_}

    async def allowed(self, questions: list[Question]) -> list[Question]:
        """By asking about each one alone, without anything that searching shares with deciding many."""
        authorizer = self.house.authorizer
        found = []
        for each in questions:
            permission, resource, brought = each.permission, each.resource, each.brought
            if each.subject is None:
                decision = await authorizer.decide_nobody(permission, resource, brought)
            elif each.subject.type == "user":
                decision = await authorizer.decide(each.subject.id, permission, resource, brought)
            else:
                decision = await authorizer.decide_other(each.subject, permission, resource, brought)
            found += [each] if decision.allowed else []
        return found


_ASSIGN = (
    "INSERT INTO role_assignments (id, account_id, group_id, role, resource_type, resource_id, created_at)"
    " VALUES (:id, :account, :group, :role, :type, :resource, 0) ON CONFLICT DO NOTHING"
)
_GRANT = (
    "INSERT INTO direct_grants (id, account_id, group_id, permission, effect, resource_type, resource_id, created_at)"
    " VALUES (:id, :account, :group, :permission, :effect, :type, :resource, 0) ON CONFLICT DO NOTHING"
)


async def _all(ask: Callable[[str | None], Awaitable[Page[Item]]]) -> list[Item]:
    """Every page of a search, one after the other."""
    page = await ask(None)
    items = list(page.items)
    while page.next is not None:
        page = await ask(page.next)
        items += page.items
    return items


@pytest.fixture(params=range(2))
async def world(house: House, request: pytest.FixtureRequest) -> World:
    made = World(house, Random(request.param))
    await made.write()
    return made


@pytest.fixture(params=[20_000, 3])
def most(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With candidates found by the facts, and with so many that all that is known is gone through."""
    monkeypatch.setattr(finding, "MOST", request.param)


@pytest.mark.usefixtures("most")
@pytest.mark.parametrize("badge", ["red", "blue"])
async def test_the_resources_found_are_those_that_would_be_allowed(world: World, badge: str) -> None:
    brought = Brought({"badge": badge})
    subjects = [Resource("user", each) for each in (*world.accounts, "acc_none")]
    for subject in (*subjects, Resource("device", "7"), None):
        for type_, ids in (("document", [*world.documents, "d99", "d100"]), ("folder", world.folders)):
            for action in ACTIONS:
                asked = [Question(subject, f"{type_}.{action}", Resource(type_, id_), brought) for id_ in sorted(ids)]
                expected = [each.resource for each in await world.allowed(asked)]

                async def ask(cursor: str | None, s=subject, t=type_, a=action) -> Page[Resource]:  # type: ignore[no-untyped-def]
                    return await world.search.resources(s, a, t, brought, cursor=cursor, limit=5)

                found = await _all(ask)
                if Resource("document", "d100") in expected and Resource("document", "d100") not in found:
                    expected.remove(Resource("document", "d100"))  # nothing that is stored knows of it
                assert found == expected, (subject, type_, action)


@pytest.mark.usefixtures("most")
@pytest.mark.parametrize("badge", ["red", "blue"])
async def test_the_subjects_found_are_those_that_would_be_allowed(world: World, badge: str) -> None:
    brought = Brought({"badge": badge})
    everybody = {"user": world.accounts, "device": ["7", "8"]}
    resources = [Resource("document", id_) for id_ in world.documents[:3]] + [Resource("folder", "f1")]
    for resource in resources:
        for type_, ids in everybody.items():
            for action in ACTIONS:
                permission = f"{resource.type}.{action}"
                asked = [Question(Resource(type_, id_), permission, resource, brought) for id_ in sorted(ids)]
                expected = [each.subject for each in await world.allowed(asked)]

                async def ask(cursor: str | None, p=permission, r=resource, t=type_) -> Page[Resource]:  # type: ignore[no-untyped-def]
                    return await world.search.subjects(p, r, t, brought, cursor=cursor, limit=5)

                assert await _all(ask) == expected, (permission, resource, type_)


async def test_the_actions_found_are_those_that_would_be_allowed(world: World) -> None:
    brought = Brought({"badge": "red"})
    for subject in (*(Resource("user", each) for each in world.accounts), Resource("device", "7"), None):
        for id_ in world.documents[:4]:
            resource = Resource("document", id_)
            asked = [Question(subject, f"document.{action}", resource, brought) for action in sorted(ACTIONS)]
            expected = [each.permission.removeprefix("document.") for each in await world.allowed(asked)]
            assert (await world.search.actions(subject, resource, brought)).items == expected


async def test_many_questions_at_once_are_answered_as_each_alone(world: World) -> None:
    subjects = [*(Resource("user", each) for each in world.accounts), Resource("device", "7"), None]
    asked = [
        Question(subject, f"document.{action}", Resource("document", id_), Brought({"badge": "red"}))
        for subject in subjects
        for id_ in world.documents
        for action in ACTIONS
    ]
    decisions = await world.house.authorizer.decide_many(asked)
    alone = await world.allowed(asked)
    assert [each for each, decision in zip(asked, decisions, strict=True) if decision.allowed] == alone


@pytest.mark.parametrize("limit", [0, -1, MAX_RESULTS + 1])
async def test_a_limit_that_is_none_is_refused(house: House, database: Database, limit: int) -> None:
    search = Search(database, house.authorizer)
    with pytest.raises(InvalidRequest, match="limit"):
        await search.resources(None, "read", "document", limit=limit)


async def test_a_search_among_very_many_ends_short_with_a_cursor_that_leads_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise one question could keep a process busy for as long as there are accounts."""
    monkeypatch.setattr("ostiary.authorization.search._BATCH", 2)
    monkeypatch.setattr("ostiary.authorization.search._MOST_DECIDED", 4)
    await house.roles.create(house.operator, RoleCreate("reader", permissions=("document.read",)))
    last = max([await house.account() for _ in range(9)])
    async with house.db.transaction() as tx:
        rule = {"effect": "allow", "action": "read", "resource": "document", "when": f"subject.id == '{last}'"}
        await tx.execute(
            "INSERT INTO policies (name, rule, created_at, updated_at) VALUES ('p', :rule, 0, 0)", rule=json.dumps(rule)
        )
        await tx.bump("authorization")
        await tx.bump("model")
    search = Search(house.db, house.authorizer)
    first = await search.subjects("document.read", Resource("document", "1"))
    assert first.items == []
    assert first.next is not None

    async def ask(cursor: str | None) -> Page[Resource]:
        return await search.subjects("document.read", Resource("document", "1"), cursor=cursor)

    assert await _all(ask) == [Resource("user", last)]
