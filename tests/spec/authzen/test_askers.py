"""OpenID AuthZEN over HTTP: what an asker may bring and learn, by a key too, and requests that are odd."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ostiary.app import Ostiary
from ostiary.authorization import AssignmentCreate, RoleCreate
from tests.attacks.evidence import assert_refused
from tests.support.api_keys import new_api_key, show_key
from tests.support.installation import Person, new_person
from tests.support.sharing import SHARING, apply_model, relate

ROOT = "/access/v1"
EVALUATION, EVALUATIONS = ROOT + "/evaluation", ROOT + "/evaluations"
MODEL = SHARING + "  identity: {accounts_by: email}\n"


async def _with(ostiary: Ostiary, email: str, *permissions: str) -> Person:
    person = await new_person(ostiary, email, delivery="token")
    name = email.partition("@")[0]
    await ostiary.use.roles.create(ostiary.operator(), RoleCreate(name, permissions=permissions))
    await ostiary.use.assignments.assign(ostiary.operator(), person.id, AssignmentCreate(name))
    return person


@pytest.fixture
async def pep(ostiary: Ostiary) -> Person:
    await apply_model(ostiary, MODEL)
    rights = ("ostiary.decisions.evaluate", "ostiary.policies.create", "ostiary.policies.update")
    return await _with(ostiary, "pep@example.com", *rights)


@pytest.fixture
async def ada(ostiary: Ostiary, pep: Person) -> Person:
    """Owner of documents 1 and 2, and a reader of invoices."""
    person = await _with(ostiary, "ada@example.com", "invoice.read")
    await relate(ostiary, *(f"document:{each}#owner@user:{person.id}" for each in (1, 2)))
    return person


def _about(person: Person, action: str = "write", type_: str = "document", id_: str = "1") -> dict[str, Any]:
    return {
        "subject": {"type": "user", "id": person.id},
        "action": {"name": action},
        "resource": {"type": type_, "id": id_},
    }


async def _policy(ostiary: Ostiary, rule: dict[str, Any]) -> None:
    root = await new_person(ostiary)
    await ostiary.use.assignments.assign(ostiary.operator(), root.id, AssignmentCreate("administrator"))
    made = await root.request("PUT", "/api/policies/tested", {"effect": "allow", "resource": "document"} | rule)
    assert made.status_code == 200, made.text


async def _ask(person: Person, path: str, request: dict[str, Any]) -> httpx.Response:
    return await person.request("POST", path, request)


# By a key


async def test_a_key_that_asks_about_its_own_account_sees_no_more_than_its_scopes(
    ostiary: Ostiary, ada: Person
) -> None:
    key = (await new_api_key(ada, "invoice.read"))["key"]

    async def asked(path: str, request: dict[str, Any]) -> dict[str, Any]:
        answer = await show_key(ostiary, key, path, "POST", request)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    assert (await asked(EVALUATION, _about(ada, "read", "invoice")))["decision"] is True
    beyond = await asked(EVALUATION, _about(ada))
    assert beyond == {"decision": False, "context": {"reason": "scope_insufficient", "because": []}}
    assert (await asked(ROOT + "/search/resource", _about(ada)))["results"] == []
    assert (await asked(ROOT + "/search/action", _about(ada)))["results"] == []
    assert (await _ask(ada, ROOT + "/search/action", _about(ada))).json()["results"] != []


async def test_a_key_asks_about_others_only_by_its_scope(ostiary: Ostiary, pep: Person, ada: Person) -> None:
    for scope, status in (("ostiary.policies.create", 403), ("ostiary.decisions.evaluate", 200)):
        key = (await new_api_key(pep, scope))["key"]
        for path in (EVALUATION, EVALUATIONS, *(f"{ROOT}/search/{each}" for each in ("subject", "resource", "action"))):
            answer = await show_key(ostiary, key, path, "POST", _about(ada))
            assert answer.status_code == status, (path, answer.text)


@pytest.mark.parametrize(
    ("condition", "claimed"),
    [
        ("context.acr == 'aal3'", {"acr": "aal3"}),
        ("'hwk' in context.amr", {"amr": ["hwk"]}),
        ("context.age < 60", {"age": 1}),
        ("context.authenticated_at != ''", {"authenticated_at": "2026-01-01T00:00:00Z"}),
        ("context.method == 'session'", {"method": "session"}),
    ],
)
async def test_a_key_cannot_claim_what_it_has_not_proved(
    ostiary: Ostiary, pep: Person, ada: Person, condition: str, claimed: dict[str, Any]
) -> None:
    await _policy(ostiary, {"action": "sign", "when": condition})
    await ostiary.use.roles.create(ostiary.operator(), RoleCreate("signer", permissions=("document.sign",)))
    signer = await ostiary.use.assignments.assign(ostiary.operator(), ada.id, AssignmentCreate("signer"))
    key = (await new_api_key(ada, "document.sign"))["key"]
    await ostiary.use.assignments.unassign(ostiary.operator(), ada.id, signer.id)
    question = _about(ada, "sign") | {"context": claimed}
    own = await show_key(ostiary, key, EVALUATION, "POST", question)
    assert own.json()["decision"] is False
    found = await show_key(ostiary, key, ROOT + "/search/resource", "POST", question)
    assert found.json()["results"] == []
    assert (await _ask(pep, EVALUATION, question)).json()["decision"] is True  # who enforces knows it


# What denials tell


async def test_a_denial_names_roles_and_a_step_up(ostiary: Ostiary, pep: Person, ada: Person) -> None:
    await ostiary.use.roles.create(ostiary.operator(), RoleCreate("signer", permissions=("document.sign",)))
    await _policy(ostiary, {"action": "sign", "when": "context.acr == 'aal2'"})
    question = _about(ada, "sign") | {"context": {"acr": "aal1"}}
    context = (await _ask(pep, EVALUATION, question)).json()["context"]
    assert context["nearest"]["step_up"] == {"level": "aal2"}
    assert "signer" in context["nearest"]["roles"]
    assert context["failed"][0]["policy"] == "tested"
    own = (await _ask(ada, EVALUATION, _about(ada, "sign"))).json()["context"]
    assert own["nearest"] == {"step_up": {"level": "aal2"}}
    assert "failed" not in own


async def test_who_may_not_ask_learns_nothing_of_who_exists(pep: Person, ada: Person) -> None:
    """Somebody there, nobody there, and one's own address: each is refused alike."""
    answers = []
    for subject in (
        {"type": "user", "id": pep.id},
        {"type": "user", "id": "nobody"},
        {"type": "identity", "id": "pep@example.com"},
        {"type": "identity", "id": "eve@example.com"},
        {"type": "identity", "id": "ada@example.com"},
        {"type": "anyone", "id": "*"},
    ):
        answer = await _ask(ada, EVALUATION, _about(ada) | {"subject": subject})
        assert_refused(answer, 403, "forbidden")
        answers.append({key: value for key, value in answer.json().items() if key not in ("instance", "request_id")})
    assert all(each == answers[0] for each in answers)


