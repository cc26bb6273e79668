"""Static files, ``/.well-known``, health and the description of the API set no cookies, whatever cookies come along:
what caches keep for everybody must not hold what is one browser's own (RFC 6265 section 3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ostiary.app import Ostiary
from ostiary.web import static_files
from tests.support.installation import new_client, new_person, settings_for_test
from tests.support.time import ManualClock

STATIC = Path(static_files.__file__).parent / "static"
ADDRESSES = ("/healthz", "/readyz", "/openapi.json", "/.well-known/jwks.json")
WRONG = ("/static/none.css", "/static/a/b", "/static/", "/.well-known/none", "/.well-known/", "/healthz?x=1")
ACCEPTED = ("*/*", "text/html")


@pytest.fixture(params=["http://localhost:8000", "https://login.example.com/auth"])
async def ostiary(request: pytest.FixtureRequest, sqlite_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    settings = settings_for_test(sqlite_url, request.param, dev=request.param.startswith("http:"))
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as opened:
        yield opened


async def cookie_headers(ostiary: Ostiary) -> list[str]:
    """What browsers in every state send along: nothing, fresh, stale, planted, all at once, one twice."""
    jar, person = ostiary.web.jar, await new_person(ostiary)
    fresh = person.client.cookies[jar.session.name]
    tokens = (await person.sign_in("token_cookie")).client.cookies
    stale = [jar.session, jar.bound, jar.access, jar.refresh, jar.csrf, jar.browser, jar.flow]
    return [
        "",
        f"{jar.session.name}={fresh}",
        f"{jar.access.name}={tokens[jar.access.name]}; {jar.csrf.name}={tokens[jar.csrf.name]}",
        f"{jar.notice.name}=signed_out",
        *(f"{cookie.name}={'A' * 43}" for cookie in stale),
        "; ".join(f"{cookie.name}={'A' * 43}" for cookie in stale),
        f"{jar.session.name}={fresh}; {jar.session.name}={'A' * 43}",
    ]


def files() -> list[str]:
    served = (file for file in STATIC.rglob("*") if file.suffix in (".css", ".js", ".svg", ".png"))
    return [f"/static/{file.relative_to(STATIC).as_posix()}" for file in served]


async def test_what_everybody_gets_sets_no_cookie(ostiary: Ostiary) -> None:
    headers = [{"Cookie": cookies} if cookies else {} for cookies in await cookie_headers(ostiary)]
    assert files()
    for path in (*ADDRESSES, *files()):
        for sent in headers:
            answer = await new_client(ostiary).get(path, headers=sent)
            twice = sent == headers[-1]
            assert answer.status_code == (400 if twice else 200), (path, sent, answer.text[:200])
            assert "set-cookie" not in answer.headers, (path, sent)
            assert answer.headers["cache-control"] == "no-store" or "public" in answer.headers["cache-control"]


async def test_what_is_not_there_sets_no_cookie_either(ostiary: Ostiary) -> None:
    """An error is a page, where a browser asked for one."""
    for cookies in await cookie_headers(ostiary):
        for accept in ACCEPTED:
            headers = {"Accept": accept, **({"Cookie": cookies} if cookies else {})}
            for method in ("GET", "HEAD", "POST"):
                for path in (*WRONG, *(ADDRESSES if method == "POST" else ())):
                    answer = await new_client(ostiary).request(method, path, headers=headers)
                    assert 400 <= answer.status_code < 500, (method, path, cookies, answer.status_code)
                    assert "set-cookie" not in answer.headers, (method, path, cookies)


async def test_a_page_that_is_not_there_leaves_the_forms_of_other_tabs_as_they_are(ostiary: Ostiary) -> None:
    """They are tied to the browser's cookie; an error page has no form, and must not set another one."""
    client = new_client(ostiary)
    form = await client.get("/login")
    assert (await client.get("/none", headers={"Accept": "text/html"})).status_code == 404
    token = form.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    fields = {"identifier": "ada@example.com", "password": "wrong horses", "csrf_token": token}
    assert (await client.post("/login", data=fields)).status_code == 401
