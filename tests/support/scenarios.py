"""Decision scenarios (``tests/vectors/decisions/*.json``): facts, and questions with the answers that they must get.

The same case feeds the pure function and, through the use cases, a database.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from ostiary.authorization import Effect, Facts, Reason, Request, Resource, RoleGraph, Subject
from ostiary.authorization.facts import compile_subject
from ostiary.authorization.model import Granted

_FOLDER = Path(__file__).parent.parent / "vectors" / "decisions"


class RoleFacts(msgspec.Struct, forbid_unknown_fields=True):
    permissions: list[str] = []
    includes: list[str] = []


class RoleGiven(msgspec.Struct, forbid_unknown_fields=True):
    role: str
    on: str | None = None


class GrantGiven(msgspec.Struct, forbid_unknown_fields=True):
    effect: Effect
    permission: str
    on: str | None = None
    expires_at: int | None = None


class SubjectFacts(msgspec.Struct, forbid_unknown_fields=True):
    kind: str = "user"
    status: str = "active"
    roles: list[RoleGiven] = []
    grants: list[GrantGiven] = []


class Case(msgspec.Struct, forbid_unknown_fields=True):
    subject: str
    permission: str
    allowed: bool
    reason: Reason
    resource: str | None = None
    at: int = 1000
    because: list[str] | None = None
    would_allow: list[str] | None = None

    def request(self) -> Request:
        return Request(self.permission, resource(self.resource), self.at)


class Scenario(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    roles: dict[str, RoleFacts]
    subjects: dict[str, SubjectFacts]
    cases: list[Case]

    def policy(self) -> RoleGraph:
        roles = {"administrator": RoleFacts(["ostiary.*"])} | self.roles
        return RoleGraph(
            {name: role.permissions for name, role in roles.items()},
            {name: role.includes for name, role in roles.items()},
        )

    def facts(self, subject: str) -> Facts:
        given = self.subjects.get(subject)
        return Facts(self.policy(), None if given is None else compiled(subject, given))


def compiled(account_id: str, given: SubjectFacts) -> Subject:
    return compile_subject(
        given.kind,
        account_id,
        given.status == "active",
        [(each.role, resource(each.on), "") for each in given.roles],
        [Granted(each.permission, each.effect, resource(each.on), each.expires_at) for each in given.grants],
    )


def resource(text: str | None) -> Resource | None:
    """``documents:7`` as a resource."""
    return None if text is None else Resource(*text.split(":", 1))


def scenarios() -> dict[str, Scenario]:
    return {file.stem: msgspec.json.decode(file.read_bytes(), type=Scenario) for file in sorted(_FOLDER.glob("*.json"))}


def cases() -> list[tuple[str, Scenario, Case]]:
    """Every case of every scenario, with a name for it."""
    return [
        (f"{name}-{number}-{case.subject}-{case.permission}", scenario, case)
        for name, scenario in scenarios().items()
        for number, case in enumerate(scenario.cases)
    ]
