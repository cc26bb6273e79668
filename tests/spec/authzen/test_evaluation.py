"""OpenID AuthZEN Authorization API 1.0, the Access Evaluation API: requests and responses without HTTP."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ostiary.authorization import (
    AssignmentCreate,
    Assignments,
    Authorizer,
    AuthZen,
    Caller,
    EvaluationRequest,
    Resource,
    RoleCreate,
    Roles,
    Search,
)
from ostiary.base.ids import new_id
from ostiary.database import Database
from ostiary.errors import Forbidden, Unauthenticated
from tests.support.time import ManualClock

REQUEST: dict[str, Any] = {
    "subject": {"type": "user", "id": "acc_1"},
    "resource": {"type": "todo", "id": "1"},
    "action": {"name": "can_read"},
}


def _parse(request: dict[str, Any]) -> EvaluationRequest:
    return msgspec.convert(request, EvaluationRequest)


def test_properties_and_context_are_optional_and_unknown_members_are_ignored() -> None:
    full = {
        "subject": {"type": "user", "id": "acc_1", "properties": {"department": "Sales"}, "label": 1},
        "resource": {"type": "todo", "id": "1", "properties": {"owner": {"id": 7}}},
        "action": {"name": "can_read", "properties": {"method": "GET"}},
        "context": {"time": "2026-01-01T00:00:00Z"},
        "options": {},
    }
    assert _parse(full).action.name == _parse(REQUEST).action.name == "can_read"


@pytest.mark.parametrize(("member", "part"), [(a, b) for a in REQUEST for b in [None, *REQUEST[a]]])
def test_subject_action_and_resource_with_their_members_are_required(member: str, part: str | None) -> None:
    request = {key: dict(value) for key, value in REQUEST.items()}
    if part is None:
        del request[member]
    else:
        del request[member][part]
    with pytest.raises(msgspec.ValidationError):
        _parse(request)


@pytest.mark.parametrize("wrong", ["", "x" * 300, 7, None])
def test_an_identifier_is_a_text_of_bounded_length(wrong: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        _parse(REQUEST | {"resource": {"type": "todo", "id": wrong}})


class _Pdp:
    def __init__(self, db: Database, clock: ManualClock) -> None:
        self.db, self.clock, self.authorizer = db, clock, Authorizer(db, clock)
        self.operator = Caller.operator(self.authorizer, clock())
        self.assignments = Assignments(db, self.authorizer, clock)

    async def account(self, role: str, resource: Resource | None = None) -> str:
        account_id = new_id("acc", self.clock())
        async with self.db.transaction() as tx:
            await tx.execute(
                "INSERT INTO accounts (id, kind, status, name, created_at, updated_at)"
                " VALUES (:id, 'user', 'active', '', 0, 0)",
                id=account_id,
            )
        await self.assignments.assign(self.operator, account_id, AssignmentCreate(role, resource))
        return account_id

    def caller(self, account_id: str) -> Caller:
        return Caller("account", account_id, authorizer=self.authorizer)

    async def evaluate(self, caller: Caller, subject: str, action: str, resource: str, **more: str) -> dict[str, Any]:
        request = _parse(
            {
                "subject": {"type": more.get("subject_type", "user"), "id": subject},
                "action": {"name": action},
                "resource": {"type": "todo", "id": resource},
            }
        )
        response = await AuthZen(self.db, self.authorizer, Search(self.db, self.authorizer)).evaluate(caller, request)
        answer: dict[str, Any] = msgspec.to_builtins(response)
        return answer


@pytest.fixture
async def pdp(database: Database, clock: ManualClock) -> _Pdp:
    found = _Pdp(database, clock)
    roles = Roles(database, found.authorizer, clock)
    await roles.create(found.operator, RoleCreate("viewer", permissions=("todo.can_read",)))
    await roles.create(found.operator, RoleCreate("pep", permissions=("ostiary.decisions.evaluate",)))
    return found


async def test_a_permitted_access_is_true_and_says_why(pdp: _Pdp) -> None:
    pep, ann = pdp.caller(await pdp.account("pep")), await pdp.account("viewer", Resource("todo", "1"))
    assert await pdp.evaluate(pep, ann, "can_read", "1") == {
        "decision": True,
        "context": {"reason": "allowed", "because": [f"user:{ann} → role:viewer → todo.can_read on todo:1"]},
    }


@pytest.mark.parametrize(
    ("action", "resource"), [("can_read", "2"), ("can_write", "1"), ("*", "1"), ("Can read!", "1")]
)
async def test_anything_else_is_false(pdp: _Pdp, action: str, resource: str) -> None:
    pep, ann = pdp.caller(await pdp.account("pep")), await pdp.account("viewer", Resource("todo", "1"))
    answer = await pdp.evaluate(pep, ann, action, resource)
    assert answer["decision"] is False
    assert answer["context"].items() >= {"reason": "nothing_allows", "because": []}.items()


@pytest.mark.parametrize(
    ("subject_type", "reason"),
    [("group", "nothing_allows"), ("service", "nothing_allows"), ("User", "unknown_subject")],
)
async def test_a_subject_of_another_type_is_denied_and_is_no_error(pdp: _Pdp, subject_type: str, reason: str) -> None:
    pep, ann = pdp.caller(await pdp.account("pep")), await pdp.account("viewer")
    answer = await pdp.evaluate(pep, ann, "can_read", "1", subject_type=subject_type)
    assert (answer["decision"], answer["context"]["reason"]) == (False, reason)


@pytest.mark.parametrize("subject", ["acc_0000000000000000000000000a", "ann@example.com", "\x00"])
async def test_an_unknown_subject_is_denied_and_is_no_error(pdp: _Pdp, subject: str) -> None:
    answer = await pdp.evaluate(pdp.caller(await pdp.account("pep")), subject, "can_read", "1")
    assert (answer["decision"], answer["context"]["reason"]) == (False, "unknown_subject")


@pytest.mark.parametrize("subject_type", ["user", "account"])
async def test_everybody_may_ask_about_themselves(pdp: _Pdp, subject_type: str) -> None:
    ann = await pdp.account("viewer")
    answer = await pdp.evaluate(pdp.caller(ann), ann, "can_read", "7", subject_type=subject_type)
    assert answer["decision"] is True


async def test_only_who_may_evaluate_asks_about_others(pdp: _Pdp) -> None:
    ann, ben = await pdp.account("viewer"), await pdp.account("viewer")
    with pytest.raises(Forbidden):
        await pdp.evaluate(pdp.caller(ann), ben, "can_read", "1")
    with pytest.raises(Forbidden):
        await pdp.evaluate(pdp.caller(ann), ann, "can_read", "1", subject_type="group")
    with pytest.raises(Unauthenticated):
        await pdp.evaluate(Caller.anonymous(), ann, "can_read", "1")
