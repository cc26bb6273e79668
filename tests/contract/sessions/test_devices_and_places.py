"""The list of sign-ins says what each was made with and where, by cookie and by token."""

from __future__ import annotations

from pathlib import Path

from ostiary.app import Ostiary
from tests.conftest import OpenInstallation
from tests.support.geoip import city, geoip_database
from tests.support.installation import Person, new_administrator, new_client, new_person

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/18.6 Mobile/15E148 Safari/604.1"
)


async def _sign_in(person: Person, user_agent: str, delivery: str) -> None:
    async with new_client(person.ostiary, headers={"User-Agent": user_agent}) as client:
        body = {"identifier": person.email, "password": person.password, "delivery": delivery}
        assert (await client.post("/api/auth/login", json=body)).status_code == 200


async def _listed(person: Person, path: str = "/api/sessions") -> dict[tuple[str, str], str | None]:
    items = (await person.request("GET", path)).json()["items"]
    return {(one["kind"], one["device"]): one["place"] for one in items}


async def test_each_sign_in_is_listed_with_its_device_and_its_place(
    installation: OpenInstallation, tmp_path: Path
) -> None:
    geoip = geoip_database(tmp_path / "cities.mmdb", {"203.0.113.0/24": city("Lyon", "France")})
    person = await new_person(await installation(geo__database=str(geoip)))
    await _sign_in(person, FIREFOX, "cookie")
    await _sign_in(person, IPHONE, "token")
    expected = {
        ("session", "python-httpx"): "Lyon, France",
        ("session", "Firefox on Linux"): "Lyon, France",
        ("token", "Safari on iPhone"): "Lyon, France",
    }
    assert await _listed(person) == expected
    administrator = await new_administrator(person.ostiary)
    assert await _listed(administrator, f"/api/accounts/{person.id}/sessions") == expected


async def test_without_a_geoip_database_a_sign_in_has_a_device_and_no_place(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    await _sign_in(person, "", "token")
    assert await _listed(person) == {("session", "python-httpx"): None, ("token", "Unknown device"): None}
    (own,) = [one for one in (await person.request("GET", "/api/sessions")).json()["items"] if one["current"]]
    assert (await person.request("GET", f"/api/sessions/{own['id']}")).json() == own
