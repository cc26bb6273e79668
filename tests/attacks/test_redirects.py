"""Open redirects, through ``next`` and through the names of a host that a request claims."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from urllib.parse import quote, urljoin, urlsplit

import httpx
import pytest

from ostiary.app import Ostiary
from tests.attacks.evidence import contents
from tests.support.installation import PASSWORD, code_for, new_client, new_person, settings_for_test
from tests.support.time import ManualClock

ELSEWHERE = [
    "https://eve.example.com",
    "//eve.example.com",
    "///eve.example.com",
    "////eve.example.com",
    "/\\eve.example.com",
    "\\/eve.example.com",
    "\\\\eve.example.com",
    "/\t/eve.example.com",
    "\t//eve.example.com",
    " //eve.example.com",
    "/\r\n/eve.example.com",
    "/\n/eve.example.com",
    "//eve.example.com/%2f..",
    "/.//eve.example.com",
    "/..//eve.example.com",
    "/x/..//eve.example.com",
    "/%09/eve.example.com",
    "/%2f/eve.example.com",
    "/%5ceve.example.com",
    "http:eve.example.com",
    "http:/eve.example.com",
    "https:/\\eve.example.com",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "@eve.example.com",
    ".eve.example.com",
    "//localhost:8000@eve.example.com",
    "http://localhost:8000.eve.example.com",
    "http://localhost:8000@eve.example.com",
    "/\u2215/eve.example.com",
    "/\uff0f/eve.example.com",
    "/\u3002/eve.example.com",
    "//\u24d4ve.example.com",
    "/\x00/eve.example.com",
    "/\x7f/eve.example.com",
    "/\u2028/eve.example.com",
    "/" + "a" * 9000,
    "",
]
HOSTS: list[dict[str, str]] = [
    {"Host": "eve.example.com"},
    {"Host": "localhost:8000@eve.example.com"},
    {"Host": "eve.example.com:8000"},
    {"X-Forwarded-Host": "eve.example.com"},
    {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "eve.example.com", "X-Forwarded-Port": "1"},
    {"Forwarded": "host=eve.example.com;proto=https"},
    {"X-Original-URL": "/api/accounts", "X-Rewrite-URL": "/api/accounts"},
    {"X-Forwarded-Prefix": "//eve.example.com"},
]


async def filled_in(client: httpx.AsyncClient, page: str) -> dict[str, str]:
    """The hidden fields of the page's own form."""
    text = (await client.get(page)).text
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', text))


def assert_ours(location: str, case: object) -> None:
    """Where a browser would go: it drops control characters and reads a backslash as a slash."""
    read = re.sub(r"[\x00-\x20]", "", location).replace("\\", "/")
    target = urlsplit(urljoin("http://localhost:8000/login", read))
    assert (target.scheme, target.netloc) == ("http", "localhost:8000"), (case, location)
    assert "eve.example.com" not in target.netloc
    assert location.isascii(), (case, location)


async def test_a_sign_in_never_leads_to_another_site(sqlite: Ostiary) -> None:
    person = await new_person(sqlite)
    for following in ELSEWHERE:
        client = new_client(sqlite)
        page = f"/login?next={quote(following, safe='')}"
        answer = await client.get(page)
        assert answer.status_code in (200, 400), (following, answer.status_code)
        for action in re.findall(r'(?:href|action)="([^"]*)"', answer.text):
            assert_ours(action, following)
        fields = await filled_in(client, "/login")
        credentials = {"identifier": person.email, "password": PASSWORD}
        answer = await client.post("/login", data={**fields, **credentials, "next": following})
        assert answer.status_code in (303, 400), (following, answer.status_code, answer.text)
        if answer.status_code == 303:
            assert_ours(answer.headers["location"], following)


async def test_a_page_for_nobody_never_sends_somebody_signed_in_to_another_site(sqlite: Ostiary) -> None:
    person = await new_person(sqlite)
    for following in ELSEWHERE:
        for page in ("/login", "/register"):
            answer = await person.client.get(f"{page}?next={quote(following, safe='')}")
            assert answer.status_code in (303, 400), (following, answer.status_code)
            if answer.status_code == 303:
                assert_ours(answer.headers["location"], following)


