"""What holds for every row of the route table, tried on each of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ostiary.app import Ostiary
from ostiary.web.route import UNSAFE, Knock, Route
from tests.support.installation import LiveServer, Person, new_client, new_person, settings_for_test

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def opened(sqlite_url: str) -> AsyncIterator[Ostiary]:
    async with await Ostiary.open(settings_for_test(sqlite_url), migrate_first=True) as installation:
        yield installation


@pytest.fixture
async def person(opened: Ostiary) -> Person:
    return await new_person(opened)


def _rows(opened: Ostiary, *, page: bool | None = None, unsafe: bool | None = None) -> list[Route]:
    rows = [
        row for row in opened.web.table.routes if page in (None, row.page) and unsafe in (None, row.method in UNSAFE)
    ]
    assert rows
    return rows


def _address(row: Route) -> str:
    return "/".join("x" if part.startswith("{") else part for part in row.path.split("/"))


async def _send(client: httpx.AsyncClient, row: Route, **more: Any) -> httpx.Response:
    if row.page and row.method in UNSAFE:
        more["headers"] = FORM | more.get("headers", {})
    elif row.body is not None:
        more.setdefault("json", {})
    return await client.request(row.method, _address(row), **more)


def _shown(row: Route, answer: httpx.Response) -> str:
    return f"{row.method} {row.path}: {answer.status_code} {answer.text[:200]}"


def _code(answer: httpx.Response) -> str | None:
    if answer.headers.get("content-type") != "application/problem+json":
        return None
    code: str = answer.json()["code"]
    return code


async def test_no_cookie_changes_anything_by_the_api_without_the_csrf_token(opened: Ostiary, person: Person) -> None:
    wrong = [
        _shown(row, answer)
        for row in _rows(opened, page=False, unsafe=True)
        if row.recognise
        and (_code(answer := await _send(person.client, row)), answer.status_code) != ("csrf_rejected", 403)
    ]
    assert wrong == []
    assert (await person.request("GET", "/api/auth/me")).status_code == 200


async def test_no_refresh_cookie_is_spent_without_the_csrf_token(opened: Ostiary) -> None:
    person = await new_person(opened, delivery="token_cookie")
    refused = await person.client.post("/api/auth/refresh")
    assert (refused.status_code, _code(refused)) == (403, "csrf_rejected")
    taken = await person.client.post("/api/auth/refresh", headers={"X-CSRF-Token": person.csrf or ""})
    assert taken.status_code == 200


@pytest.mark.parametrize("signed_in", [True, False])
async def test_no_form_is_taken_without_its_token(opened: Ostiary, person: Person, signed_in: bool) -> None:
    client = person.client if signed_in else new_client(opened)
    wrong = [
        _shown(row, answer)
        for row in _rows(opened, page=True, unsafe=True)
        if not row.foreign
        and (signed_in or row.knock is Knock.ANYONE)
        and (answer := await _send(client, row)).status_code != 403
    ]
    assert wrong == []


@pytest.mark.parametrize("header", [{"sec-fetch-site": "cross-site"}, {"origin": "https://elsewhere.example.org"}])
async def test_nothing_is_changed_from_a_page_of_another_site(
    opened: Ostiary, person: Person, header: dict[str, str]
) -> None:
    headers = header | {"X-CSRF-Token": person.csrf or ""}
    wrong = [
        _shown(row, answer)
        for row in _rows(opened, unsafe=True)
        if not row.foreign and (answer := await _send(person.client, row, headers=headers)).status_code != 403
    ]
    assert wrong == []


async def test_what_any_site_may_send_looks_at_no_cookie(opened: Ostiary, person: Person) -> None:
    """The answer is the same with a session and without, and sets none."""
    rows = [row for row in _rows(opened, unsafe=True) if row.foreign]
    assert len(rows) > 8
    async with new_client(opened) as nobody:
        for row in rows:
            header = {"sec-fetch-site": "cross-site"}
            ours, theirs = await _send(person.client, row, headers=header), await _send(nobody, row, headers=header)
            assert ours.status_code == theirs.status_code
            assert ours.headers.get("location") == theirs.headers.get("location")
            assert "set-cookie" not in ours.headers


async def test_the_api_asks_nobody_to_authenticate(opened: Ostiary) -> None:
    async with new_client(opened) as nobody:
        for row in _rows(opened, page=False):
            if row.knock is not Knock.ANYONE:
                answer = await _send(nobody, row)
                assert (answer.status_code, _code(answer)) == (401, "unauthenticated"), _shown(row, answer)
                assert answer.headers["www-authenticate"].startswith('Bearer realm="ostiary"')


async def test_pages_send_nobody_to_sign_in_and_back(opened: Ostiary) -> None:
    async with new_client(opened) as nobody:
        for row in _rows(opened, page=True):
            if row.knock is not Knock.ANYONE:
                answer = await _send(nobody, row)
                if row.method == "GET":
                    assert answer.headers["location"] == f"/login?next={_address(row)}", _shown(row, answer)
                else:
                    assert answer.status_code == 401, _shown(row, answer)


async def test_two_credentials_are_refused_whatever_they_are(opened: Ostiary, person: Person) -> None:
    name = opened.web.jar.session.name
    session = f"{name}={person.client.cookies[name]}"
    bearer = {"authorization": "Bearer x", "cookie": session}
    token_cookie = {"cookie": f"{session}; {opened.web.jar.access.name}=x"}
    async with new_client(opened) as client:
        for row in _rows(opened):
            for headers in (bearer, token_cookie):
                if row.recognise:
                    answer = await _send(client, row, headers=headers)
                    assert answer.status_code == 400, _shown(row, answer)
                    assert row.page or _code(answer) == "ambiguous_credentials"


async def test_a_body_that_is_not_json_is_refused_by_every_row_that_takes_one(opened: Ostiary) -> None:
    person = await new_person(opened, delivery="token")
    for row in _rows(opened, page=False, unsafe=True):
        if row.body is not None:
            for content_type, expected in (("text/plain", 415), ("application/json", 400)):
                headers = person.headers | {"content-type": content_type}
                answer = await person.client.request(row.method, _address(row), content=b"{,", headers=headers)
                assert answer.status_code == expected, _shown(row, answer)


async def test_a_body_over_the_limit_is_refused_by_every_row(opened: Ostiary) -> None:
    person = await new_person(opened, delivery="token")
    body = b" " * (opened.use.settings.server.max_body + 1)
    for row in _rows(opened, unsafe=True):
        answer = await person.client.request(row.method, _address(row), content=body, headers=person.headers)
        assert answer.status_code == 413, _shown(row, answer)


async def test_a_query_that_a_row_of_the_api_does_not_know_is_refused(opened: Ostiary, person: Person) -> None:
    for row in _rows(opened, page=False, unsafe=False):
        answer = await person.client.get(_address(row) + "?surprise=1")
        if not row.path.startswith("/static/"):
            code = answer.json()["error"] if row.protocol else _code(answer)
            assert (answer.status_code, code) == (400, "invalid_request"), _shown(row, answer)


async def test_options_and_made_up_methods_are_told_what_is_allowed(opened: Ostiary) -> None:
    async with new_client(opened) as client:
        for path in {_address(row) for row in _rows(opened)}:
            methods = {row.method for row in _rows(opened) if _address(row) == path}
            allowed = methods | ({"HEAD"} if "GET" in methods else set())
            asked_by_pages_of_others = any(row.protocol for row in _rows(opened) if _address(row) == path)
            for method in ("TRACE", "FETCH") if asked_by_pages_of_others else ("OPTIONS", "TRACE", "FETCH"):
                answer = await client.request(method, path)
                assert answer.status_code == 405, (path, answer.text)
                assert set(answer.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("application/json", "application/problem+json"),
        ("*/*", "application/problem+json"),
    ],
)
async def test_an_unknown_path_is_404_in_the_form_that_is_asked_for(
    opened: Ostiary, accept: str, content_type: str
) -> None:
    async with new_client(opened) as client:
        answer = await client.get("/nowhere", headers={"accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (404, content_type)


async def test_a_path_parameter_never_reaches_the_database_with_a_nul(
    client: httpx.AsyncClient, ostiary: Ostiary
) -> None:
    """PostgreSQL would fail the statement, which would be a 500."""
    person = await new_person(ostiary, delivery="token")
    for path in ("/api/accounts/%00", "/api/roles/a%00b", "/api/sessions/%00"):
        answer = await person.request("DELETE", path)
        assert (answer.status_code, _code(answer)) == (404, "not_found")


def test_head_is_get_without_the_body(live_server: LiveServer) -> None:
    """Over a real connection: what would come after the headers of a HEAD would be taken for the next answer."""
    with httpx.Client(base_url=live_server.url) as client:
        for row in live_server.ostiary.web.table.routes:
            if row.method == "GET" and "{" not in row.path:
                head, got = client.head(_address(row)), client.get(_address(row))
                assert head.status_code == got.status_code, _address(row)
                assert head.headers["content-type"] == got.headers["content-type"] if got.content else True
                assert head.content == b""
