"""The decision against scenarios written by hand, and against a naive interpreter that reads facts one by one."""

from __future__ import annotations

import gc
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.authorization import Effect, Facts, Reason, Request, Resource, RoleGraph, decide
from ostiary.authorization.facts import compile_subject
from ostiary.authorization.model import Granted
from tests.support.scenarios import Case, GrantGiven, RoleFacts, RoleGiven, Scenario, SubjectFacts, cases, compiled

_ALL = {name: (scenario, case) for name, scenario, case in cases()}


@pytest.mark.parametrize("name", _ALL)
def test_a_scenario_is_decided_and_explained_as_written(name: str) -> None:
    scenario, case = _ALL[name]
    decision = decide(scenario.facts(case.subject), case.request())
    assert (decision.allowed, decision.reason) == (case.allowed, case.reason)
    assert bool(decision) is case.allowed
    if case.because is not None:
        assert [str(path) for path in decision.because] == case.because
    if case.would_allow is not None:
        assert list(decision.would_allow) == case.would_allow


# The naive interpreter: plain loops over the facts as they are written.


def _matches(pattern: str, permission: str) -> bool:
    if pattern.endswith("*"):
        return permission.startswith(pattern[:-1])
    return permission == pattern


def _holds(scenario: Scenario, role: str, permission: str) -> bool:
    facts = scenario.roles[role]
    return any(_matches(each, permission) for each in facts.permissions) or any(
        _holds(scenario, each, permission) for each in facts.includes
    )


def _naive(scenario: Scenario, case: Case) -> Reason:
    subject = scenario.subjects.get(case.subject)
    if subject is None:
        return Reason.UNKNOWN_SUBJECT
    if subject.status != "active":
        return Reason.ACCOUNT_INACTIVE
    grants = [
        each.effect
        for each in subject.grants
        if each.on in (None, case.resource)
        and (each.expires_at is None or case.at < each.expires_at)
        and _matches(each.permission, case.permission)
    ]
    if Effect.DENY in grants:
        return Reason.DENIED_EXPLICITLY
    roles = [each for each in subject.roles if each.on in (None, case.resource)]
    if grants or any(_holds(scenario, each.role, case.permission) for each in roles):
        return Reason.ALLOWED
    return Reason.NOTHING_ALLOWS


_ROLES = ["r0", "r1", "r2", "r3", "r4"]
_permission = st.sampled_from(["a.x", "a.y", "a.b.x", "b.x", "ab.x"])
_pattern = st.sampled_from(["a.x", "a.y", "a.b.x", "b.x", "ab.x", "a.*", "a.b.*", "b.*", "*"])
_place = st.sampled_from([None, "a:1", "a:2", "b:1"])
_grant = st.builds(GrantGiven, st.sampled_from(Effect), _pattern, _place, st.sampled_from([None, 999, 1000, 1001]))
_subject = st.builds(
    SubjectFacts,
    status=st.sampled_from(["active", "active", "active", "disabled"]),
    roles=st.lists(st.builds(RoleGiven, st.sampled_from(_ROLES), _place), max_size=4),
    grants=st.lists(_grant, max_size=4),
)


@st.composite
def _scenario(draw: st.DrawFn) -> Scenario:
    roles = {
        name: RoleFacts(
            draw(st.lists(_pattern, max_size=3)),
            draw(st.lists(st.sampled_from(_ROLES[:number]), max_size=3)) if number else [],  # later include earlier
        )
        for number, name in enumerate(_ROLES)
    }
    case = Case("acc_1", draw(_permission), False, Reason.ALLOWED, draw(_place))
    return Scenario("", roles, {"acc_1": draw(_subject)}, [case])


@given(_scenario())
def test_a_decision_equals_what_reading_every_fact_one_by_one_gives(scenario: Scenario) -> None:
    case = scenario.cases[0]
    assert decide(scenario.facts(case.subject), case.request()).reason == _naive(scenario, case)


@given(_scenario())
def test_every_deciding_fact_is_named_and_decides_alone(scenario: Scenario) -> None:
    case = scenario.cases[0]
    subject, decision = scenario.subjects["acc_1"], decide(scenario.facts("acc_1"), case.request())
    named = {str(path) for path in decision.because}
    for alone in [
        *(SubjectFacts(roles=[each]) for each in subject.roles),
        *(SubjectFacts(grants=[each]) for each in subject.grants),
    ]:
        by_itself = decide(Facts(scenario.policy(), compiled("acc_1", alone)), case.request())
        if decision.reason in (Reason.ALLOWED, Reason.DENIED_EXPLICITLY) and by_itself.reason == decision.reason:
            assert {str(path) for path in by_itself.because} <= named
    if decision.reason is Reason.ALLOWED:
        assert named


@given(_scenario())
def test_each_role_that_is_named_as_a_way_would_indeed_allow(scenario: Scenario) -> None:
    case = scenario.cases[0]
    decision = decide(scenario.facts("acc_1"), case.request())
    for role in decision.would_allow:
        given_it = SubjectFacts(
            roles=[*scenario.subjects["acc_1"].roles, RoleGiven(role)], grants=scenario.subjects["acc_1"].grants
        )
        assert decide(Facts(scenario.policy(), compiled("acc_1", given_it)), case.request()).allowed


def test_a_cycle_that_got_into_the_facts_is_decided_and_does_not_hang() -> None:
    policy = RoleGraph({"a": ["x.read"], "b": []}, {"a": ["b"], "b": ["a"]})
    subject = compile_subject("user", "acc_1", True, [("b", None, "")], [])
    decision = decide(Facts(policy, subject), Request("x.read", None, 0))
    assert [str(path) for path in decision.because] == ["user:acc_1 → role:b → role:a → x.read"]
    assert policy.held_by("b") == {"x.read"}


def test_an_assignment_of_a_role_that_is_gone_gives_nothing() -> None:
    subject = compile_subject("user", "acc_1", True, [("gone", None, "")], [])
    assert not decide(Facts(RoleGraph({}, {}), subject), Request("x.read", None, 0))


def _large(roles: int, assignments: int) -> Facts:
    policy = RoleGraph(
        {f"role{n}": [f"thing{n}.read", f"thing{n}.write", f"area{n}.*"] for n in range(roles)},
        {f"role{n}": [f"role{n - 1}"] if n % 10 else [] for n in range(roles)},
    )
    held = [(f"role{n % roles}", Resource("things", str(n)), "") for n in range(assignments)]
    grants = [Granted(f"thing{n}.see", Effect.ALLOW, None, None) for n in range(assignments)]
    return Facts(policy, compile_subject("user", "acc_1", True, [("role9", None, ""), *held], grants))


def _nanoseconds(facts: Facts, request: Request) -> float:
    def once(rounds: int = 2000) -> float:
        start = time.perf_counter_ns()
        for _ in range(rounds):
            decide(facts, request)
        return (time.perf_counter_ns() - start) / rounds

    gc.collect()
    return min(once() for _ in range(15))


@pytest.mark.alone
@pytest.mark.parametrize(
    "request_", [Request("thing5.read", None, 0), Request("thing5.see", Resource("things", "3"), 0)]
)
def test_a_decision_takes_the_same_time_with_ten_facts_and_with_ten_thousand(request_: Request) -> None:
    few, many = (_nanoseconds(facts, request_) for facts in (_large(10, 10), _large(1000, 10_000)))
    assert many < 5_000
    assert many < 2 * few