async def test_ones_own_attributes_are_not_what_one_says(ostiary: Ostiary, pep: Person, ada: Person) -> None:
    await _policy(ostiary, {"action": "sign", "when": "subject.id == 'acc_x' || subject.kind == 'agent'"})
    question = _about(ada, "sign")
    question["subject"]["properties"] = {"id": "acc_x", "kind": "agent", "type": "robot"}
    for asker in (ada, pep):
        assert (await _ask(asker, EVALUATION, question)).json()["decision"] is False


# One that cannot be decided, and odd requests


async def test_one_that_is_too_deep_is_denied_alone(ostiary: Ostiary, pep: Person, ada: Person) -> None:
    chain = [f"folder:{each}#parent@folder:{each + 1}" for each in range(1, 40)]
    await relate(ostiary, *chain, "document:1#folder@folder:1")
    await _apply_deep(ostiary)
    each = [{"resource": {"type": "folder", "id": id_}} for id_ in ("39", "1")]
    asked = {**_about(ada, "read"), "evaluations": each}
    good, deep = (await _ask(pep, EVALUATIONS, asked)).json()["evaluations"]
    assert (good["decision"], "error" in good["context"]) == (False, False)
    assert (deep["decision"], deep["context"]["error"]["status"]) == (False, 409)
    alone = await _ask(pep, EVALUATION, _about(ada, "read", "folder"))
    assert alone.status_code == 409


async def _apply_deep(ostiary: Ostiary) -> None:
    """Folders are read through those that they are in."""
    async with ostiary.use.db.transaction() as tx:
        await tx.execute(
            "INSERT INTO authorization_models (name, version, text, applied_at, applied_by)"
            " VALUES ('', 2, :text, 0, NULL)",
            text=MODEL.replace(
                "    parents: [parent]\n", "    parents: [parent]\n    permissions: {read: viewer or parent.read}\n", 1
            ),
        )
        await tx.bump("model")


@pytest.mark.parametrize("path", ["evaluation", "evaluations", "search/subject", "search/resource", "search/action"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"subject": 1}',
        b'{"subject": {"type": "user", "id": "1"}, "subject": {"type": "user", "id": "2"}}',
        b'{"subject": {"type": "a#b", "id": "*"}, "action": {"name": "."}, "resource": {"type": "@", "id": "#"}}',
        b'{"subject": {"type": "user", "id": "\\ud800"}}',
        b'{"subject": {"type": "t", "id": "\\u0000"}, "resource": {"type": "a", "id": "\\u0000"}}',
    ],
)
async def test_an_odd_request_is_never_a_failure(pep: Person, path: str, body: bytes) -> None:
    headers = pep.headers | {"content-type": "application/json"}
    answer = await pep.client.post(f"{ROOT}/{path}", content=body, headers=headers)
    assert answer.status_code == 400, answer.text
    assert answer.json()["code"]


@pytest.mark.parametrize("sent", ["x" * 4000, "caf\u00e9", "a\tb"])
async def test_a_hostile_request_id_does_not_come_back_as_it_is(pep: Person, ada: Person, sent: str) -> None:
    headers = [(name.encode(), value.encode()) for name, value in pep.headers.items()]
    headers.append((b"x-request-id", sent.encode("latin-1")))
    answer = await pep.client.post(EVALUATION, json=_about(ada), headers=headers)
    assert answer.status_code == 200
    (came,) = answer.headers.get_list("x-request-id")
    assert came != sent
    assert 0 < len(came) <= 128


async def test_a_refusal_has_the_askers_request_id_too(pep: Person, ada: Person) -> None:
    headers = ada.headers | {"x-request-id": "asked-7"}
    answer = await ada.client.post(EVALUATION, json=_about(pep), headers=headers)
    assert (answer.status_code, answer.headers.get_list("x-request-id")) == (403, ["asked-7"])
