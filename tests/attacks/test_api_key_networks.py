"""A key that is good in some networks, shown from elsewhere, or by somebody who says that they are elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from ostiary.app import Ostiary
from ostiary.base.clock import DAY, rfc3339
from ostiary.credentials.api_key import new_key
from tests.attacks.evidence import assert_refused
from tests.support.api_keys import OWN, WHO, new_api_key, show_key
from tests.support.installation import new_person, settings_for_test
from tests.support.time import ManualClock


@pytest.fixture
async def proxied(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    """An installation behind a proxy at 192.0.2.1."""
    settings = settings_for_test(sqlite_url, server__trusted_proxies=["192.0.2.1/32"])
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as opened:
        yield opened


async def _from(ostiary: Ostiary, peer: str, key: str, forwarded: str | None = None) -> httpx.Response:
    headers = {"X-API-Key": key} | ({} if forwarded is None else {"X-Forwarded-For": forwarded})
    transport = httpx.ASGITransport(app=ostiary, client=(peer, 40000))
    async with httpx.AsyncClient(transport=transport, base_url=ostiary.use.settings.issuer) as client:
        return await client.get(WHO, headers=headers)


@pytest.mark.parametrize(
    ("networks", "peer", "good"),
    [
        (["203.0.113.0/24"], "203.0.113.255", True),
        (["203.0.113.0/24"], "203.0.114.0", False),
        (["203.0.113.0/24"], "::ffff:203.0.113.9", True),
        (["198.51.100.1", "2001:db8::/32"], "2001:db8::7", True),
        (["198.51.100.1", "2001:db8::/32"], "198.51.100.2", False),
        (["0.0.0.0/0"], "2001:db8::7", False),
        (["203.0.113.0/24"], "", False),
        (["203.0.113.0/24"], "/run/ostiary.sock", False),
        ([], "/run/ostiary.sock", True),
    ],
)
async def test_a_key_is_good_in_its_networks_only(sqlite: Ostiary, networks: list[str], peer: str, good: bool) -> None:
    key = (await new_api_key(await new_person(sqlite), networks=networks))["key"]
    answer = await _from(sqlite, peer, key)
    if good:
        assert answer.status_code == 200
    else:
        assert_refused(answer, 403, "forbidden")
        assert peer[-16:] in answer.json()["detail"]


async def test_what_a_stranger_says_of_their_address_does_not_count(proxied: Ostiary) -> None:
    person = await new_person(proxied)
    key = (await new_api_key(person, networks=["203.0.113.0/24"]))["key"]
    assert (await _from(proxied, "192.0.2.1", key, "203.0.113.9")).status_code == 200
    for peer, forwarded in (
        ("198.51.100.7", "203.0.113.9"),  # no proxy of ours
        ("192.0.2.1", "203.0.113.9, 198.51.100.7"),  # the proxy saw another one
        ("192.0.2.1", None),
        ("192.0.2.1", "nonsense"),
    ):
        assert_refused(await _from(proxied, peer, key, forwarded), 403, "forbidden", (peer, forwarded))


async def test_only_who_has_the_key_is_told_that_the_network_is_wrong(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    made = await new_api_key(person, networks=["198.51.100.0/24"], expires_at=rfc3339(clock.now + DAY))
    assert_refused(await show_key(ostiary, made["key"]), 403, "forbidden")
    assert_refused(await show_key(ostiary, new_key()), 401, "invalid_token")
    clock.advance(DAY)
    assert_refused(await show_key(ostiary, made["key"]), 401, "invalid_token")


async def test_a_use_that_was_refused_is_no_use(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    made = await new_api_key(person, networks=["198.51.100.0/24"])
    await show_key(ostiary, made["key"])
    assert (await person.request("GET", f"{OWN}/{made['id']}")).json()["used_at"] is None
