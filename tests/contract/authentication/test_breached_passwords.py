"""A new password is looked for among stolen ones: in the list that comes along, and at a list that is asked."""

from __future__ import annotations

import gzip
import hashlib
import logging
import re
import socket
from collections.abc import AsyncIterator
from importlib.resources import files

import httpx
import pytest

from ostiary.app import Ostiary
from ostiary.credentials import breached
from tests.support.http_servers import SILENCE, HttpServer, Reply, serve_http
from tests.support.installation import PASSWORD, Request, new_client, new_person, settings_for_test
from tests.support.time import ManualClock

STOLEN = "quiet bronze walrus orbit"
DIGEST = hashlib.sha1(STOLEN.encode()).hexdigest().upper()
PADDED = hashlib.sha1(b"padded amber lynx tunnel").hexdigest().upper()


class Ranges:
    """The range protocol: every known suffix of the prefix in the path, with how often it was seen."""

    def __init__(self) -> None:
        self.seen = {DIGEST: 2, PADDED: 0}
        self.written = "{}:{}"

    def __call__(self, request: Request) -> Reply:
        prefix = request.target.removeprefix("/range/")
        found = {digest[5:]: count for digest, count in self.seen.items() if digest.startswith(prefix)}
        others = {hashlib.sha1(b"%d" % number).hexdigest().upper()[5:]: number % 3 for number in range(800)}
        lines = [self.written.format(suffix, count) for suffix, count in (others | found).items()]
        return Reply(body="\r\n".join(lines).encode())


@pytest.fixture
def ranges() -> Ranges:
    return Ranges()


@pytest.fixture
async def server(ranges: Ranges) -> AsyncIterator[HttpServer]:
    async with serve_http(ranges) as serving:
        yield serving


@pytest.fixture
async def opened(
    sqlite_url: str, clock: ManualClock, server: HttpServer, request: pytest.FixtureRequest
) -> AsyncIterator[Ostiary]:
    """An installation that asks ``server``; further settings by the test's parameter."""
    changed = getattr(request, "param", {})
    settings = settings_for_test(sqlite_url, passwords__breach_url=f"{server.url}/range/", **changed)
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as installation:
        yield installation


async def register(ostiary: Ostiary, password: str) -> httpx.Response:
    return await new_client(ostiary).post("/api/auth/register", json={"email": "ada@example.com", "password": password})


async def test_a_stolen_password_is_refused_wherever_a_new_one_is_set(opened: Ostiary) -> None:
    refused = await register(opened, STOLEN)
    assert (refused.status_code, refused.json()["code"], refused.json()["reason"]) == (400, "weak_password", "breached")
    assert refused.json()["field"] == "password"
    assert await opened.use.db.fetch_value("SELECT COUNT(*) FROM accounts") == 0
    person = await new_person(opened)
    change = {"current_password": person.password, "new_password": STOLEN}
    refused = await person.request("PUT", "/api/credentials/password", change)
    assert (refused.status_code, refused.json()["reason"]) == (400, "breached")
    await person.sign_in()


async def test_only_five_digits_of_the_hash_leave_the_house_and_padding_is_asked_for(
    opened: Ostiary, server: HttpServer
) -> None:
    await register(opened, STOLEN)
    [asked] = server.requests
    assert (asked.method, asked.target, asked.body) == ("GET", f"/range/{DIGEST[:5]}", "")
    assert asked.headers["add-padding"] == "true"
    everything = f"{asked.target} {asked.headers}"
    assert DIGEST[5:] not in everything.upper()
    assert STOLEN not in everything
    assert not re.search(r"ada|cookie|authorization", everything, re.IGNORECASE)


async def test_padding_is_not_taken_for_a_find(opened: Ostiary) -> None:
    assert (await register(opened, "padded amber lynx tunnel")).status_code == 200


@pytest.mark.parametrize("opened", [{"passwords__breach_min": 3}], indirect=True)
async def test_a_password_that_was_seen_less_often_than_set_is_taken(opened: Ostiary, ranges: Ranges) -> None:
    assert (await register(opened, STOLEN)).status_code == 200
    ranges.seen[DIGEST] = 3
    assert (await register(opened, STOLEN)).json()["reason"] == "breached"


