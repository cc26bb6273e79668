"""Cross-site request forgery: an unsafe request that a cookie authenticates needs our origin and a fresh form token."""

from __future__ import annotations

import re
from typing import Any

import httpx

from ostiary.app import Ostiary
from ostiary.web.route import UNSAFE, Route
from tests.attacks.evidence import assert_refused, contents
from tests.support.installation import PASSWORD, Person, new_administrator, new_client, new_person

FOREIGN_PAGES: list[dict[str, str]] = [
    {"Origin": "https://eve.example.com"},
    {"Origin": "null"},
    {"Origin": "http://localhost:8001"},
    {"Origin": "https://localhost:8000"},
    {"Origin": "http://localhost:8000.eve.example.com"},
    {"Origin": "http://eve.example.com/http://localhost:8000"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:8000"},
    {"Sec-Fetch-Site": "nonsense"},
    {"Referer": "https://eve.example.com/http://localhost:8000/"},
]


def unsafe_routes(ostiary: Ostiary) -> list[Route]:
    found = [route for route in ostiary.web.table.routes if route.method in UNSAFE and not route.foreign]
    assert len(found) > 30
    return found


def filled(route: Route) -> str:
    return re.sub(r"{\w+}", "x", route.path)


async def test_every_unsafe_route_refuses_a_page_of_another_site(sqlite: Ostiary) -> None:
    """Signed in as an administrator, with a good form token: the origin alone is enough to refuse."""
    victim = await new_administrator(sqlite)
    await victim.request("GET", "/api/auth/me")  # gives the session the new secret that the role has made due
    before = await contents(sqlite)
    for route in unsafe_routes(sqlite):
        for page in FOREIGN_PAGES:
            answer = await victim.client.request(route.method, filled(route), headers={**victim.headers, **page})
            assert answer.status_code == 403, (route.method, route.path, page, answer.text[:300])
            assert "csrf_rejected" in answer.text, (route.method, route.path, page)
    assert await contents(sqlite) == before


async def test_every_unsafe_route_refuses_a_cookie_without_a_form_token(sqlite: Ostiary) -> None:
    victim, other = await new_administrator(sqlite), await new_person(sqlite)
    stale = victim.csrf or ""
    await victim.sign_in()
    before = await contents(sqlite)
    tokens: dict[str, str] = {
        "none": "",
        "of an older session of the same person": stale,
        "of somebody else's session": other.csrf or "",
        "nonsense": "x",
        "of the right length": "A" * 43,
        "not base64": "é" * 4,
        "the session's secret": victim.client.cookies["ostiary_session"],
    }
    for route in unsafe_routes(sqlite):
        # The one looks at another cookie, see below; the others at none, but at a signature.
        if route.path == "/api/auth/refresh" or route.path.startswith("/api/session/bound/"):
            continue
        for case, token in tokens.items():
            answer = await _sent(victim.client, route, token)
            assert answer.status_code == 403, (route.method, route.path, case, answer.text[:300])
            assert "csrf_rejected" in answer.text, (route.method, route.path, case)
    assert await contents(sqlite) == before


async def _sent(client: httpx.AsyncClient, route: Route, token: str) -> httpx.Response:
    if route.page:
        return await client.request(route.method, filled(route), data={"csrf_token": token})
    header: dict[str, Any] = {"X-CSRF-Token": token.encode()}
    return await client.request(route.method, filled(route), json={}, headers=header)


async def test_the_form_token_of_before_the_sign_in_is_worth_nothing_after_it(sqlite: Ostiary) -> None:
    person = await new_person(sqlite)
    client = new_client(sqlite)
    before = _form_token(await client.get("/login"))
    await client.post("/login", data={"identifier": person.email, "password": PASSWORD, "csrf_token": before})
    assert (await client.get("/account")).status_code == 200
    answer = await client.post("/account/profile", data={"name": "Eve", "csrf_token": before})
    assert answer.status_code == 403
    answer = await client.patch("/api/auth/me", json={"name": "Eve"}, headers={"X-CSRF-Token": before})
    assert_refused(answer, 403, "csrf_rejected")
    good = _form_token(await client.get("/account"))
    assert (await client.post("/account/profile", data={"name": "Ada", "csrf_token": good})).status_code == 303


async def test_nobody_is_signed_in_as_somebody_else_from_another_site(sqlite: Ostiary) -> None:
    """Login CSRF: a victim who is signed in as the attacker unawares gives away what she enters there."""
    attacker = await new_person(sqlite)
    credentials = {"identifier": attacker.email, "password": PASSWORD}
    own_token = _form_token(await attacker.client.get("/account"))
    for data in (credentials, {**credentials, "csrf_token": own_token}):
        victim = new_client(sqlite)
        await victim.get("/login")
        answer = await victim.post("/login", data=data)
        assert answer.status_code == 403, answer.text
        assert "ostiary_session" not in victim.cookies
    victim = new_client(sqlite)
    answer = await victim.post("/api/auth/login", json=credentials, headers={"Origin": "https://eve.example.com"})
    assert_refused(answer, 403, "csrf_rejected")
    # What a page of another site may send without asking first is no JSON to us.
    answer = await victim.post("/api/auth/login", content=str(credentials), headers={"Content-Type": "text/plain"})
    assert_refused(answer, 415, "unsupported_media_type")


async def test_the_refresh_cookie_needs_the_form_token_of_its_family(sqlite: Ostiary) -> None:
    victim, other = await new_person(sqlite, delivery="token_cookie"), await new_person(sqlite, delivery="token_cookie")
    assert victim.csrf is not None
    headers: list[dict[str, str]] = [{}, {"X-CSRF-Token": other.csrf or ""}, {"X-CSRF-Token": "x"}]
    for case in headers:
        answer = await victim.client.post("/api/auth/refresh", json={}, headers=case)
        assert_refused(answer, 403, "csrf_rejected", case)
    answer = await victim.client.post("/api/auth/refresh", json={}, headers={"X-CSRF-Token": victim.csrf})
    assert answer.status_code == 200, "a refused request must not have spent the token"


async def test_the_token_cookie_needs_the_form_token_of_its_family(sqlite: Ostiary) -> None:
    victim, other = await new_person(sqlite, delivery="token_cookie"), await new_person(sqlite)
    for token in ("", other.csrf or "", victim.client.cookies["ostiary_access"]):
        answer = await victim.client.patch("/api/auth/me", json={"name": "Eve"}, headers={"X-CSRF-Token": token})
        assert_refused(answer, 403, "csrf_rejected", token[:10])
    assert (await victim.request("PATCH", "/api/auth/me", {"name": "Ada"})).status_code == 200


async def test_a_bearer_token_is_no_cookie_and_needs_no_form_token(sqlite: Ostiary) -> None:
    person: Person = await new_person(sqlite, delivery="token")
    assert (await person.request("PATCH", "/api/auth/me", {"name": "Ada"})).status_code == 200


def _form_token(page: httpx.Response) -> str:
    match = re.search(r'name="csrf_token" value="([\w-]+)"', page.text)
    assert match is not None, page.text
    return match.group(1)
