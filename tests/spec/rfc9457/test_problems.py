"""Problem details: one form for every error of the API, with the headers that belong to it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from ostiary import errors
from ostiary.app import Ostiary
from tests.support.installation import new_administrator, new_client, new_person, settings_for_test
from tests.support.time import ManualClock

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _problem(answer: httpx.Response) -> dict[str, Any]:
    """The members, having checked what every problem must hold (RFC 9457 section 3.1)."""
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"] == f"http://localhost:8000/docs/errors#{problem['code']}"
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["title"]
    return problem


async def test_every_kind_of_refusal_has_the_same_form(ostiary: Ostiary) -> None:
    person, client = await new_person(ostiary), new_client(ostiary)
    answers = {
        "invalid_request": await client.post("/api/auth/login", json={"identifier": 7}),
        "unauthenticated": await client.get("/api/auth/me"),
        "invalid_token": await client.get("/api/auth/me", headers={"Authorization": "Bearer x"}),
        "forbidden": await person.request("GET", "/api/roles"),
        "csrf_rejected": await person.client.delete("/api/sessions"),
        "not_found": await client.get("/api/nothing"),
        "method_not_allowed": await client.put("/api/auth/me"),
        "unsupported_media_type": await client.post("/api/auth/login", content="{}"),
        "payload_too_large": await client.post("/api/auth/login", content=" " * 70_000),
        "headers_too_large": await client.get("/api/auth/me", headers={"X-Long": "x" * 20_000}),
        "weak_password": await client.post(
            "/api/auth/register", json={"email": "a@example.com", "password": "passwordpassword"}
        ),
    }
    assert {code: _problem(answer)["code"] for code, answer in answers.items()} == {code: code for code in answers}
    assert answers["method_not_allowed"].headers["allow"] == "GET, HEAD, PATCH"
    for code, answer in answers.items():
        assert ("www-authenticate" in answer.headers) == (answer.status_code == 401), code


async def test_the_title_belongs_to_the_code_and_the_detail_to_the_occurrence(ostiary: Ostiary) -> None:
    client = new_client(ostiary)
    one = _problem(await client.post("/api/auth/login", json={}))
    other = _problem(await client.post("/api/auth/login", json={"identifier": "a", "password": 1}))
    assert one["title"] == other["title"] == errors.InvalidRequest.title
    assert (one["field"], other["field"]) == ("identifier", "password")
    assert one["detail"] != other["detail"]


async def test_a_missing_permission_is_named(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    problem = _problem(await person.request("DELETE", f"/api/accounts/{(await new_administrator(ostiary)).id}"))
    assert problem["permission"] == "ostiary.accounts.delete"


async def test_a_limit_says_when_to_come_back(database_url: str, clock: ManualClock) -> None:
    settings = settings_for_test(database_url, limits__login_address="2/1m")
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as opened:
        client = new_client(opened)
        body = {"identifier": "nobody", "password": "seven quiet lanterns"}
        for _ in range(2):
            assert _problem(await client.post("/api/auth/login", json=body))["code"] == "invalid_credentials"
        answer = await client.post("/api/auth/login", json=body)
        assert (_problem(answer)["code"], answer.headers["retry-after"]) == ("rate_limited", "30")


async def test_a_fault_of_ours_tells_nothing_of_itself(ostiary: Ostiary, caplog: pytest.LogCaptureFixture) -> None:
    person = await new_person(ostiary)
    await ostiary.use.db.close()
    answer = await person.request("GET", "/api/auth/me")
    problem = _problem(answer)
    assert answer.status_code in (500, 503)
    assert "Traceback" not in json.dumps(problem)
    assert "sqlite" not in json.dumps(problem).lower()