async def test_hashes_may_be_written_in_small_letters(opened: Ostiary, ranges: Ranges) -> None:
    ranges.seen = {}
    suffix = DIGEST[5:].lower()
    ranges.written = f"{suffix}:7\r\n{{}}:{{}}"
    assert (await register(opened, STOLEN)).json()["reason"] == "breached"


async def test_what_the_rules_refuse_is_not_asked_about(opened: Ostiary, server: HttpServer) -> None:
    for password, reason in (("short", "too_short"), ("passwordpassword", "common")):
        assert (await register(opened, password)).json()["reason"] == reason
    assert server.requests == []


async def test_only_new_passwords_are_asked_about(opened: Ostiary, server: HttpServer) -> None:
    person = await new_person(opened)
    asked = len(server.requests)
    await person.sign_in()
    assert len(server.requests) == asked


AWAY = [
    SILENCE,
    Reply(503),
    Reply(404),
    Reply(302, headers=(("Location", "/elsewhere"),)),
    Reply(body=b"<!doctype html><title>Sign in to the hotel's network</title>"),
    Reply(body=b"\xff\xfe\x00" * 1000),
    Reply(body=b"0" * 2_000_000),
    Reply(raw=b"not http\r\n\r\n"),
]
NAMES = ["silence", "503", "404", "redirect", "page", "noise", "too much", "not http"]


@pytest.mark.parametrize("reply", AWAY, ids=NAMES)
async def test_where_the_list_does_not_answer_the_password_is_taken_and_that_is_logged(
    opened: Ostiary, server: HttpServer, reply: Reply, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(breached, "TIMEOUT", 0.2)
    server.replies = [reply]
    with caplog.at_level(logging.WARNING):
        assert (await register(opened, STOLEN)).status_code == 200
    assert len(server.requests) == 1
    assert "was not looked for in the list of breached ones" in caplog.text
    for secret in (STOLEN, DIGEST[:5], DIGEST[5:], server.url.removeprefix("http://")):
        assert secret.lower() not in caplog.text.lower()


@pytest.mark.parametrize("opened", [{"passwords__breach_required": True}], indirect=True)
@pytest.mark.parametrize("reply", AWAY, ids=NAMES)
async def test_where_the_answer_is_required_none_is_a_503_and_nothing_is_made(
    opened: Ostiary, server: HttpServer, reply: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breached, "TIMEOUT", 0.2)
    server.replies = [reply]
    refused = await register(opened, PASSWORD)
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert await opened.use.db.fetch_value("SELECT COUNT(*) FROM accounts") == 0
    assert (await register(opened, PASSWORD)).status_code == 200


async def test_where_there_is_no_server_at_all_the_password_is_taken(sqlite_url: str, clock: ManualClock) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/range"
        settings = settings_for_test(sqlite_url, passwords__breach_url=url)
        async with await Ostiary.open(settings, clock=clock, migrate_first=True) as opened:
            assert (await register(opened, STOLEN)).status_code == 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "password",
    [
        "telechargement",
        "TeleChargement",
        "1q2w3e4r5t6y7u8i9o",
        "\uff34\uff45\uff4c\uff45\uff43\uff48argement",  # full-width letters, which are the same in normal form
    ],
)
async def test_the_lists_that_come_along_need_no_network(ostiary: Ostiary, password: str) -> None:
    assert (await register(ostiary, password)).json()["reason"] == "breached"


def _common_passwords(least: int) -> list[str]:
    """Django's list: of 20,000 passwords that were found most often those that are long enough."""
    listed = gzip.decompress((files("django.contrib.auth") / "common-passwords.txt.gz").read_bytes())
    return [word for word in listed.decode().split() if len(word) >= least]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_every_common_password_that_is_long_enough_is_refused(ostiary: Ostiary) -> None:
    for password in _common_passwords(12):
        refused = await register(ostiary, password)
        assert (refused.status_code, refused.json()["code"]) == (400, "weak_password"), password


async def test_every_common_password_is_refused_where_the_shortest_has_eight_characters(
    sqlite_url: str, clock: ManualClock
) -> None:
    settings = settings_for_test(sqlite_url, passwords__min_length=8)
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as opened:
        for password in _common_passwords(8)[:100]:
            for spelling in (password, password.capitalize()):
                refused = await register(opened, spelling)
                assert (refused.status_code, refused.json()["code"]) == (400, "weak_password"), spelling
