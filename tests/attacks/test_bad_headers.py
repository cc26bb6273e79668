"""Headers, cookies, queries and paths that are wrong, doubled or huge are refused, never a 500."""

from __future__ import annotations

import httpx

from ostiary.app import Ostiary
from tests.attacks.evidence import assert_refused, contents
from tests.support.installation import new_administrator, new_client, new_person

JSON = ("content-type", "application/json")


async def test_a_doubled_header_that_counts_is_refused(sqlite: Ostiary, stranger: httpx.AsyncClient) -> None:
    before = await contents(sqlite)
    for name in ("Authorization", "Content-Type", "Content-Length", "Host", "Origin", "X-CSRF-Token", "Cookie"):
        value = {"Content-Length": "0", "Cookie": "ostiary_session=x", "Host": "localhost:8000"}.get(name, "x")
        answer = await stranger.post("/api/auth/logout", headers=[(name, value), (name, value)])
        assert_refused(answer, 400, "ambiguous_credentials" if name == "Cookie" else "invalid_request", name)
    assert await contents(sqlite) == before


async def test_a_session_cookie_sent_twice_in_one_header_is_refused(sqlite: Ostiary) -> None:
    """One of the two may have been planted; which one the browser meant cannot be told."""
    person, victim = await new_person(sqlite), await new_person(sqlite)
    own, planted = victim.client.cookies["ostiary_session"], person.client.cookies["ostiary_session"]
    for cookies in (
        f"ostiary_session={own}; ostiary_session={planted}",
        f"ostiary_session={planted};ostiary_session={own}",
        f"ostiary_session={own}; ostiary_session={own}",
    ):
        answer = await new_client(sqlite).get("/api/auth/me", headers={"Cookie": cookies})
        assert_refused(answer, 400, "ambiguous_credentials")


async def test_two_credentials_on_one_request_are_refused(sqlite: Ostiary) -> None:
    by_cookie, by_token = await new_person(sqlite), await new_person(sqlite, delivery="token")
    session, access = by_cookie.client.cookies["ostiary_session"], by_token.tokens["access_token"]
    for headers in (
        {"Cookie": f"ostiary_session={session}", "Authorization": f"Bearer {access}"},
        {"Cookie": f"ostiary_session={session}; ostiary_access={access}"},
        {"Cookie": f"ostiary_access={access}", "Authorization": f"Bearer {access}"},
    ):
        answer = await new_client(sqlite).get("/api/auth/me", headers=headers)
        assert_refused(answer, 400, "ambiguous_credentials")


async def test_huge_headers_and_cookies_are_refused(stranger: httpx.AsyncClient) -> None:
    for headers in (
        {"Cookie": "ostiary_session=" + "a" * 20_000},
        {"Authorization": "Bearer " + "a" * 20_000},
        {"X-Anything": "a" * 20_000},
        {f"X-Header-{number}": "a" * 100 for number in range(200)},
    ):
        assert_refused(await stranger.get("/api/auth/me", headers=headers), 431, "headers_too_large")


async def test_an_authorization_header_that_is_no_token_is_refused(stranger: httpx.AsyncClient) -> None:
    for value in ("", "Bearer", "Bearer ", "Basic YWRhOmFkYQ==", "bearer\tx", "Bearer x y", "Bearer é", "Bearer ....."):
        answer = await stranger.get("/api/auth/me", headers={b"Authorization": value.encode("latin-1")})
        assert answer.status_code == 401, (value, answer.text)
        assert answer.headers["www-authenticate"].startswith("Bearer "), value


async def test_cookies_that_are_nonsense_are_nobody(stranger: httpx.AsyncClient) -> None:
    for value in (b"", b"\xff\xfe", b"%00", b'"quoted"', b"a=b=c", "é".encode(), b"../../etc/passwd", b"' OR 1=1 --"):
        for name in (b"ostiary_session", b"ostiary_access", b"ostiary_flow", b"ostiary_browser", b"ostiary_notice"):
            headers = {b"Cookie": name + b"=" + value}
            assert (await stranger.get("/api/auth/me", headers=headers)).status_code == 401, (name, value)
            assert (await stranger.get("/verify", headers=headers)).status_code in (200, 400), (name, value)
            assert (await stranger.get("/login", headers=headers)).status_code == 200, (name, value)


async def test_a_referer_that_is_no_url_of_ours_is_refused(sqlite: Ostiary) -> None:
    person = await new_person(sqlite)
    for referer in ("http://[", "http://[::1", "//", "", "x" * 5000, "http://localhost:8000.evil.example/"):
        answer = await person.client.post("/api/auth/logout", headers={**person.headers, "Referer": referer})
        assert_refused(answer, 403, "csrf_rejected", referer)


async def test_queries_that_are_wrong_are_refused(sqlite: Ostiary) -> None:
    administrator = await new_administrator(sqlite)
    for query in (
        "limit=0",
        "limit=-1",
        "limit=x",
        "limit=99999999999999999999999",
        "limit=1&limit=2",
        "cursor=%00",
        "cursor=%ff",
        "cursor=%ED%A0%80",
        "cursor=..%2F..",
        "cursor=" + "a" * 5000,
        "order=name",
        "&".join(f"f{n}=1" for n in range(60)),
    ):
        answer = await administrator.request("GET", f"/api/accounts?{query}")
        assert_refused(answer, 400, "invalid_request", query[:50])
    assert_refused(await administrator.request("GET", "/api/auth/me?admin=true"), 400, "invalid_request")


async def test_paths_that_are_wrong_are_nothing(ostiary: Ostiary) -> None:
    administrator = await new_administrator(ostiary)
    for part in ("%00", "a%00b", "%ff", "%ED%A0%80", "..%2f..", "%0d%0aX-Injected:%20yes", "'%20OR%201=1", "a" * 300):
        for path in (
            f"/api/accounts/{part}",
            f"/api/sessions/{part}",
            f"/api/roles/{part}",
            f"/api/accounts/{part}/roles/{part}",
        ):
            answer = await administrator.request("DELETE", path)
            assert answer.status_code in (400, 404), (path, answer.status_code, answer.text)
            assert "x-injected" not in answer.headers
    for path in ("//login", "/login/", "/.;/login", "/static/..%2f..%2froutes.py", "/LOGIN"):
        answer = await administrator.client.get("http://localhost:8000" + path)
        assert answer.status_code == 404, (path, answer.status_code)


async def test_methods_that_are_not_in_the_table_are_refused(stranger: httpx.AsyncClient) -> None:
    for method in ("TRACE", "OPTIONS", "PUT", "DELETE", "CONNECT", "login"):
        answer = await stranger.request(method, "/api/auth/login", headers=dict([JSON]))
        assert_refused(answer, 405, "method_not_allowed", method)
        assert answer.headers["allow"] == "POST"
    # A form cannot ask for another method by a header or field.
    answer = await stranger.post("/api/auth/me", headers={"X-HTTP-Method-Override": "PATCH"}, json={"name": "Eve"})
    assert answer.status_code == 405


async def test_a_request_cannot_write_lines_into_the_answer(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/login?next=/account%0d%0aSet-Cookie:%20ostiary_session=planted")
    assert "planted" not in str(answer.headers)
