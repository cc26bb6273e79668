"""OpenAPI 3.1: the description says of every row of the API what the row says, and nothing by hand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis

from ostiary.app import Ostiary
from ostiary.web.openapi import problems_of
from ostiary.web.reference import error_classes, errors_page
from ostiary.web.route import UNSAFE, Knock, Route
from tests.support.installation import new_client, settings_for_test

ROOT = Path(__file__).parents[3]
Json = dict[str, Any]


@pytest.fixture
async def api(sqlite_url: str) -> Any:
    """An installation, and its description as a client reads it."""
    opened = await Ostiary.open(settings_for_test(sqlite_url), migrate_first=True)
    async with opened, new_client(opened) as client:
        yield opened, (await client.get("/openapi.json")).json()


def _rows(opened: Ostiary) -> list[Route]:
    return [route for route in opened.web.table.routes if route.tag]


def _operation(description: Json, route: Route) -> Json:
    found: Json = description["paths"][route.path][route.method.lower()]
    return found


def _resolved(description: Json, node: Json) -> Json:
    while "$ref" in node:
        for name in (reference := node["$ref"].removeprefix("#/").split("/")):
            node = description if name == reference[0] else node
            node = node[name]
    return node


async def test_it_is_valid_openapi_3_1(api: tuple[Ostiary, Json]) -> None:
    assert api[1]["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(api[1]).validate()


async def test_it_has_every_row_of_the_api_and_no_page(api: tuple[Ostiary, Json]) -> None:
    opened, description = api
    described = {(method.upper(), path) for path, item in description["paths"].items() for method in item}
    assert described == {(route.method, route.path) for route in _rows(opened)}
    operations = [_operation(description, route)["operationId"] for route in _rows(opened)]
    assert len(set(operations)) == len(operations)


async def test_it_names_the_installation_that_it_is_read_from(api: tuple[Ostiary, Json]) -> None:
    opened, description = api
    assert description["servers"] == [{"url": opened.use.settings.issuer}]
    assert description["info"]["title"] == opened.use.settings.site_name
    tags = {tag for route in _rows(opened) for tag in _operation(description, route)["tags"]}
    assert tags == {tag["name"] for tag in description["tags"]}


async def test_every_error_status_is_problem_details_with_its_codes(api: tuple[Ostiary, Json]) -> None:
    opened, description = api
    for route in _rows(opened):
        for status, errors in problems_of(route).items():
            response = _resolved(description, _operation(description, route)["responses"][str(status)])
            if route.protocol:
                assert response["content"].keys() == {"application/json"}  # RFC 6749 section 5.2
                continue
            narrowed = response["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]
            assert narrowed["code"]["enum"] == [error.code for error in errors]
            assert narrowed["status"]["const"] == status == errors[0].status


@pytest.mark.parametrize(
    ("status", "header"), [("401", "WWW-Authenticate"), ("429", "Retry-After"), ("503", "Retry-After")]
)
async def test_headers_that_a_client_acts_on_are_described(api: tuple[Ostiary, Json], status: str, header: str) -> None:
    response = _resolved(api[1], api[1]["paths"]["/api/auth/login"]["post"]["responses"][status])
    assert header in response["headers"]


async def test_a_version_is_answered_and_taken_back(api: tuple[Ostiary, Json]) -> None:
    data = api[1]["paths"]["/api/session/data"]
    assert all(data[method]["responses"]["200"]["headers"]["ETag"]["required"] for method in ("get", "patch"))
    assert [parameter["name"] for parameter in data["patch"]["parameters"]] == ["If-Match"]
    assert "412" in data["patch"]["responses"]


async def test_who_may_knock_is_said_and_a_cookie_needs_the_csrf_token(api: tuple[Ostiary, Json]) -> None:
    opened, description = api
    schemes = description["components"]["securitySchemes"]
    for route in _rows(opened):
        security = _operation(description, route)["security"]
        assert ({} in security or security == []) == (route.knock is Knock.ANYONE)
        for requirement in security:
            assert requirement.keys() <= schemes.keys()
            by_cookie = any(schemes[name]["in"] == "cookie" for name in requirement if name != "bearer")
            assert ("csrf" in requirement) == (by_cookie and route.method in UNSAFE)


async def test_the_schemas_hold_the_bounds_that_are_kept(api: tuple[Ostiary, Json]) -> None:
    schemas = api[1]["components"]["schemas"]
    registration = schemas["RegistrationRequest"]["properties"]
    assert registration["email"]["maxLength"] == 254
    assert registration["name"]["maxLength"] == 120
    assert registration["username"]["anyOf"][0]["pattern"] == "^([A-Za-z0-9][A-Za-z0-9._-]{1,30}[A-Za-z0-9])?$"
    assert schemas["RegistrationRequest"]["additionalProperties"] is False
    assert schemas["AccountView"]["properties"]["created_at"]["format"] == "date-time"


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"email": "a" * 250 + "@example.com"}, "email"), ({"name": "x" * 121}, "name"), ({"username": "no"}, "username")],
)
async def test_what_is_out_of_bounds_is_refused_in_words_that_name_the_field(
    api: tuple[Ostiary, Json], wrong: dict[str, str], field: str
) -> None:
    body = {"email": "ada@example.com", "password": "seven quiet lanterns"} | wrong
    async with new_client(api[0]) as client:
        answer = await client.post("/api/auth/register", json=body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert "regex" not in answer.json()["detail"]


async def test_a_query_is_described_without_null_and_refuses_the_word(api: tuple[Ostiary, Json]) -> None:
    parameters = api[1]["paths"]["/api/audit"]["get"]["parameters"]
    assert [parameter["name"] for parameter in parameters] == ["account_id", "event", "cursor", "limit"]
    assert "null" not in str(parameters)


async def test_it_is_kept_by_caches_for_a_while(client: httpx.AsyncClient) -> None:
    answer = await client.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "public, max-age=300"


_MAKE = """
import sys, msgspec
from ostiary.web.openapi import openapi
from ostiary.web.pages.render import Pages
from ostiary.web.routes import TAGS, all_routes
from tests.support.installation import settings_for_test
settings = settings_for_test("sqlite:///nowhere.db")
rows = [row for row in all_routes(settings, Pages(settings)) if row.tag]
sys.stdout.buffer.write(msgspec.json.encode(openapi(rows, TAGS, settings)))
"""


def test_every_process_makes_the_same_one() -> None:
    """However its sets are ordered."""
    made = {
        subprocess.run(
            [sys.executable, "-c", _MAKE],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(made) == 1


def test_the_page_of_errors_is_what_the_code_says() -> None:
    page = ROOT / "docs" / "reference" / "errors.md"
    assert page.read_text() == errors_page(), "run: python -m ostiary.web.reference > docs/reference/errors.md"


def test_every_error_says_what_to_do() -> None:
    remedies = [error.remedy for error in error_classes()]
    assert len(set(remedies)) == len(remedies)
    assert all(remedy.endswith(".") and "|" not in remedy for remedy in remedies)


async def test_errors_are_listed_under_the_address_that_their_type_names(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs/errors")).text
    problem = (await client.get("/api/auth/me")).json()
    assert problem["type"].endswith("/docs/errors#unauthenticated")
    assert all(f'id="{error.code}"' in page for error in error_classes())
