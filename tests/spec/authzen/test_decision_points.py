"""OpenID AuthZEN Authorization API 1.0 beyond one evaluation: many, searches, metadata, and several models."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ostiary.app import Ostiary
from ostiary.authorization import AssignmentCreate, RoleCreate
from tests.attacks.evidence import assert_refused
from tests.support.installation import Person, new_client, new_person
from tests.support.sharing import SHARING, apply_model, relate

ROOT, HR = "/access/v1", "/pdp/hr/access/v1"
BY_EMAIL = SHARING + "  identity: {accounts_by: email}\n"
OF_HR = """\
model: hr
types:
  document:
    relations: {reader: [user]}
    permissions: {read: reader}
"""


@pytest.fixture
async def pep(ostiary: Ostiary) -> Person:
    """A policy enforcement point, and documents: 1 to 5 are everybody's to read, 1 and 2 the person's to write."""
    await apply_model(ostiary, BY_EMAIL)
    person = await new_person(ostiary, "pep@example.com", delivery="token")
    await ostiary.use.roles.create(ostiary.operator(), RoleCreate("pep", permissions=("ostiary.decisions.evaluate",)))
    await ostiary.use.assignments.assign(ostiary.operator(), person.id, AssignmentCreate("pep"))
    for number in range(1, 6):
        await relate(ostiary, f"document:{number}#owner@group:board#member", f"document:{number}#viewer@user:*")
    return person


@pytest.fixture
async def ada(ostiary: Ostiary, pep: Person) -> Person:
    person = await new_person(ostiary, "ada@example.com", delivery="token")
    await relate(ostiary, f"document:1#editor@user:{person.id}", f"document:2#owner@user:{person.id}")
    return person


async def _ask(person: Person, path: str, **request: Any) -> httpx.Response:
    return await person.request("POST", path, request)


def _about(person: Person, action: str = "write") -> dict[str, Any]:
    return {"subject": {"type": "user", "id": person.id}, "action": {"name": action}}


def _documents(*ids: int) -> list[dict[str, Any]]:
    return [{"resource": {"type": "document", "id": str(each)}} for each in ids]


# Section 7: many evaluations


@pytest.mark.parametrize(
    ("semantic", "asked", "answered"),
    [
        (None, (1, 3, 2, 4), [True, False, True, False]),
        ("execute_all", (1, 3, 2), [True, False, True]),
        ("deny_on_first_deny", (1, 2, 3, 1), [True, True, False]),
        ("deny_on_first_deny", (1, 2), [True, True]),
        ("permit_on_first_permit", (3, 4, 1, 2), [False, False, True]),
        ("permit_on_first_permit", (3, 4), [False, False]),
    ],
)
async def test_evaluations_end_where_their_semantic_says(
    pep: Person, ada: Person, semantic: str | None, asked: tuple[int, ...], answered: list[bool]
) -> None:
    options = {"options": {"evaluations_semantic": semantic}} if semantic else {}
    answer = await _ask(pep, ROOT + "/evaluations", **_about(ada), evaluations=_documents(*asked), **options)
    assert [each["decision"] for each in answer.json()["evaluations"]] == answered


async def test_an_evaluation_overrides_what_is_said_for_all(pep: Person, ada: Person) -> None:
    own = [{}, {"action": {"name": "read"}}, {"subject": {"type": "user", "id": pep.id}}]
    for_all = {**_about(ada), "resource": {"type": "document", "id": "1"}}
    answer = await _ask(pep, ROOT + "/evaluations", **for_all, evaluations=own)
    assert [each["decision"] for each in answer.json()["evaluations"]] == [True, True, False]


@pytest.mark.parametrize("evaluations", [{}, {"evaluations": []}])
async def test_without_evaluations_there_is_one_decision(pep: Person, ada: Person, evaluations: dict[str, Any]) -> None:
    one = {**_about(ada), "resource": {"type": "document", "id": "1"}}
    answer = (await _ask(pep, ROOT + "/evaluations", **one, **evaluations)).json()
    assert (answer["decision"], "evaluations" in answer) == (True, False)


async def test_one_that_lacks_a_part_fails_the_request_and_is_named(pep: Person, ada: Person) -> None:
    for part in ("subject", "action", "resource"):
        request = {**_about(ada), "resource": {"type": "document", "id": "1"}}
        del request[part]
        whole = {part: {"type": "document", "id": "1", "name": "read"}}
        answer = await _ask(pep, ROOT + "/evaluations", **request, evaluations=[whole, {}])
        assert_refused(answer, 400, "invalid_request")
        assert answer.json()["field"] == f"evaluations[1].{part}"


@pytest.mark.parametrize("request_", [{"options": {"evaluations_semantic": "some"}}, {"evaluations": [{}] * 1001}])
async def test_what_many_evaluations_do_not_take_is_400(pep: Person, ada: Person, request_: dict[str, Any]) -> None:
    for_all = {**_about(ada), "resource": {"type": "document", "id": "1"}, "evaluations": [{}]}
    assert_refused(await _ask(pep, ROOT + "/evaluations", **(for_all | request_)), 400, "invalid_request")


async def test_among_ones_own_evaluations_none_is_about_somebody_else(pep: Person, ada: Person) -> None:
    other = {"subject": {"type": "user", "id": pep.id}}
    each = [*_documents(1), other | _documents(1)[0]]
    answer = await _ask(ada, ROOT + "/evaluations", **_about(ada), evaluations=each)
    assert_refused(answer, 403, "forbidden")


# Section 8: searches


async def _everything(person: Person, path: str, limit: int, **request: Any) -> list[str]:
    """All results, page after page, each page of at most ``limit``."""
    found: list[str] = []
    token = ""
    for _ in range(20):
        page = {"limit": limit, **({"token": token} if token else {})}
        answer = (await _ask(person, path, **request, page=page)).json()
        assert len(answer["results"]) == answer["page"]["count"] <= limit
        found += [each.get("id") or each["name"] for each in answer["results"]]
        token = answer["page"]["next_token"]
        if not token:
            return found
    raise AssertionError("no end")


async def test_resources_are_all_found_page_by_page(pep: Person, ada: Person) -> None:
    request = {**_about(ada, "read"), "resource": {"type": "document"}}
    assert sorted(await _everything(pep, ROOT + "/search/resource", 2, **request)) == ["1", "2", "3", "4", "5"]
    writes = await _everything(ada, ROOT + "/search/resource", 2, **_about(ada), resource={"type": "document"})
    assert sorted(writes) == ["1", "2"]


async def test_subjects_are_all_found_as_accounts_or_by_address(pep: Person, ada: Person) -> None:
    request: dict[str, Any] = {"action": {"name": "write"}, "resource": {"type": "document", "id": "1"}}
    assert await _everything(pep, ROOT + "/search/subject", 1, **request, subject={"type": "user"}) == [ada.id]
    by_address = await _everything(pep, ROOT + "/search/subject", 1, **request, subject={"type": "identity"})
    assert by_address == ["ada@example.com"]
    readers = {**request, "action": {"name": "read"}, "subject": {"type": "user"}}
    assert sorted(await _everything(pep, ROOT + "/search/subject", 1, **readers)) == sorted([ada.id, pep.id])
    assert_refused(await _ask(ada, ROOT + "/search/subject", **request, subject={"type": "user"}), 403, "forbidden")


async def test_actions_are_those_that_the_subject_may_take(pep: Person, ada: Person) -> None:
    request = {"subject": {"type": "user", "id": ada.id}, "resource": {"type": "document", "id": "1"}}
    for asker in (pep, ada):
        assert sorted(await _everything(asker, ROOT + "/search/action", 2, **request)) == ["comment", "read", "write"]


async def test_an_address_stands_for_the_account_that_has_proved_it(pep: Person, ada: Person) -> None:
    for address, allowed in (("ada@example.com", True), ("eve@example.com", False), ("no address", False)):
        request = {**_about(ada), "subject": {"type": "identity", "id": address}, **_documents(1)[0]}
        answer = await _ask(pep, ROOT + "/evaluation", **request)
        assert (answer.status_code, answer.json()["decision"]) == (200, allowed)


async def test_a_token_goes_with_the_request_that_it_answered(pep: Person, ada: Person) -> None:
    request = {**_about(ada, "read"), "resource": {"type": "document"}}
    path = ROOT + "/search/resource"
    token = (await _ask(pep, path, **request, page={"limit": 2})).json()["page"]["next_token"]
    assert (await _ask(pep, path, **request, page={"token": token})).status_code == 200
    other = {**request, "action": {"name": "write"}}
    for wrong, page in (
        (other, {"token": token}),
        (request, {"token": "x" + token}),
        (request, {"token": token, "limit": 3}),
    ):
        assert_refused(await _ask(pep, path, **wrong, page=page), 400, "invalid_request")
    for page in ({"limit": 0}, {"limit": "2"}, {"token": 7}, {"token": token[:20]}, {"token": "…"}):
        assert_refused(await _ask(pep, path, **request, page=page), 400, "invalid_request")


@pytest.mark.parametrize("search", ["subject", "resource", "action"])
async def test_what_is_not_known_is_not_found_and_no_error(pep: Person, ada: Person, search: str) -> None:
    for who in (
        {"type": "user", "id": "nobody"},
        {"type": "robot", "id": "7"},
        {"type": "identity", "id": "eve@example.com"},
    ):
        request = {"subject": who, "action": {"name": "write"}, "resource": {"type": "nothing", "id": "9"}}
        answer = await _ask(pep, f"{ROOT}/search/{search}", **request)
        assert (answer.status_code, answer.json()["results"]) == (200, [])


# Section 9: metadata; and a decision point for each model


@pytest.mark.parametrize(("model", "pdp"), [("", ""), ("/pdp/hr", "/pdp/hr")])
async def test_the_metadata_name_every_endpoint(ostiary: Ostiary, pep: Person, model: str, pdp: str) -> None:
    await apply_model(ostiary, OF_HR)
    answer = await new_client(ostiary).get("/.well-known/authzen-configuration" + model)
    base = ostiary.use.settings.issuer + pdp
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {
        "policy_decision_point": base,
        "access_evaluation_endpoint": f"{base}/access/v1/evaluation",
        "access_evaluations_endpoint": f"{base}/access/v1/evaluations",
        "search_subject_endpoint": f"{base}/access/v1/search/subject",
        "search_resource_endpoint": f"{base}/access/v1/search/resource",
        "search_action_endpoint": f"{base}/access/v1/search/action",
    }


async def test_models_do_not_share_types(ostiary: Ostiary, pep: Person, ada: Person) -> None:
    await apply_model(ostiary, OF_HR)
    await relate(ostiary, f"hr/document:1#reader@user:{ada.id}")
    for path, action, allowed in ((HR, "read", True), (HR, "write", False), (ROOT, "write", True)):
        answer = await _ask(pep, path + "/evaluation", **_about(ada, action), **_documents(1)[0])
        assert answer.json()["decision"] is allowed
    found = await _everything(pep, HR + "/search/resource", 5, **_about(ada, "read"), resource={"type": "document"})
    assert found == ["1"]
    own = {"subject": {"type": "user", "id": ada.id}, "resource": {"type": "document", "id": "1"}}
    assert await _everything(pep, HR + "/search/action", 5, **own) == ["read"]


async def test_a_decision_point_that_is_not_there_is_404(pep: Person, ada: Person) -> None:
    for path in ("/evaluation", "/evaluations", "/search/subject", "/search/resource", "/search/action"):
        request = {**_about(ada), **_documents(1)[0]}
        assert_refused(await _ask(pep, "/pdp/none/access/v1" + path, **request), 404, "not_found")
    assert (await pep.client.get("/.well-known/authzen-configuration/pdp/none")).status_code == 404


# What an asker may bring, and learn


async def test_a_denial_tells_an_application_the_nearest_ways(pep: Person, ada: Person) -> None:
    context = (await _ask(pep, ROOT + "/evaluation", **_about(ada), **_documents(3)[0])).json()["context"]
    assert context["nearest"]["relations"] == ["editor of document:3", "owner of document:3"]
    own = (await _ask(ada, ROOT + "/evaluation", **_about(ada), **_documents(3)[0])).json()["context"]
    assert own == {"reason": "nothing_allows", "because": []}


async def test_owners_are_named_to_who_may_read_relations(ostiary: Ostiary, pep: Person, ada: Person) -> None:
    question = {**_about(pep), **_documents(2)[0]}
    assert "owners" not in (await _ask(pep, ROOT + "/evaluation", **question)).json()["context"]
    await ostiary.use.assignments.assign(ostiary.operator(), ada.id, AssignmentCreate("administrator"))
    context = (await _ask(ada, ROOT + "/evaluation", **question)).json()["context"]
    assert context["owners"] == ["group:board", f"user:{ada.id}"]


async def test_who_asks_about_themselves_cannot_say_how_well_they_are_known(
    ostiary: Ostiary, pep: Person, ada: Person
) -> None:
    rule = {
        "effect": "allow",
        "action": "sign",
        "resource": "document",
        "when": "context.acr == 'aal3' || context.address == '::1'",
    }
    root = await new_person(ostiary)
    await ostiary.use.assignments.assign(ostiary.operator(), root.id, AssignmentCreate("administrator"))
    made = await root.request("PUT", "/api/policies/strong", rule)
    assert made.status_code == 200, made.text
    claimed = {**_about(ada, "sign"), **_documents(1)[0], "context": {"acr": "aal3", "address": "::1"}}
    assert (await _ask(ada, ROOT + "/evaluation", **claimed)).json()["decision"] is False
    assert (await _ask(pep, ROOT + "/evaluation", **claimed)).json()["decision"] is True  # who enforces knows it


async def test_what_is_stored_counts_before_what_is_sent(ostiary: Ostiary, pep: Person, ada: Person) -> None:
    root = await new_person(ostiary)
    await ostiary.use.assignments.assign(ostiary.operator(), root.id, AssignmentCreate("administrator"))
    rule = {"effect": "allow", "action": "print", "resource": "document", "condition": {"resource.pages": 1}}
    assert (await root.request("PUT", "/api/policies/short", rule)).status_code == 200
    stored = await root.request("PUT", "/api/entities/document/1", {"attributes": {"pages": 9}})
    assert stored.status_code == 200, stored.text
    for id_, allowed in (("1", False), ("2", True)):
        resource = {"type": "document", "id": id_, "properties": {"pages": 1}}
        answer = await _ask(pep, ROOT + "/evaluation", **_about(ada, "print"), resource=resource)
        assert answer.json()["decision"] is allowed


async def test_a_decision_is_as_fresh_as_is_asked_for(ostiary: Ostiary, pep: Person, ada: Person) -> None:
    token = await relate(ostiary, f"document:3#editor@user:{ada.id}")
    question = {**_about(ada), **_documents(3)[0]}
    answer = await _ask(pep, ROOT + "/evaluation", **question, options={"at_least_as_fresh": token})
    assert answer.json()["decision"] is True
    ahead = await _ask(pep, ROOT + "/evaluation", **question, options={"at_least_as_fresh": "rev_999999999"})
    assert_refused(ahead, 503, "unavailable")
    wrong = await _ask(pep, ROOT + "/evaluation", **question, options={"at_least_as_fresh": "soon"})
    assert_refused(wrong, 400, "invalid_request")


async def test_a_request_that_is_too_much_is_refused(pep: Person, ada: Person) -> None:
    question = {**_about(ada), **_documents(1)[0]}
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"a": deep}
    for context, status in (({"a": "x" * 1_048_576}, 413), (deep, 400)):
        answer = await _ask(pep, ROOT + "/evaluation", **question, context=context)
        assert answer.status_code == status, answer.text
