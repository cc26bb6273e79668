"""What tests do with API keys: make one, show one."""

from __future__ import annotations

from typing import Any

import httpx

from ostiary.app import Ostiary
from ostiary.authorization import AssignmentCreate, Effect, GrantCreate, RoleCreate
from tests.support.installation import Person, new_client, new_person

OWN = "/api/credentials/api-keys"
WHO = "/api/auth/me"


async def holder_of(ostiary: Ostiary, *permissions: str, **options: Any) -> Person:
    """A person who holds these permissions everywhere."""
    person = await new_person(ostiary, **options)
    for permission in permissions:
        await ostiary.use.grants.create(ostiary.operator(), person.id, GrantCreate(permission, Effect.ALLOW))
    assert (await person.request("GET", WHO)).status_code == 200  # takes the new secret that is due
    return person


async def in_role(ostiary: Ostiary, name: str, *permissions: str) -> Person:
    """A person with a role of these permissions."""
    person = await new_person(ostiary)
    await ostiary.use.roles.create(ostiary.operator(), RoleCreate(name, permissions=permissions))
    await ostiary.use.assignments.assign(ostiary.operator(), person.id, AssignmentCreate(name, None))
    assert (await person.request("GET", WHO)).status_code == 200
    return person


def theirs(account_id: str) -> str:
    """Where an administrator finds the keys of this account."""
    return f"/api/accounts/{account_id}/api-keys"


async def new_api_key(person: Person, *scopes: str, at: str = OWN, **members: Any) -> dict[str, Any]:
    """A key that this person has made; ``key`` is its secret."""
    answer = await person.request("POST", at, {"name": "a test", "scopes": scopes, **members})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def show_key(
    ostiary: Ostiary, key: str, path: str = WHO, method: str = "GET", json: Any = None, **headers: str
) -> httpx.Response:
    """A request with this key in ``X-API-Key`` and no other credential; ``X_Name`` is a header."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with new_client(ostiary) as client:
        return await client.request(method, path, json=json, headers={"X-API-Key": key, **sent})


async def opens(ostiary: Ostiary, key: str) -> bool:
    """Whether the key is good."""
    answer = await show_key(ostiary, key)
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200


async def may(ostiary: Ostiary, key: str, permission: str) -> bool:
    """Whether whoever has the key may do this, as an application that asks on their behalf is told."""
    kind, _, action = permission.rpartition(".")
    me = (await show_key(ostiary, key)).json()["account"]["id"]
    question = {
        "subject": {"type": "user", "id": me},
        "action": {"name": action},
        "resource": {"type": kind, "id": "7"},
    }
    answer = await show_key(ostiary, key, "/access/v1/evaluation", "POST", question)
    assert answer.status_code == 200, answer.text
    decided: bool = answer.json()["decision"]
    return decided
