"""What applications in browsers need of the authorization server: CORS without cookies; and limits everywhere."""

from __future__ import annotations

from typing import Any

import pytest

from ostiary.app import Ostiary
from tests.support.installation import new_client, new_person, settings_for_test
from tests.support.oauth import new_application
from tests.support.time import ManualClock

SPA = {"Origin": "https://spa.example"}
ENDPOINTS = {
    "/oauth/token": "POST",
    "/oauth/userinfo": "GET",
    "/oauth/revoke": "POST",
    "/oauth/par": "POST",
    "/.well-known/openid-configuration": "GET",
}


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_a_page_of_another_site_may_ask_but_never_with_cookies(server: Ostiary, path: str) -> None:
    client = new_client(server)
    asked = SPA | {
        "Access-Control-Request-Method": ENDPOINTS[path],
        "Access-Control-Request-Headers": "authorization, dpop",
    }
    preflight = await client.request("OPTIONS", path, headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert ENDPOINTS[path] in preflight.headers["access-control-allow-methods"]
    assert "dpop" in preflight.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in preflight.headers
    answer = await client.request(ENDPOINTS[path], path, headers=SPA)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("path", ["/api/auth/me", "/api/clients", "/consent", "/oauth/authorize", "/account"])
async def test_nothing_else_is_for_pages_of_other_sites(server: Ostiary, path: str) -> None:
    client = new_client(server)
    assert (await client.request("OPTIONS", path, headers=SPA)).status_code == 405
    assert "access-control-allow-origin" not in (await client.get(path, headers=SPA)).headers


async def test_a_public_application_in_a_browser_goes_all_the_way(server: Ostiary) -> None:
    app = await new_application(server, token_endpoint_auth_method="none", redirect_uris=["https://spa.example/cb"])
    person = await new_person(server)
    code = (await app.authorize(person))["code"]
    answer = await app.redeem(code, headers=SPA | {"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    again = await app.refresh(answer.json()["refresh_token"], headers=SPA | {"Sec-Fetch-Site": "cross-site"})
    assert again.status_code == 200


@pytest.mark.parametrize(
    ("limit", "path"),
    [
        ("token_address", "/oauth/token"),
        ("token_address", "/oauth/introspect"),
        ("token_address", "/oauth/par"),
        ("client_registration_address", "/oauth/register"),
        ("authorize_address", "/oauth/authorize"),
    ],
)
async def test_each_endpoint_has_its_limit(sqlite_url: str, clock: ManualClock, limit: str, path: str) -> None:
    changed = {f"limits__{limit}": "3/1m", "oauth__registration": "open"}
    async with await Ostiary.open(settings_for_test(sqlite_url, **changed), clock=clock) as server:
        client = new_client(server)
        body: dict[str, Any] = {"json": {}} if path.endswith("register") else {"data": {}}
        statuses = [(await client.post(path, **body)).status_code for _ in range(4)]
    assert 429 not in statuses[:3]
    assert statuses[3] == 429
