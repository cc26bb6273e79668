"""Scenarios as data (``tests/scenarios/*.yaml``): a model, facts, and questions with the answers that they must get.

``model`` and ``facts`` are as in a model file; a case is one of its checks, with ``because`` and ``would_allow`` of
the decision where they matter.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import yaml

from ostiary.authorization.model import Resource
from ostiary.authorization.model_file import Check, FactsGiven, model_tests, read_model
from ostiary.authorization.schema import AuthorizationModel
from ostiary.authorization.store import columns
from ostiary.database import Database

_FOLDER = Path(__file__).parent.parent / "scenarios"
NAMES = sorted(file.stem for file in _FOLDER.glob("*.yaml"))


class Case(msgspec.Struct, frozen=True):
    check: Check
    because: list[str] | None
    would_allow: list[str] | None


class ModelScenario(msgspec.Struct, frozen=True):
    text: str
    model: AuthorizationModel
    facts: FactsGiven
    cases: tuple[Case, ...]

    def accounts(self) -> set[str]:
        """The ids of all accounts that the facts or the cases name."""
        facts = self.facts
        named = [
            *(Resource(each.subject.type, each.subject.id) for each in facts.relations if each.subject.id != "*"),
            *(role.subject for role in facts.roles),
            *(grant.subject for grant in facts.grants),
            *facts.attributes,
            *(case.check.subject for case in self.cases),
        ]
        return {each.id for each in named if each is not None and each.type == "user"}


@cache
def read_scenario(name: str) -> ModelScenario:
    raw = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text("utf-8"))
    asked = [{key: each[key] for key in each if key not in ("because", "would_allow")} for each in raw["cases"]]
    text = _json(raw["model"])
    (test,) = model_tests(
        _json({**raw["model"], "tests": [{"name": raw["title"], "facts": raw["facts"], "check": asked}]})
    )
    cases = [
        Case(check, each.get("because"), each.get("would_allow"))
        for check, each in zip(test.check, raw["cases"], strict=True)
    ]
    return ModelScenario(text, read_model(text), test.facts, tuple(cases))


def _json(value: object) -> str:
    """In JSON, which is YAML as well."""
    return msgspec.json.encode(value).decode()


async def store_scenario(db: Database, scenario: ModelScenario) -> None:
    """Put it all into an empty database."""
    async with db.transaction() as tx:
        for topic in ("authorization", "roles", "model", "relations"):
            await tx.bump(topic)
        for sql, rows in _rows(scenario).items():
            for row in rows:
                await tx.execute(sql, **row)


def _rows(scenario: ModelScenario) -> dict[str, list[dict[str, Any]]]:
    model, facts = scenario.model, scenario.facts
    return {
        "INSERT INTO accounts (id, kind, status, name, created_at, updated_at)"
        " VALUES (:id, 'user', 'active', '', 0, 0)": [{"id": id_} for id_ in sorted(scenario.accounts())],
        "INSERT INTO roles (name, description, builtin, created_at, updated_at) VALUES (:name, '', 0, 0, 0)": [
            {"name": name} for name in model.roles
        ],
        "INSERT INTO role_permissions (role, permission) VALUES (:role, :permission)": [
            {"role": name, "permission": each} for name, role in model.roles.items() for each in role.permissions
        ],
        "INSERT INTO role_includes (role, included) VALUES (:role, :included)": [
            {"role": name, "included": each} for name, role in model.roles.items() for each in role.includes
        ],
        "INSERT INTO role_assignments (id, account_id, group_id, role, resource_type, resource_id, created_at)"
        " VALUES (:id, :account_id, :group_id, :role, :resource_type, :resource_id, 0)": [
            {"id": f"ras_{n}", "role": each.role, **_holder(each.subject), **columns(each.on)}
            for n, each in enumerate(facts.roles)
        ],
        "INSERT INTO direct_grants (id, account_id, group_id, permission, effect, resource_type, resource_id,"
        " expires_at, created_at) VALUES (:id, :account_id, :group_id, :permission, :effect, :resource_type,"
        " :resource_id, :until, 0)": [
            {
                "id": f"grt_{n}",
                "permission": each.permission,
                "effect": each.effect.value,
                "until": each.until,
                **_holder(each.subject),
                **columns(each.on),
            }
            for n, each in enumerate(facts.grants)
        ],
        "INSERT INTO relations (object, relation, subject, created_at) VALUES (:object, :relation, :subject, 0)": [
            {"object": str(each.object), "relation": each.relation, "subject": each.subject.key}
            for each in facts.relations
        ],
        "INSERT INTO entities (object, attributes, created_at, updated_at) VALUES (:object, :attributes, 0, 0)": [
            {"object": str(each), "attributes": _json(found)} for each, found in facts.attributes.items()
        ],
        "INSERT INTO subject_sets (type, relation) VALUES (:type, :relation)": [
            {"type": type_, "relation": relation} for type_, relation in sorted(model.sets() - {("group", "member")})
        ],
        "INSERT INTO authorization_models (name, version, text, applied_at) VALUES (:name, 1, :text, 0)": [
            {"name": model.name, "text": scenario.text}
        ],
    }


def _holder(subject: Resource) -> dict[str, str | None]:
    if subject.type == "user":
        return {"account_id": subject.id, "group_id": None}
    return {"account_id": None, "group_id": f"{subject.type}#member:{subject.id}"}
