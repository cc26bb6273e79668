"""The ``Cookie`` header as it comes in (RFC 6265 sections 4.2 and 5.4, RFC 6265bis section 5.6): whatever is in it, the
answer is one of ours, and nobody is taken for somebody."""

from __future__ import annotations

import random
import socket
from collections.abc import AsyncIterator

import httpx
import pytest

from ostiary.app import Ostiary
from tests.support.installation import LiveServer, Person, new_client, new_person, settings_for_test
from tests.support.time import ManualClock

NAMES = ("session", "bound", "access", "refresh", "csrf", "browser", "flow", "notice")
VALUES = (
    b"",
    b"=",
    b"===",
    b'"',
    b'"quoted"',
    b"a b",
    b"a,b",
    b"a\\b",
    b"\x00",
    b"\x01\x02\x1f\x7f",
    b"\t",
    b"\r\nX: y",
    b"\xff\xfe\x80",
    "é\u2000\U0001f36a".encode(),
    b"%00%ff%0d%0a",
    b"../../etc/passwd",
    b"{}[]()<>@:/?",
    b"a" * 9_000,
)
HEADERS = (
    b"",
    b";",
    b"; ; ;;",
    b"=",
    b"=value",
    b" = ",
    b"name",
    b"\x00",
    b"\xa0",
    b'$Version="1"; ostiary_session=x; $Path="/"',
    b";" * 9_000,
    b"a=" * 4_000,
    b"\xff" * 9_000,
    b"; ".join(b"a%d=b" % number for number in range(1_000)),
)
REQUESTS = (
    ("GET", "/api/auth/me"),
    ("GET", "/login"),
    ("GET", "/verify"),
    ("POST", "/api/auth/refresh"),
    ("POST", "/api/auth/logout"),
    ("POST", "/login"),
)