async def test_a_sign_up_never_leads_to_another_site(sqlite: Ostiary) -> None:
    """Through the form, and through the cookie in which the browser keeps the way back."""
    for number, following in enumerate(ELSEWHERE[::3]):
        client, email = new_client(sqlite), f"ada+{number}@example.com"
        fields = await filled_in(client, "/register")
        data = {**fields, "email": email, "password": PASSWORD, "next": following}
        answer = await client.post("/register", data=data)
        assert answer.status_code in (303, 400), (following, answer.status_code)
        if answer.status_code == 400:
            continue
        flow = client.cookies["ostiary_flow"][:43]
        for planted in (
            None,
            flow + urlsafe_b64encode(following.encode("utf-8", "replace")).decode(),
            flow + "zz",
            flow + "ff",
        ):
            if planted is not None:
                client.cookies.delete("ostiary_flow")
                client.cookies.set("ostiary_flow", planted[:3000])
            assert (await client.get("/verify")).status_code == 200, planted
        fields = await filled_in(client, "/verify")
        answer = await client.post("/verify", data={**fields, "code": await code_for(sqlite, email)})
        assert answer.status_code == 303, answer.text
        assert_ours(answer.headers["location"], following)


@pytest.fixture
async def public(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    """An installation as the world sees it: in development mode, a foreign name gets no answer at all."""
    settings = settings_for_test(sqlite_url, "https://auth.example.org", dev=False)
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as opened:
        yield opened


async def test_no_answer_follows_a_host_that_the_request_claims(public: Ostiary) -> None:
    person = await new_person(public)
    for headers in HOSTS:
        for path in ("/", "/login", "/register", "/account", "/verify", "/docs", "/openapi.json", "/nothing"):
            for client in (new_client(public), person.client):
                answer = await client.get(path, headers=headers)
                assert "eve.example.com" not in answer.text + str(answer.headers), (headers, path)
        answer = await new_client(public).get("/api/accounts", headers=headers)
        assert answer.status_code == 401, headers
        assert "eve.example.com" not in answer.text, headers


async def test_no_mail_follows_a_host_that_the_request_claims(public: Ostiary) -> None:
    for number, headers in enumerate(HOSTS):
        body = {"email": f"ada+{number}@example.com", "password": PASSWORD}
        answer = await new_client(public).post("/api/auth/register", json=body, headers=headers)
        assert answer.status_code == 200, (headers, answer.text)
    mails = await public.use.mailer.outbox(100)
    assert len(mails) == len(HOSTS)
    for mail in mails:
        assert "https://auth.example.org/verify?token=" in mail.text
        assert "eve.example.com" not in mail.text + mail.html


async def test_no_decision_follows_a_host_or_path_that_the_request_claims(public: Ostiary) -> None:
    """A poisoned Host once bypassed authorization that looked at a URL put together from it."""
    person = await new_person(public)
    before = await contents(public)
    for host in ("auth.example.org/healthz?", "auth.example.org/static/ostiary.css#", "x/api/auth/me?"):
        for path in ("/api/accounts", "/api/roles", "/api/audit"):
            answer = await person.client.get(path, headers={"Host": host})
            assert answer.status_code in (400, 403), (host, path, answer.status_code)
    for headers in HOSTS:
        assert (await person.client.get("/api/accounts", headers=headers)).status_code == 403, headers
    assert await contents(public) == before


async def test_only_a_trusted_proxy_says_where_a_request_comes_from(tmp_path: object) -> None:
    for trusted, expected in (("", "203.0.113.7"), ("203.0.113.0/24", "198.51.100.9")):
        database = f"sqlite:///{tmp_path}/{expected}.db"
        settings = settings_for_test(database, server__trusted_proxies=[trusted] if trusted else [])
        async with await Ostiary.open(settings, migrate_first=True) as ostiary:
            person = await new_person(ostiary)
            forwarded = {"X-Forwarded-For": "10.0.0.1, 198.51.100.9"}
            body = {"identifier": person.email, "password": PASSWORD}
            answer = await new_client(ostiary).post("/api/auth/login", json=body, headers=forwarded)
            assert answer.status_code == 200
            newest = (await person.request("GET", "/api/sessions")).json()["items"]
            assert expected in {sign_in["address"] for sign_in in newest}
            assert "10.0.0.1" not in {sign_in["address"] for sign_in in newest}
