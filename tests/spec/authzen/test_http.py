"""OpenID AuthZEN Authorization API 1.0 over HTTP: ``POST /access/v1/evaluation``."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ostiary.app import Ostiary
from ostiary.authorization import AssignmentCreate, Resource, RoleCreate
from tests.support.installation import Person, new_client, new_person

PATH = "/access/v1/evaluation"


def _asked(person: Person, action: str = "can_read", todo: str = "1") -> dict[str, Any]:
    return {
        "subject": {"type": "user", "id": person.id},
        "action": {"name": action},
        "resource": {"type": "todo", "id": todo},
    }


async def _with_role(ostiary: Ostiary, name: str, permission: str, on: Resource | None = None) -> Person:
    person = await new_person(ostiary, delivery="token")
    await ostiary.use.roles.create(ostiary.operator(), RoleCreate(name, permissions=(permission,)))
    await ostiary.use.assignments.assign(ostiary.operator(), person.id, AssignmentCreate(name, on))
    return person


@pytest.fixture
async def pep(ostiary: Ostiary) -> Person:
    """A policy enforcement point: an account that may ask about others."""
    return await _with_role(ostiary, "pep", "ostiary.decisions.evaluate")


@pytest.fixture
async def ann(ostiary: Ostiary) -> Person:
    return await _with_role(ostiary, "viewer", "todo.can_read", Resource("todo", "1"))


async def _ask(person: Person, request: Any, **headers: str) -> httpx.Response:
    return await person.client.post(PATH, json=request, headers=person.headers | headers)


@pytest.mark.parametrize(
    ("action", "todo", "decision"), [("can_read", "1", True), ("can_read", "2", False), ("can_write", "1", False)]
)
async def test_a_decision_is_200_with_a_boolean_whichever_it_is(
    pep: Person, ann: Person, action: str, todo: str, decision: bool
) -> None:
    answer = await _ask(pep, _asked(ann, action, todo))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json()["decision"] is decision
    assert answer.json()["context"]["reason"] == ("allowed" if decision else "nothing_allows")


async def test_the_next_decision_sees_a_change(ostiary: Ostiary, pep: Person, ann: Person) -> None:
    assert (await _ask(pep, _asked(ann))).json()["decision"] is True
    (assignment,) = (await ostiary.use.assignments.list(ostiary.operator(), ann.id)).items
    await ostiary.use.assignments.unassign(ostiary.operator(), ann.id, assignment.id)
    assert (await _ask(pep, _asked(ann))).json()["decision"] is False


async def test_the_askers_request_id_comes_back(pep: Person, ann: Person) -> None:
    answer = await _ask(pep, _asked(ann), **{"X-Request-ID": "bfe9eb29-ab87-4ca3-be83-a1d5d8305716"})
    assert answer.headers.get_list("x-request-id") == ["bfe9eb29-ab87-4ca3-be83-a1d5d8305716"]


async def test_a_request_without_an_id_gets_one_of_ours(pep: Person, ann: Person) -> None:
    first, second = await _ask(pep, _asked(ann)), await _ask(pep, _asked(ann))
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize("part", ["subject", "action", "resource"])
@pytest.mark.parametrize("wrong", [None, {}, "text", {"type": 7, "id": "1", "name": "n"}, {"id": "", "type": "t"}])
async def test_a_malformed_request_is_400_and_no_decision(pep: Person, ann: Person, part: str, wrong: Any) -> None:
    if part == "action" and isinstance(wrong, dict):
        wrong = {"name": ""}
    answer = await _ask(pep, _asked(ann) | {part: wrong})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.json()["field"].startswith(part)
    assert "decision" not in answer.json()


async def test_members_that_the_specification_does_not_know_are_ignored(pep: Person, ann: Person) -> None:
    assert (await _ask(pep, _asked(ann) | {"options": {"x": 1}, "context": {"time": "now"}})).json()["decision"] is True


async def test_nobody_gets_401(ostiary: Ostiary, ann: Person) -> None:
    async with new_client(ostiary) as nobody:
        answer = await nobody.post(PATH, json=_asked(ann))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")


async def test_everybody_may_ask_about_themselves_and_nobody_else(pep: Person, ann: Person) -> None:
    assert (await _ask(ann, _asked(ann))).json()["decision"] is True
    refused = await _ask(ann, _asked(pep))
    assert (refused.status_code, refused.json()["permission"]) == (403, "ostiary.decisions.evaluate")


async def test_an_unknown_subject_is_denied_and_not_an_error(pep: Person, ann: Person) -> None:
    answer = await _ask(pep, _asked(ann) | {"subject": {"type": "user", "id": "alice@example.com"}})
    assert (answer.status_code, answer.json()["decision"]) == (200, False)
