"""Models applied to an installation: they decide from the next decision on, and every version is kept."""

from __future__ import annotations

import pytest

from ostiary.app import Ostiary
from ostiary.authorization import Resource
from tests.support.installation import Person, new_administrator, new_person

SHOP = """
types:
  folder:
    relations: {viewer: [user, group#member]}
    permissions: {read: viewer}
  document:
    relations:
      folder: [folder]
      owner: [user]
      editor: [user, group#member]
    parents: [folder]
    permissions:
      read: editor or owner or folder.read
      write: editor or owner
roles:
  writer: {permissions: [document.write]}
tests:
  - name: editors write
    facts: {relations: ["document:1#editor@group:eng#member", "group:eng#member@user:ada"]}
    check: [{subject: user:ada, action: write, resource: document:1, allowed: true}]
    who_can: [{action: write, resource: document:1, subjects: [user:ada]}]
    what_can: [{subject: user:ada, action: read, type: document, resources: [document:1]}]
"""


async def relate(ostiary: Ostiary, *tuples: tuple[str, str, str]) -> None:
    async with ostiary.use.db.transaction() as tx:
        await tx.bump("authorization")
        await tx.bump("relations")
        for object_, relation, subject in tuples:
            await tx.execute(
                "INSERT INTO relations (object, relation, subject, created_at)"
                " VALUES (:object, :relation, :subject, 0)",
                object=object_,
                relation=relation,
                subject=subject,
            )


async def apply(root: Person, text: str, status: int = 200, **more: object) -> dict[str, object]:
    answer = await root.request("POST", "/api/model", {"text": text, **more})
    assert answer.status_code == status, answer.text
    found: dict[str, object] = answer.json()
    return found


async def test_a_model_decides_from_the_next_decision_on_along_groups_and_folders(ostiary: Ostiary) -> None:
    root, ada = await new_administrator(ostiary), await new_person(ostiary)
    await relate(
        ostiary,
        ("group:eng", "member", f"user:{ada.id}"),
        ("folder:a", "viewer", "group#member:eng"),
        ("document:1", "folder", "folder:a"),
    )
    decide = ostiary.use.authorizer.decide
    assert not await decide(ada.id, "document.read", Resource("document", "1"))
    await apply(root, SHOP)
    decision = await decide(ada.id, "document.read", Resource("document", "1"))
    assert [str(path) for path in decision.because] == [
        f"user:{ada.id} → group:eng → folder:a#viewer → document:1#folder → document.read"
    ]
    assert not await decide(ada.id, "document.write", Resource("document", "1"))


async def test_a_role_of_the_model_is_a_role_and_is_changed_there_only(ostiary: Ostiary) -> None:
    root, ada = await new_administrator(ostiary), await new_person(ostiary)
    await apply(root, SHOP)
    await root.request("POST", f"/api/accounts/{ada.id}/roles", {"role": "writer"})
    assert await ostiary.use.authorizer.decide(ada.id, "document.write", Resource("document", "9"))
    refused = await root.request("PATCH", "/api/roles/writer", {"permissions": []})
    assert (refused.status_code, "model's file" in refused.text) == (409, True)
    assert (await root.request("DELETE", "/api/roles/writer")).status_code == 409
    without = SHOP.replace("  writer: {permissions: [document.write]}", "  reader: {permissions: [document.read]}")
    left_out = await apply(root, without, 409)
    assert "assigned 1 times" in str(left_out["detail"])
    assert (await root.request("GET", "/api/roles/reader")).status_code == 404


async def test_versions_are_kept_and_gone_back_to(ostiary: Ostiary) -> None:
    root = await new_administrator(ostiary)
    assert (await root.request("GET", "/api/model")).status_code == 404
    assert (await apply(root, SHOP))["version"] == 1
    assert (await apply(root, SHOP.replace("write: editor or owner", "write: owner"), 409))["code"] == (
        "model_tests_failed"
    )
    assert (await apply(root, SHOP.replace("or folder.read", "")))["version"] == 2
    back = await root.request("POST", "/api/model", {"version": 1, "expected": 2})
    assert (back.json()["version"], back.json()["text"]) == (3, SHOP)
    late = await root.request("POST", "/api/model", {"version": 2, "expected": 2})
    assert late.status_code == 409
    first = (await root.request("GET", "/api/model/versions?limit=2")).json()
    rest = (await root.request("GET", f"/api/model/versions?cursor={first['next']}")).json()
    assert [each["version"] for each in (*first["items"], *rest["items"])] == [3, 2, 1]


async def test_a_model_is_tried_without_being_applied(ostiary: Ostiary) -> None:
    root = await new_administrator(ostiary)
    await apply(root, SHOP)
    tried = await root.request(
        "POST", "/api/model/check", {"text": SHOP.replace("write: editor or owner", "write: owner")}
    )
    report = tried.json()
    assert report["changes"] == ["document.write is not held by editor any more"]
    assert {each["line"] for each in report["unmet"]} <= set(range(20, 30))
    assert "denied" in report["unmet"][0]["message"]
    assert (await root.request("GET", "/api/model")).json()["version"] == 1


