"""The scenarios of the pure decision, stored by the use cases and decided from the database."""

from __future__ import annotations

import pytest

from ostiary.authorization import AssignmentCreate, RoleCreate
from ostiary.database import Database
from tests.contract.authorization.conftest import House
from tests.support.scenarios import Scenario, SubjectFacts, resource, scenarios

_SCENARIOS = scenarios()


async def _store(house: House, scenario: Scenario) -> None:
    for name, role in scenario.roles.items():
        new = RoleCreate(name, permissions=tuple(role.permissions), includes=tuple(role.includes))
        await house.roles.create(house.operator, new)
    for account_id, subject in scenario.subjects.items():
        await house.account(account_id=account_id, status=subject.status, kind=subject.kind)
        for assigned in subject.roles:
            new_assignment = AssignmentCreate(assigned.role, resource(assigned.on))
            await house.assignments.assign(house.operator, account_id, new_assignment)
        await _store_grants(house.db, account_id, subject)


async def _store_grants(db: Database, account_id: str, subject: SubjectFacts) -> None:
    # Not through the use case, which refuses times that have passed.
    async with db.transaction() as tx:
        await tx.bump("authorization")
        for number, grant in enumerate(subject.grants):
            place = resource(grant.on)
            await tx.execute(
                "INSERT INTO direct_grants (id, account_id, permission, effect, resource_type, resource_id,"
                " expires_at, created_at) VALUES (:id, :account_id, :permission, :effect, :type, :resource_id,"
                " :expires_at, 0)",
                id=f"{account_id}-{number}",
                account_id=account_id,
                permission=grant.permission,
                effect=grant.effect.value,
                type=place.type if place else "",
                resource_id=place.id if place else "",
                expires_at=grant.expires_at,
            )


@pytest.mark.parametrize("name", _SCENARIOS)
async def test_a_stored_scenario_is_decided_as_written(house: House, name: str) -> None:
    scenario = _SCENARIOS[name]
    await _store(house, scenario)
    for case in scenario.cases:
        house.clock.now = case.at
        decision = await house.authorizer.decide(case.subject, case.permission, resource(case.resource))
        assert (decision.allowed, decision.reason) == (case.allowed, case.reason), case
        if case.because is not None:
            assert [str(path) for path in decision.because] == case.because
        if case.would_allow is not None:
            assert list(decision.would_allow) == case.would_allow
