"""Where somebody is signed in, as the account page shows it, with a GeoIP database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import NewVisitor
from tests.journeys.test_accessibility import barriers
from tests.support.geoip import city, country, geoip_database
from tests.support.installation import PASSWORD, LiveServer, new_person

ADA = "ada@example.com"
PLACES = {"203.0.113.0/24": city("Lyon", "France"), "2001:db8:7::/48": country("Spain")}
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0"


@pytest.fixture
def live_server(tmp_path: Path) -> Iterator[LiveServer]:
    """An installation that knows places, and believes a proxy on this machine about addresses."""
    geoip = geoip_database(tmp_path / "places.mmdb", PLACES)
    with LiveServer(tmp_path, geo__database=str(geoip), server__trusted_proxies=["127.0.0.1/32"]) as server:
        yield server


def test_each_is_shown_with_device_place_address_and_times_and_this_one_is_marked(
    live_server: LiveServer, new_visitor: NewVisitor
) -> None:
    live_server.call(new_person(live_server.ostiary, ADA))  # by a program, from 203.0.113.7
    for user_agent, address, delivery in (
        (FIREFOX, "2001:db8:7:1319:8a2e:370:7348:9f3c", "cookie"),
        ("x" * 500, "10.0.0.8", "token"),
    ):
        httpx.post(
            f"{live_server.url}/api/auth/login",
            json={"identifier": ADA, "password": PASSWORD, "delivery": delivery},
            headers={"User-Agent": user_agent, "X-Forwarded-For": address},
        ).raise_for_status()
    visitor = new_visitor(
        extra_http_headers={"X-Forwarded-For": "203.0.113.5"}, timezone_id="Asia/Kolkata", user_agent=FIREFOX
    )
    visitor.sign_in(ADA)
    rows = visitor.page.get_by_role("region", name="Where you are signed in").get_by_role("listitem")
    moment = r"\d+ \w+ \d{4} at \d\d:\d\d GMT\+5:30"
    expect(rows).to_have_text(
        [
            re.compile(
                rf"^\s*Firefox on Linux\s+This browser\s+Lyon, France \(203\.0\.113\.5\)\s+Signed in {moment}\s*$"
            ),
            re.compile(rf"x{{60}}\s+App\s+10\.0\.0\.8\s+Signed in {moment}\s+Last used {moment}"),
            re.compile(r"Firefox on Linux\s+Spain \(2001:db8:7:1319:8a2e:370:7348:9f3c\)"),
            re.compile(r"python-httpx\s+Lyon, France \(203\.0\.113\.7\)"),
        ]
    )
    assert barriers(visitor.page) == []

    rows.get_by_role("button", name="Sign out Firefox on Linux, Spain").click()
    expect(visitor.page.get_by_role("status")).to_have_text("That sign-in has ended.")
    expect(rows).to_have_count(3)
    visitor.press("Sign out everywhere else")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("This browser")