async def test_a_trial_says_which_accounts_would_get_and_lose_what(ostiary: Ostiary) -> None:
    root, ada, ben = await new_administrator(ostiary), await new_person(ostiary), await new_person(ostiary)
    await apply(root, SHOP)
    await root.request("POST", f"/api/accounts/{ben.id}/roles", {"role": "writer"})
    await relate(ostiary, ("document:1", "editor", "group#member:eng"), ("group:eng", "member", f"user:{ada.id}"))
    changed = SHOP.replace("write: editor or owner", "write: owner").replace("[document.write]", "[document.read]")
    report = (await root.request("POST", "/api/model/check", {"text": changed})).json()
    assert set(report["affected"]) == {
        f"user:{ada.id} loses document.write on document:1",
        f"user:{ben.id} gets document.read everywhere",
        f"user:{ben.id} loses document.write everywhere",
        f"user:{ben.id} gets document.read on document:1",
        f"user:{ben.id} loses document.write on document:1",
    }


async def test_a_trial_knows_sets_of_subjects_that_the_change_would_bring(ostiary: Ostiary) -> None:
    root, ada = await new_administrator(ostiary), await new_person(ostiary)
    team = "types:\n  team: {relations: {player: [user]}}\n"
    await apply(root, team + "  game: {relations: {seen: [user]}, permissions: {watch: seen}}")
    await relate(ostiary, ("team:a", "player", f"user:{ada.id}"), ("game:1", "seen", "team#player:a"))
    text = team + "  game: {relations: {seen: [user, team#player]}, permissions: {watch: seen}}"
    report = (await root.request("POST", "/api/model/check", {"text": text})).json()
    assert report["affected"] == [f"user:{ada.id} gets game.watch on game:1"]
    await apply(root, text)
    assert await ostiary.use.authorizer.decide(ada.id, "game.watch", Resource("game", "1"))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (SHOP.replace("folder.read", "folder.reed"), (13, "reed")),
        (SHOP.replace("editor: [user", "editor: [usr"), (10, "usr")),
        ("types: [", (2, "YAML")),
        ("types: {document: {permissions: {read: }}}\nroles: {a: {includes: [a]}}", (2, "a")),
    ],
)
async def test_a_faulty_model_is_refused_with_line_and_hint_and_changes_nothing(
    ostiary: Ostiary, text: str, place: tuple[int, str]
) -> None:
    root = await new_administrator(ostiary)
    answer = await apply(root, text, 400)
    assert answer["code"] == "invalid_model"
    faults: list[dict[str, object]] = answer["faults"]  # type: ignore[assignment]
    assert any(each["line"] == place[0] and place[1] in str(each["message"]) for each in faults), faults
    assert (await root.request("GET", "/api/model")).status_code == 404
    assert (await root.request("GET", "/api/roles")).json()["items"][0]["name"] == "administrator"


async def test_a_model_gives_nothing_of_ostiary(ostiary: Ostiary) -> None:
    """Whoever may apply models would be an administrator of everything."""
    root, desk = await new_administrator(ostiary), await new_person(ostiary)
    await root.request("POST", "/api/roles", {"name": "modeller", "permissions": ["ostiary.model.*"]})
    await root.request("POST", f"/api/accounts/{desk.id}/roles", {"role": "modeller"})
    for permission in ("ostiary.accounts.delete", "ostiary.*"):
        refused = await apply(desk, f"roles: {{root: {{permissions: ['{permission}']}}}}", 400)
        assert refused["code"] == "invalid_model"
    await apply(desk, SHOP.replace("[document.write]", "['*']"))
    assert (await root.request("GET", "/api/roles/writer")).json()["permissions"] == ["document.*", "folder.*"]


async def test_models_side_by_side_do_not_share_types(ostiary: Ostiary) -> None:
    root, ada = await new_administrator(ostiary), await new_person(ostiary)
    await apply(root, SHOP)
    await apply(root, "model: hr\ntypes: {document: {relations: {reader: [user]}, permissions: {read: reader}}}")
    await relate(ostiary, ("hr/document:1", "reader", f"user:{ada.id}"))
    decide = ostiary.use.authorizer.decide
    assert await decide(ada.id, "hr/document.read", Resource("hr/document", "1"))
    assert not await decide(ada.id, "document.read", Resource("document", "1"))
    await root.request("POST", f"/api/accounts/{ada.id}/grants", {"permission": "*", "effect": "allow"})
    assert await decide(ada.id, "document.read", Resource("document", "1"))
    assert not await decide(ada.id, "hr/document.read", Resource("hr/document", "2"))
