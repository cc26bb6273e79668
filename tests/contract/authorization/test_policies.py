"""Policies in the database: administered one by one, and deciding at once."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.app import Ostiary
from ostiary.authorization import Effect, PolicyRule, Reason, Resource
from ostiary.authorization.authorizer import Brought
from ostiary.errors import InvalidRequest
from tests.support.installation import new_administrator, new_person

REPORT = Resource("document", "1")
OFFICE: dict[str, Any] = {
    "effect": "allow",
    "action": "read",
    "resource": "document",
    "condition": {"user.department": "engineering", "resource.classification": ["internal", "public"]},
}


def brought(department: str, **resource: object) -> Brought:
    return Brought(subject_properties={"department": department}, resource_properties=resource)


async def test_a_policy_allows_what_its_condition_says_from_the_next_decision_on(ostiary: Ostiary) -> None:
    root, ada = await new_administrator(ostiary), await new_person(ostiary)
    put = await root.request("PUT", "/api/policies/office", OFFICE)
    assert put.status_code == 200, put.text
    assert put.json()["rule"] == OFFICE
    decide = ostiary.use.authorizer.decide
    yes = await decide(ada.id, "document.read", REPORT, brought("engineering", classification="internal"))
    assert yes.allowed
    assert [str(path) for path in yes.because] == [f"user:{ada.id} → policy:office → allow document.read"]
    no = await decide(ada.id, "document.read", REPORT, brought("sales", classification="internal"))
    assert (no.allowed, no.reason) == (False, Reason.NOTHING_ALLOWS)
    (failed,) = no.failed
    assert (failed.policy, failed.values["subject.department"], failed.why) == ("office", "sales", "")
    assert (await root.request("DELETE", "/api/policies/office")).status_code == 204
    assert not await decide(ada.id, "document.read", REPORT, brought("engineering", classification="internal"))


async def test_a_missing_attribute_allows_nothing_and_denies_where_the_policy_denies(ostiary: Ostiary) -> None:
    root, ada = await new_administrator(ostiary), await new_person(ostiary)
    await root.request("PUT", "/api/policies/office", OFFICE)
    decide = ostiary.use.authorizer.decide
    no = await decide(ada.id, "document.read", REPORT, brought("engineering"))
    assert not no
    assert "resource.classification" in no.failed[0].why
    secret = {"effect": "deny", "action": "*", "resource": "*", "when": "resource.classification == 'secret'"}
    await root.request("PUT", "/api/policies/secrets", secret)
    denied = await decide(ada.id, "document.read", REPORT, brought("engineering"))
    assert denied.reason is Reason.DENIED_EXPLICITLY
    assert "resource.classification" in str(denied.because[0])
    assert await decide(ada.id, "document.read", REPORT, brought("engineering", classification="public"))


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"when": "1 +"}, "when"),
        ({"when": "resource.amount /"}, "when"),
        ({"condition": {"user.department": {"=~": "x"}}}, "condition"),
        ({"condition": {"user.a": 1}, "when": "true"}, "when"),
        ({"resource": "Document"}, "resource"),
        ({"action": "document.read"}, "action"),
        ({"resource": "ostiary.accounts"}, "resource"),
    ],
)
async def test_what_is_no_policy_is_refused_with_its_place(
    ostiary: Ostiary, changed: dict[str, Any], field: str
) -> None:
    root = await new_administrator(ostiary)
    rule = {"effect": "allow", "action": "read", "resource": "document", **changed}
    answer = await root.request("PUT", "/api/policies/office", rule)
    assert answer.status_code == 400, answer.text
    assert answer.json()["field"].startswith(field), answer.text
    assert (await root.request("GET", "/api/policies")).json()["items"] == []


async def test_a_policy_gives_nothing_of_ostiary_whatever_it_is_about(ostiary: Ostiary) -> None:
    """Whoever may write policies would be an administrator of everything."""
    ada = await new_person(ostiary)
    rule = PolicyRule(Effect.ALLOW, "*", "*")
    await ostiary.use.policies.put(ostiary.operator(), "all", rule)
    assert await ostiary.use.authorizer.decide(ada.id, "document.read", REPORT)
    assert not await ostiary.use.authorizer.decide(ada.id, "ostiary.accounts.read")
    assert not await ostiary.use.authorizer.decide(ada.id, "ostiary.accounts.read", Resource("ostiary.accounts", "1"))


async def test_a_policy_may_deny_of_ostiary_only_what_its_author_holds(ostiary: Ostiary) -> None:
    root, desk = await new_administrator(ostiary), await new_person(ostiary)
    await root.request("POST", "/api/roles", {"name": "desk", "permissions": ["ostiary.policies.*"]})
    await root.request("POST", f"/api/accounts/{desk.id}/roles", {"role": "desk"})
    rule = {"effect": "deny", "action": "*", "resource": "ostiary.accounts", "when": "context.address != '192.0.2.1'"}
    refused = await desk.request("PUT", "/api/policies/network", rule)
    assert (refused.status_code, refused.json()["missing"]) == (403, ["ostiary.accounts.*"])
    assert (await root.request("PUT", "/api/policies/network", rule)).status_code == 200
    taken = await desk.request("DELETE", "/api/policies/network")
    assert taken.status_code == 403


async def test_who_may_not_read_or_change_policies_does_not(ostiary: Ostiary) -> None:
    ada = await new_person(ostiary)
    for method, path, body in [
        ("GET", "/api/policies", None),
        ("GET", "/api/policies/office", None),
        ("PUT", "/api/policies/office", OFFICE),
        ("DELETE", "/api/policies/office", None),
    ]:
        assert (await ada.request(method, path, body)).status_code == 403


async def test_an_anonymous_caller_is_let_in_by_no_policy(ostiary: Ostiary) -> None:
    """A policy that forgot to ask who it is would open the door to the world."""
    rule = PolicyRule(Effect.ALLOW, "*", "*")
    await ostiary.use.policies.put(ostiary.operator(), "all", rule)
    assert not await ostiary.use.authorizer.decide_nobody("document.read", REPORT)


async def test_a_condition_that_is_none_leaves_nothing_behind(ostiary: Ostiary) -> None:
    with pytest.raises(InvalidRequest):
        await ostiary.use.policies.put(
            ostiary.operator(), "deep", PolicyRule(Effect.ALLOW, "read", "document", when="(" * 40 + "true" + ")" * 40)
        )
    assert (await ostiary.use.policies.list(ostiary.operator())).items == []
