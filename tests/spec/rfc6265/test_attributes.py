"""What the settings say of cookies stands in ``Set-Cookie`` (RFC 6265 section 4.1), and again when they are deleted."""

from __future__ import annotations

from typing import Any, NamedTuple

import httpx
import pytest

from ostiary.app import Ostiary
from ostiary.settings import Settings
from ostiary.web.cookies import Cookies
from tests.support.installation import PASSWORD, new_client, new_person, settings_for_test
from tests.support.time import ManualClock

EMAIL = "ada@example.com"
SITE, LOCAL = "https://login.example.com", "http://localhost:8000"


class Case(NamedTuple):
    """Settings of the section ``cookies``, and what becomes of them.

    Attributes:
        begins: what the names of all cookies but the refresh cookie's begin with; ``refresh`` what its name does.
        common: the attributes that all of them have, without ``HttpOnly``; ``where`` those that only the others have.
    """

    issuer: str
    settings: dict[str, Any]
    begins: str
    refresh: str
    common: set[str]
    where: set[str]


LAX = {"Path=/", "SameSite=Lax"}
CASES = {
    "the defaults": Case(SITE, {}, "__Host-ostiary", "__Secure-ostiary", {"Secure"}, LAX),
    "the defaults over http": Case(LOCAL, {}, "ostiary", "ostiary", set(), LAX),
    "name": Case(SITE, {"name": "acme"}, "__Host-acme", "__Secure-acme", {"Secure"}, LAX),
    "prefix, none": Case(SITE, {"prefix": "none"}, "ostiary", "ostiary", {"Secure"}, LAX),
    "prefix, __Secure-": Case(SITE, {"prefix": "__Secure-"}, "__Secure-ostiary", "__Secure-ostiary", {"Secure"}, LAX),
    "prefix, __Host-": Case(SITE, {"prefix": "__Host-"}, "__Host-ostiary", "__Secure-ostiary", {"Secure"}, LAX),
    "domain": Case(
        SITE,
        {"domain": "Example.com"},
        "__Secure-ostiary",
        "__Secure-ostiary",
        {"Secure", "Domain=example.com"},
        LAX,
    ),
    "path": Case(
        SITE + "/id/auth",
        {"path": "/id"},
        "__Secure-ostiary",
        "__Secure-ostiary",
        {"Secure"},
        {"Path=/id", "SameSite=Lax"},
    ),
    "secure, never": Case(SITE, {"secure": "never"}, "ostiary", "ostiary", set(), LAX),
    "secure, always": Case(LOCAL, {"secure": "always"}, "__Host-ostiary", "__Secure-ostiary", {"Secure"}, LAX),
    "same_site, strict": Case(
        SITE,
        {"same_site": "strict"},
        "__Host-ostiary",
        "__Secure-ostiary",
        {"Secure"},
        {"Path=/", "SameSite=Strict"},
    ),
    "same_site, none": Case(
        SITE,
        {"same_site": "none"},
        "__Host-ostiary",
        "__Secure-ostiary",
        {"Secure"},
        {"Path=/", "SameSite=None"},
    ),
    "partitioned": Case(
        SITE, {"partitioned": True}, "__Host-ostiary", "__Secure-ostiary", {"Secure", "Partitioned"}, LAX
    ),
    "all of them": Case(
        SITE + "/auth",
        {
            "name": "acme",
            "prefix": "__Secure-",
            "domain": "login.example.com",
            "path": "/auth",
            "secure": "always",
            "same_site": "none",
            "partitioned": True,
        },
        "__Secure-acme",
        "__Secure-acme",
        {"Secure", "Domain=login.example.com", "Partitioned"},
        {"Path=/auth", "SameSite=None"},
    ),
}
SetCookies = dict[str, tuple[str, set[str]]]


