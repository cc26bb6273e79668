"""Scenarios of five applications: each case asks check, who can, what can, which actions, and the list filter."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from ostiary.authorization.authorizer import Brought
from ostiary.authorization.explain import Decision
from ostiary.authorization.search import Search
from ostiary.authorization.supposing import Supposed
from ostiary.integrations.sqlalchemy import Resources
from tests.contract.authorization.conftest import House
from tests.contract.authorization.test_filters import fill, found
from tests.support.documents import Document
from tests.support.model_scenarios import NAMES, Case, read_scenario, store_scenario


def _require_answer(decision: Decision, case: Case) -> None:
    assert decision.allowed is case.check.allowed, case
    if case.because is not None:
        assert [str(path) for path in decision.because] == case.because
    if case.would_allow is not None:
        assert list(decision.would_allow) == case.would_allow


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_is_decided_in_memory_as_written(name: str) -> None:
    scenario = read_scenario(name)
    supposed = Supposed(scenario.model, scenario.facts)
    for case in scenario.cases:
        _require_answer(supposed.decide(case.check), case)


@pytest.mark.parametrize("name", NAMES)
async def test_a_stored_scenario_is_decided_and_found_as_written(house: House, name: str) -> None:
    scenario = read_scenario(name)
    await store_scenario(house.db, scenario)
    search = Search(house.db, house.authorizer)
    for case in scenario.cases:
        check = case.check
        assert check.resource is not None
        house.clock.now = check.when.at or 0
        brought = Brought(check.when.context)
        if check.subject is None:
            decision = await house.authorizer.decide_nobody(check.permission, check.resource, brought)
        else:
            decision = await house.authorizer.decide(check.subject.id, check.permission, check.resource, brought)
            who = await search.subjects(check.permission, check.resource, brought=brought, limit=100)
            assert (check.subject in who.items) is check.allowed, case
        _require_answer(decision, case)
        action = check.permission.rpartition(".")[2]
        what = await search.resources(check.subject, action, check.resource.type, brought, limit=100)
        assert (check.resource in what.items) is check.allowed, case
        may = await search.actions(check.subject, check.resource, brought, limit=100)
        assert (action in may.items) is check.allowed, case


@pytest.mark.parametrize("name", NAMES)
async def test_a_list_filter_finds_what_a_scenario_allows(house: House, engine: Engine, name: str) -> None:
    scenario = read_scenario(name)
    await store_scenario(house.db, scenario)
    asked = {case.check.resource for case in scenario.cases if case.check.resource is not None}
    for case in scenario.cases:
        check = case.check
        assert check.resource is not None
        if check.subject is None:
            continue  # a list is somebody's
        resources = Resources(Document, type=check.resource.type, id=Document.id)
        fill(engine, [Document(id=each.id) for each in asked if each.type == check.resource.type])
        house.clock.now = check.when.at or 0
        question = (check.subject.id, check.permission, resources, Brought(check.when.context))
        assert (check.resource.id in await found(house, engine, *question)) is check.allowed, case
