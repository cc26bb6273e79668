"""Browsers need not keep a cookie over 4096 bytes, name, value and attributes (RFC 6265 section 6.1).

Ostiary stays below that with all of its cookies together, which leaves room for those of an application.
"""

from __future__ import annotations

import httpx
import pytest

from ostiary.app import Ostiary
from tests.support.installation import PASSWORD, new_client, new_person, settings_for_test
from tests.support.time import ManualClock

LIMIT = 4096
HOST = "login.identity.international-trading-company.example"
EMAIL = "a" * 64 + "@" + "b" * 60 + ".example.com"
NEXT = "/" + "n" * 1023
PROOF = "p" * 128
"""The longest value that a device-bound session's proof may have."""

SETTINGS = {
    "with the defaults": ("https://" + HOST, {}),
    "with long ones": (
        f"https://{HOST}/identity/accounts",
        {
            "cookies__name": "international_trading",
            "cookies__domain": HOST.partition(".")[2],
            "cookies__path": "/identity/accounts",
            "cookies__partitioned": True,
            "tokens__algorithm": "RS256",
        },
    ),
}


class Gathered:
    """The longest ``Set-Cookie`` of each name that an installation was seen to send."""

    def __init__(self) -> None:
        self.longest: dict[str, int] = {}

    def add(self, answer: httpx.Response) -> httpx.Response:
        for header in answer.headers.get_list("set-cookie"):
            self.note(header)
        return answer

    def note(self, header: str) -> None:
        purpose = header.partition("=")[0].rpartition("_")[2]
        self.longest[purpose] = max(self.longest.get(purpose, 0), len(header))

    def together(self, *purposes: str) -> int:
        return sum(self.longest[purpose] for purpose in purposes)


@pytest.mark.parametrize("case", SETTINGS.values(), ids=SETTINGS)
async def test_all_cookies_together_are_below_four_kilobytes(
    case: tuple[str, dict[str, object]], sqlite_url: str, clock: ManualClock
) -> None:
    issuer, changed = case
    seen = Gathered()
    settings = settings_for_test(sqlite_url, issuer, dev=False, **changed)
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as ostiary:
        await new_person(ostiary, EMAIL)
        for delivery in ("cookie", "token_cookie"):
            body = {"identifier": EMAIL, "password": PASSWORD, "delivery": delivery, "remember": True}
            answer = seen.add(await new_client(ostiary).post("/api/auth/login", json=body))
            assert answer.status_code == 200, answer.text
        browser = new_client(ostiary)
        for fields in ({"email": "c" + EMAIL[1:], "next": NEXT}, {"identifier": EMAIL, "next": "/account"}):
            path = "/register" if "email" in fields else "/login"
            form = seen.add(await browser.get(path))
            token = form.text.partition('name="csrf_token" value="')[2].partition('"')[0]
            answer = await browser.post(path, data={**fields, "password": PASSWORD, "csrf_token": token})
            assert seen.add(answer).status_code == 303, answer.text
        page = await browser.get("/account")
        token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        assert seen.add(await browser.post("/logout", data={"csrf_token": token})).status_code == 303
        seen.note(ostiary.web.jar.bound.set(PROOF, 600))

    assert max(seen.longest.values()) < LIMIT, seen.longest
    before = ("browser", "flow", "notice")
    assert seen.together(*before, "session", "bound") < LIMIT, seen.longest
    assert seen.together(*before, "access", "refresh", "csrf") < LIMIT, seen.longest