@pytest.fixture(params=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def settings_of(case: Case, database_url: str) -> Settings:
    changed = {f"cookies__{name}": value for name, value in case.settings.items()}
    return settings_for_test(database_url, case.issuer, dev=case.issuer == LOCAL, **changed)


async def opened(case: Case, database_url: str, clock: ManualClock) -> Ostiary:
    return await Ostiary.open(settings_of(case, database_url), clock=clock, migrate_first=True)


def set_cookies(answer: httpx.Response) -> SetCookies:
    """Value and attributes by name."""
    found: SetCookies = {}
    for header in answer.headers.get_list("set-cookie"):
        pair, *attributes = header.split("; ")
        name, _, value = pair.partition("=")
        assert name not in found, "more than one Set-Cookie with the same name (section 4.1.1)"
        assert len(attributes) == len(set(attributes)), "an attribute twice (section 4.1.1)"
        found[name] = (value, set(attributes))
    return found


def lasting(attributes: set[str]) -> set[str]:
    """Without the age, which is that of a value and not of the cookie."""
    return {attribute for attribute in attributes if not attribute.startswith("Max-Age=")}


def cookie_header(cookies: SetCookies) -> dict[str, str]:
    """All of them, as a browser would send them to a path that they all go to."""
    return {"Cookie": "; ".join(f"{name}={value}" for name, (value, _) in cookies.items())}


async def test_every_sign_in_sets_its_cookies_as_the_settings_say_and_signing_out_repeats_them(
    case: Case, sqlite_url: str, clock: ManualClock
) -> None:
    seen, scripts = case.common | case.where | {"HttpOnly"}, case.common | case.where
    refresh = case.common | {"HttpOnly", "SameSite=Strict"}
    async with await opened(case, sqlite_url, clock) as ostiary:
        base = ostiary.use.settings.base_path
        refresh.add(f"Path={base}/api/auth/refresh")
        expected: dict[str, dict[str, set[str]]] = {
            "cookie": {f"{case.begins}_session": seen, f"{case.begins}_device": seen},
            "token": {},
            "token_cookie": {
                f"{case.begins}_access": seen,
                f"{case.refresh}_refresh": refresh,
                f"{case.begins}_csrf": scripts,
                f"{case.begins}_device": seen,
            },
        }
        await new_person(ostiary, EMAIL)
        for delivery, cookies in expected.items():
            body = {"identifier": EMAIL, "password": PASSWORD, "delivery": delivery}
            signed_in = await new_client(ostiary).post("/api/auth/login", json=body)
            assert signed_in.status_code == 200, signed_in.text
            given = set_cookies(signed_in)
            assert {name: lasting(attributes) for name, (_, attributes) in given.items()} == cookies
            if not cookies:
                continue
            headers = {**cookie_header(given), "X-CSRF-Token": signed_in.json()["csrf_token"]}
            out = await new_client(ostiary).post("/api/auth/logout", headers=headers)
            assert out.status_code == 204, out.text
            taken = set_cookies(out)
            assert taken == {
                name: ("", attributes | {"Max-Age=0"})
                for name, attributes in cookies.items()
                if not name.endswith("_device")  # who was here before stays known
            }


async def test_the_cookies_of_pages_are_set_as_the_settings_say(
    case: Case, sqlite_url: str, clock: ManualClock
) -> None:
    attributes = case.common | case.where | {"HttpOnly"}
    async with await opened(case, sqlite_url, clock) as ostiary:
        form = await new_client(ostiary).get("/login")
        [(name, (_, given))] = set_cookies(form).items()
        assert (name, given) == (f"{case.begins}_browser", attributes)
        token = form.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        fields = {"email": EMAIL, "password": PASSWORD, "csrf_token": token}
        sent = await new_client(ostiary).post("/register", data=fields, headers=cookie_header(set_cookies(form)))
        assert sent.status_code == 303, sent.text
        [(name, (_, given))] = set_cookies(sent).items()
        assert (name, lasting(given)) == (f"{case.begins}_flow", attributes)


def test_a_device_bound_session_is_told_the_attributes_of_its_proof_as_they_are_set(case: Case) -> None:
    """Browsers compare them one by one (Device Bound Session Credentials, ``credentials[].attributes``)."""
    bound = Cookies(settings_of(case, "sqlite:///none.db")).bound
    assert bound.name == f"{case.begins}_bound"
    assert set(bound.attributes.split("; ")) == case.common | case.where | {"HttpOnly"}
    assert bound.set("x", 300) == f"{bound.name}=x; Max-Age=300; {bound.attributes}"


async def test_only_what_has_an_age_stays_when_the_browser_is_closed(sqlite_url: str, clock: ManualClock) -> None:
    async with await opened(CASES["the defaults"], sqlite_url, clock) as ostiary:
        person = await new_person(ostiary, EMAIL)
        body = {"identifier": EMAIL, "password": PASSWORD}
        _, session = (await new_client(ostiary).post("/api/auth/login", json=body)).headers.get_list("set-cookie")
        assert "Max-Age" not in session
        assert "Expires" not in session
        tokens = (await person.sign_in("token_cookie")).client.cookies.jar
        assert {cookie.name for cookie in tokens if cookie.expires is None} == set()
