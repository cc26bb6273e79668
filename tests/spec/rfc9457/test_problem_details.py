"""RFC 9457, problem details: what an error of the API looks like, whichever it is."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ostiary.app import Ostiary
from tests.support.installation import new_administrator, new_client, new_person

KNOWN = {"type", "title", "status", "code", "request_id"}


def _problem(answer: httpx.Response) -> dict[str, Any]:
    """The members, with what holds for every problem checked."""
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    problem: dict[str, Any] = answer.json()
    assert problem.keys() >= KNOWN
    assert problem["status"] == answer.status_code
    assert problem["type"] == f"http://localhost:8000/docs/errors#{problem['code']}"
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert all(value is not None for value in problem.values())
    return problem


@pytest.mark.parametrize(
    ("method", "path", "options", "status", "code"),
    [
        ("POST", "/api/auth/login", {"content": b"{", "headers": {"content-type": "application/json"}}, 400, None),
        ("GET", "/api/auth/me", {}, 401, "unauthenticated"),
        ("POST", "/api/auth/login", {"json": {}, "headers": {"sec-fetch-site": "cross-site"}}, 403, "csrf_rejected"),
        ("GET", "/nowhere", {}, 404, "not_found"),
        ("PATCH", "/healthz", {}, 405, "method_not_allowed"),
        ("POST", "/api/auth/login", {"content": b" " * 70_000}, 413, "payload_too_large"),
        ("POST", "/api/auth/login", {"content": b"x"}, 415, "unsupported_media_type"),
        ("GET", "/healthz", {"headers": {"x-padding": "x" * 20_000}}, 431, "headers_too_large"),
    ],
)
async def test_every_error_has_one_form(
    client: httpx.AsyncClient, method: str, path: str, options: dict[str, Any], status: int, code: str | None
) -> None:
    answer = await client.request(method, path, **options)
    assert (_problem(answer)["code"], answer.status_code) == (code or "invalid_request", status)


async def test_the_title_is_the_same_each_time_and_the_detail_is_not(client: httpx.AsyncClient) -> None:
    short, long = [
        _problem(await client.post("/api/auth/register", json={"email": "ada@example.com", "password": password}))
        for password in ("short", "x" * 1000)
    ]
    assert short["code"] == long["code"] == "weak_password"
    assert short["title"] == long["title"]
    assert short["detail"] != long["detail"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": 7, "password": "x"}, "email"),
        ({"password": "x"}, "email"),
        ({"email": "a@example.com", "password": "x", "colour": "red"}, "colour"),
        ({"email": "a@example.com", "password": "x", "delivery": "pigeon"}, "delivery"),
        ({"email": "a@@example.com", "password": "x"}, "email"),
    ],
)
async def test_the_member_at_fault_is_named(client: httpx.AsyncClient, body: dict[str, Any], field: str) -> None:
    problem = _problem(await client.post("/api/auth/register", json=body))
    assert problem["field"] == field
    assert "$" not in problem["detail"], "the decoder's own notation"


async def test_a_member_inside_another_is_named_by_its_path(ostiary: Ostiary) -> None:
    administrator = await new_administrator(ostiary, delivery="token")
    body = {"permission": "documents.read", "effect": "allow", "resource": {"type": "documents", "id": 7}}
    answer = await administrator.request("POST", f"/api/accounts/{administrator.id}/grants", body)
    assert _problem(answer)["field"] == "resource.id"


async def test_an_error_adds_members_of_its_own(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, delivery="token")
    problem = _problem(await person.request("GET", "/api/accounts"))
    assert problem["permission"] == "ostiary.accounts.read"


async def test_a_fault_of_ours_is_500_and_tells_nothing_but_where_to_look(
    ostiary: Ostiary, caplog: pytest.LogCaptureFixture
) -> None:
    person = await new_person(ostiary, delivery="token")
    async with ostiary.use.db.transaction() as tx:
        await tx.execute("DROP TABLE audit_events")
    answer = await person.request("PATCH", "/api/auth/me", {"name": "Ada"})
    problem = _problem(answer)
    assert (answer.status_code, problem["code"], set(problem)) == (500, "internal_error", KNOWN)
    assert "audit_events" not in answer.text
    assert any(problem["request_id"] in record.getMessage() for record in caplog.records)
    me = await person.request("GET", "/api/auth/me")
    assert me.json()["account"]["name"] == "", "what was not recorded was not done"


async def test_a_page_for_people_instead_where_a_person_waits(ostiary: Ostiary) -> None:
    async with new_client(ostiary) as browser:
        answer = await browser.get("/verify/nowhere", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert answer.headers["x-request-id"] in answer.text
