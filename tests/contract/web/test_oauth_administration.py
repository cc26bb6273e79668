"""``/api/clients`` and ``/api/apis``: by whom, and what they refuse. The same by the CLI, in tests/cli."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.accounts import AccountCreate
from ostiary.app import Ostiary
from ostiary.authorization import AssignmentCreate, GrantCreate
from ostiary.authorization.model import Effect
from tests.support.installation import new_administrator, new_person

CLIENT = {"metadata": {"client_name": "Weather", "redirect_uris": ["https://app.example/cb"]}}
API = {"identifier": "https://api.example", "definition": {"name": "Forecasts", "scopes": {"forecasts.read": "Read"}}}


async def test_a_client_from_creation_to_removal(ostiary: Ostiary) -> None:
    admin = await new_administrator(ostiary)
    made = (await admin.request("POST", "/api/clients", CLIENT)).json()
    assert made["client_secret"].startswith("ost_cs_")
    one = f"/api/clients/{made['client_id']}"
    shown = (await admin.request("GET", one)).json()
    assert "client_secret" not in shown
    assert shown["secrets"][0]["hint"] == "…" + made["client_secret"][-4:]
    changed = await admin.request("PATCH", one, {"metadata": {"client_name": "Climate", "redirect_uris": None}})
    assert changed.json()["error" if "error" in changed.json() else "code"] == "invalid_redirect_uri"
    changed = await admin.request("PATCH", one, {"metadata": {"client_name": "Climate"}})
    assert changed.json()["metadata"]["client_name"] == "Climate"
    secret = (await admin.request("POST", one + "/secrets", {"overlap": 0})).json()
    assert (await admin.request("DELETE", f"{one}/secrets/{secret['id']}")).status_code == 204
    assert [each["client_id"] for each in (await admin.request("GET", "/api/clients")).json()["items"]] == [
        made["client_id"]
    ]
    assert (await admin.request("DELETE", one)).status_code == 204
    assert (await admin.request("GET", one)).status_code == 404


async def test_an_api_from_creation_to_removal(ostiary: Ostiary) -> None:
    admin = await new_administrator(ostiary)
    made = (await admin.request("POST", "/api/apis", API)).json()
    assert made["signing_secret"] is None
    one = f"/api/apis/{made['id']}"
    changed = (await admin.request("PATCH", one, {"definition": {"algorithm": "HS256"}})).json()
    assert len(changed["signing_secret"]) == 43
    assert "signing_secret" not in (await admin.request("GET", one)).json()
    assert (await admin.request("POST", "/api/apis", API)).status_code == 409
    assert (await admin.request("DELETE", one)).status_code == 204
    assert (await admin.request("GET", "/api/apis")).json()["items"] == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/clients", {"metadata": {"client_nam": "x"}}),
        ("/api/clients", {"metadata": {"redirect_uris": ["http://app.example/cb"]}}),
        ("/api/clients", CLIENT | {"client_id": "no spaces"}),
        ("/api/clients", CLIENT | {"account_id": "acc_unknown"}),
        ("/api/clients", {"metadata": CLIENT["metadata"] | {"profile": "fapi2"}}),
        ("/api/apis", API | {"identifier": "not a uri"}),
        ("/api/apis", API | {"identifier": "http://localhost:8000"}),
        ("/api/apis", API | {"definition": {"name": "x", "scopes": {"openid": ""}}}),
        ("/api/apis", API | {"definition": {"name": "x", "scopes": {"ostiary.accounts.read": ""}}}),
        ("/api/apis", API | {"definition": {"name": "x", "token_ttl": 86_400}}),
        ("/api/apis", API | {"definition": {"name": "x", "algorithm": "none"}}),
    ],
)
async def test_what_cannot_be_registered(server: Ostiary, path: str, body: dict[str, Any]) -> None:
    admin = await new_administrator(server)
    answer = await admin.request("POST", path, body)
    assert answer.status_code in (400, 404), answer.text
    assert answer.json()["code"]
    assert (await admin.request("GET", path)).json()["items"] == []


async def test_a_client_never_exceeds_who_registers_it(server: Ostiary) -> None:
    """Linked to a service account that may more, its secret would be a way up."""
    operator = server.operator()
    strong = await server.use.account_administration.create(operator, AccountCreate(kind="service", name="Strong"))
    await server.use.assignments.assign(operator, strong.id, AssignmentCreate("administrator", None))
    clerk = await new_person(server)
    for permission in ("create", "update", "read"):
        grant = GrantCreate(f"ostiary.clients.{permission}", Effect.ALLOW)
        await server.use.grants.create(operator, clerk.id, grant)
    await clerk.sign_in()
    refused = await clerk.request("POST", "/api/clients", CLIENT | {"account_id": strong.id})
    assert refused.status_code == 403, refused.text
    from ostiary.oauth import ClientCreate

    made = await server.use.oauth.clients.create(operator, ClientCreate(CLIENT["metadata"], account_id=strong.id))
    assert (await clerk.request("POST", f"/api/clients/{made.client_id}/secrets")).status_code == 403
    person = await new_person(server)
    assert (await person.request("GET", "/api/clients")).status_code == 403