@pytest.fixture
async def ostiary(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    """Over https, so that names have prefixes; on one kind of database, which most of these never reach."""
    settings = settings_for_test(sqlite_url, "https://login.example.com", dev=False)
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as opened:
        yield opened


@pytest.fixture
async def person(ostiary: Ostiary) -> Person:
    return await new_person(ostiary)


def names_of(ostiary: Ostiary) -> dict[str, bytes]:
    jar = ostiary.web.jar
    return {name: getattr(jar, name).name.encode() for name in NAMES}


def secret_of(person: Person) -> bytes:
    return person.client.cookies["__Host-ostiary_session"].encode()


async def sent(ostiary: Ostiary, header: bytes, method: str = "GET", path: str = "/api/auth/me") -> httpx.Response:
    async with new_client(ostiary) as client:
        return await client.request(method, path, headers=[(b"cookie", header)])


async def test_no_cookie_is_too_strange_to_be_answered(ostiary: Ostiary) -> None:
    headers = [*HEADERS, *(name + b"=" + value for name in names_of(ostiary).values() for value in VALUES)]
    for header in headers:
        for method, path in REQUESTS:
            answer = await sent(ostiary, header, method, path)
            assert answer.status_code < 500, (header[:60], method, path, answer.text)
            assert answer.status_code != 200 or path != "/api/auth/me", header[:60]


async def test_no_mixture_of_pieces_is_too_strange_to_be_answered(ostiary: Ostiary) -> None:
    pick = random.Random(6265)
    pieces = [b";", b"; ", b"=", b'"', b" ", b"\t", b"\x00", b"\x0b", b"\x85", b"\xa0", b"\xff", b"x", b"A" * 43]
    pieces += names_of(ostiary).values()
    for _ in range(300):
        header = b"".join(pick.choices(pieces, k=pick.randint(1, 30)))
        answer = await sent(ostiary, header)
        assert answer.status_code in (400, 401), (header, answer.text)
        assert answer.status_code == 401 or answer.json()["code"] == "ambiguous_credentials", header


def test_a_server_on_a_port_answers_strange_cookies_too(live_server: LiveServer) -> None:
    """Control characters end the connection's request in the HTTP parser, with a 400; what passes it is ours."""
    for header in [*HEADERS, *(b"ostiary_session=" + value for value in VALUES)]:
        with socket.create_connection(("127.0.0.1", live_server.port), timeout=10) as connection:
            connection.sendall(
                b"GET /api/auth/me HTTP/1.1\r\nHost: localhost:%d\r\nConnection: close\r\nCookie: %s\r\n\r\n"
                % (live_server.port, header)
            )
            status = connection.makefile("rb").readline()
        assert status.split()[1] in (b"400", b"401"), (header[:60], status)


async def test_the_value_is_what_stands_after_the_first_equals_sign_quotes_and_all(
    ostiary: Ostiary, person: Person
) -> None:
    name, secret = names_of(ostiary)["session"], secret_of(person)
    assert (await sent(ostiary, name + b"=" + secret)).status_code == 200
    for value in (b'"' + secret + b'"', b"=" + secret, secret + b"=", b"x" + secret, secret[:-1], secret.swapcase()):
        assert (await sent(ostiary, name + b"=" + value)).status_code == 401, value


async def test_names_are_compared_as_they_are_written(ostiary: Ostiary, person: Person) -> None:
    name, secret = names_of(ostiary)["session"], secret_of(person)
    for other in (
        name.lower(),
        name.upper(),
        b"__Host-" + name,
        name[7:],
        name + b" ",
        b"$" + name,
        b"__Secure-" + name[7:],
    ):
        assert (await sent(ostiary, other + b"=" + secret)).status_code == 401, other


async def test_a_name_behind_strange_white_space_is_another_name(ostiary: Ostiary, person: Person) -> None:
    """A sibling host can plant such a cookie: the browser sees no ``__Host-`` at its beginning, so it lets it.

    Were the white space dropped here, the planted one would count as ours; at the least nobody could sign in.
    """
    attacker = await new_person(ostiary)
    name, own, planted = names_of(ostiary)["session"], secret_of(person), secret_of(attacker)
    spaces = [b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e", b"\x1f", b"\x85", b"\xa0", b"\xc2\xa0", "\u2000".encode()]
    for space in spaces:
        tossed = space + name + b"=" + planted
        assert (await sent(ostiary, tossed)).status_code == 401, space
        for header in (tossed + b"; " + name + b"=" + own, name + b"=" + own + b"; " + tossed):
            answer = await sent(ostiary, header)
            assert answer.status_code == 200, (space, answer.text)
            assert answer.json()["account"]["id"] == person.id, space


async def test_a_cookie_without_a_name_is_not_ours_however_its_value_reads(ostiary: Ostiary, person: Person) -> None:
    name, secret = names_of(ostiary)["session"], secret_of(person)
    for header in (name, b"; ".join([name, name + b"=" + secret]), b"; ".join([name + b"=" + secret, name])):
        answer = await sent(ostiary, header)
        assert answer.status_code == (401 if header == name else 200), (header, answer.text)


async def test_each_cookie_of_ours_is_refused_when_it_comes_twice(ostiary: Ostiary) -> None:
    for purpose, name in names_of(ostiary).items():
        for pair in (name + b"=a; " + name + b"=b", name + b"=a;" + name + b"=a", name + b"=; x=y; " + name + b"="):
            for method, path in REQUESTS:
                answer = await sent(ostiary, pair, method, path)
                refused = answer.status_code == 400 and "ambiguous_credentials" in answer.text
                # The refresh cookie goes to one path; what comes by this name elsewhere was set by another host.
                assert refused == (purpose != "refresh" or path == "/api/auth/refresh"), (pair, path)


async def test_cookies_of_others_may_come_as_often_as_they_like(ostiary: Ostiary, person: Person) -> None:
    ours = names_of(ostiary)["session"] + b"=" + secret_of(person)
    assert (await sent(ostiary, b"theme=dark; theme=light; " + ours + b"; theme=")).status_code == 200


async def test_cookies_in_several_headers_are_one(ostiary: Ostiary, person: Person) -> None:
    """HTTP/2 may split the header (RFC 9113 section 8.2.3)."""
    name, secret = names_of(ostiary)["session"], secret_of(person)
    async with new_client(ostiary) as client:
        split = [(b"cookie", b"theme=dark"), (b"cookie", name + b"=" + secret), (b"cookie", b"x=y")]
        assert (await client.get("/api/auth/me", headers=split)).status_code == 200
        twice = [(b"cookie", name + b"=" + secret), (b"cookie", name + b"=" + secret)]
        assert (await client.get("/api/auth/me", headers=twice)).json()["code"] == "ambiguous_credentials"


async def test_cookies_may_be_as_long_as_all_headers_may_and_no_longer(ostiary: Ostiary, person: Person) -> None:
    ours = names_of(ostiary)["session"] + b"=" + secret_of(person) + b"; x="
    bound = ostiary.use.settings.server.max_header
    probe = httpx.Request("GET", "https://login.example.com/", headers=new_client(ostiary).headers).headers.raw
    taken = sum(len(name) + len(value) + 4 for name, value in probe) + len("cookie") + 4 + len(ours)
    assert (await sent(ostiary, ours + b"a" * (bound - taken))).status_code == 200
    for length in (bound - taken + 1, 2 * bound, 1_000_000):
        answer = await sent(ostiary, ours + b"a" * length)
        assert (answer.status_code, answer.json()["code"]) == (431, "headers_too_large")
        assert "set-cookie" not in answer.headers


def test_a_server_on_a_port_refuses_cookies_that_are_too_long(live_server: LiveServer) -> None:
    for length in (16_384, 60_000):
        answer = httpx.get(live_server.url + "/api/auth/me", headers={"Cookie": "ostiary_session=" + "a" * length})
        assert (answer.status_code, answer.json()["code"]) == (431, "headers_too_large")
