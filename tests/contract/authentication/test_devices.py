"""Devices that an account was signed in from: its owner is told of new ones, trusts some, and has some forgotten."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ostiary.app import Ostiary
from ostiary.base.clock import DAY, HOUR, MINUTE, SECOND
from tests.attacks.evidence import assert_refused, contents
from tests.attacks.test_recovery import new_password, recovering
from tests.conftest import OpenInstallation
from tests.support.authenticator import Authenticator
from tests.support.installation import Person, new_client, new_person
from tests.support.passkeys import Attempt as KeyAttempt
from tests.support.passkeys import add_passkey
from tests.support.second_factors import App, Attempt, add_app, new_person_with_app, new_recovery_codes
from tests.support.sessions import recorded
from tests.support.time import ManualClock

COOKIE = "ostiary_device"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def browser(ostiary: Ostiary, device: str | None = None) -> httpx.AsyncClient:
    """One that has no session; with the cookie of a device, where it is known by one."""
    client = new_client(ostiary, headers={"User-Agent": FIREFOX})
    if device is not None:
        client.cookies.set(COOKIE, device, domain="localhost.local")  # as one that the server has set
    return client


async def sign_in(person: Person, device: str | None = None, **more: Any) -> dict[str, Any]:
    """What a sign-in by password answers; ``device`` is the cookie before it, and in the answer the one after it."""
    client = browser(person.ostiary, device)
    body = {"identifier": person.email, "password": person.password, **more}
    answer = await client.post("/api/auth/login", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found | {"cookie": client.cookies.get(COOKIE)}


async def trust(person: Person, app: App, clock: ManualClock, device: str | None = None) -> str:
    """Sign in with the second factor and have the browser trusted; its cookie."""
    client = browser(person.ostiary, device)
    body = {"identifier": person.email, "password": person.password}
    begun = (await client.post("/api/auth/login", json=body)).json()
    answer = {"flow": begun["flow"], "answer": {"method": "totp", "code": app.code()}, "trust_device": True}
    done = await client.post("/api/auth/flow/answer", json=answer)
    assert done.json()["status"] == "complete", done.text
    clock.advance(MINUTE)
    return str(client.cookies[COOKIE])


async def told(person: Person) -> int:
    """How many mails have told the owner of a new device."""
    mails = await person.ostiary.use.mailer.outbox(500)
    return len([mail for mail in mails if mail.to == person.email and mail.subject.startswith("New sign-in")])


async def devices_of(person: Person) -> list[dict[str, Any]]:
    answer = await person.request("GET", "/api/devices")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


# Told of


async def test_a_new_device_is_told_of_once_and_the_first_not_at_all(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    assert await told(person) == 0
    first = await sign_in(person)
    assert await told(person) == 1
    for _ in range(2):
        assert (await sign_in(person, first["cookie"]))["cookie"] in (None, first["cookie"])
    assert await told(person) == 1
    await sign_in(person)
    assert await told(person) == 2
    assert len(await recorded(person, "device.new")) == 2
    text = next(mail.text for mail in await ostiary.use.mailer.outbox(500) if mail.subject.startswith("New sign-in"))
    assert "Firefox" in text
    assert "203.0.113.7" in text


async def test_notices_can_be_switched_off(installation: OpenInstallation) -> None:
    ostiary = await installation(sign_in__notices=False)
    person = await new_person(ostiary)
    await sign_in(person)
    assert await told(person) == 0
    assert len(await recorded(person, "device.new")) == 1


async def test_accounts_take_turns_in_one_browser(ostiary: Ostiary) -> None:
    people = [await new_person(ostiary) for _ in range(4)]
    device = ""
    for person in people:
        device = (await sign_in(person, device))["cookie"]
    assert len(device.split(".")) == 4
    for person in people:
        before = await told(person)
        await sign_in(person, device)
        assert await told(person) == before == 1
    fifth = await new_person(ostiary)
    device = (await sign_in(fifth, device))["cookie"]
    assert len(device.split(".")) == 4, "a cookie does not grow for ever"


async def test_a_client_without_cookies_keeps_its_own_secret(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, delivery="token")
    first = await sign_in(person, delivery="token")
    assert first["cookie"] is None
    assert len(first["device"]) == 43
    again = await sign_in(person, delivery="token", device=first["device"])
    assert again["device"] == first["device"]
    assert await told(person) == 1


async def test_a_device_that_was_not_used_for_400_days_is_a_new_one(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    device = (await sign_in(person))["cookie"]
    clock.advance(399 * DAY)
    await sign_in(person, device)
    assert await told(person) == 1
    clock.advance(400 * DAY)
    assert (await sign_in(person, device))["cookie"] != device
    assert await told(person) == 2


# Planted


@pytest.mark.parametrize("planted", ["x" * 43, "", ".", "x" * 43 + "." + "y" * 43, "x" * 5000, "%00", "é"])
async def test_a_planted_cookie_is_worth_nothing(ostiary: Ostiary, planted: str) -> None:
    person = await new_person(ostiary)
    client = new_client(ostiary, headers=[(b"Cookie", f"{COOKIE}={planted}".encode())])
    body = {"identifier": person.email, "password": person.password}
    answer = await client.post("/api/auth/login", json=body)
    if answer.status_code == 200:
        assert client.cookies[COOKIE].split(".")[0] != planted[:43]
        assert await told(person) == 1
    else:
        assert answer.status_code in (400, 431)


async def test_whoever_plants_the_cookie_of_his_own_account_knows_none_of_the_victims(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    eve, mallory = await new_person_with_app(ostiary, clock)
    planted = await trust(eve, mallory, clock)
    ada, app = await new_person_with_app(ostiary, clock)
    assert (await sign_in(ada, planted))["next"] == ["totp"]
    after = await trust(ada, app, clock, planted)
    assert after.split(".")[0] != planted.split(".")[0]
    assert (await sign_in(ada, planted))["next"] == ["totp"], "the one that was planted is not the one that is trusted"
    assert (await sign_in(ada, after))["status"] == "complete"


async def test_only_hashes_of_the_secrets_are_stored(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    device = (await sign_in(person))["cookie"]
    assert device not in repr(await contents(ostiary))


# Trusted


async def test_a_trusted_device_skips_the_second_factor_for_30_days(ostiary: Ostiary, clock: ManualClock) -> None:
    person, app = await new_person_with_app(ostiary, clock)
    assert (await sign_in(person))["next"] == ["totp"]
    device = await trust(person, app, clock)
    done = await sign_in(person, device, delivery="token")
    assert done["status"] == "complete"
    headers = {"Authorization": f"Bearer {done['access_token']}"}
    me = (await new_client(ostiary).get("/api/auth/me", headers=headers)).json()
    assert (me["acr"], me["amr"]) == ("aal1", ["pwd"]), "it counts at no level"
    assert (await sign_in(person))["next"] == ["totp"], "other browsers are asked"
    clock.advance(30 * DAY - MINUTE - SECOND)
    assert (await sign_in(person, device))["status"] == "complete"
    clock.advance(2 * SECOND)
    assert (await sign_in(person, device))["next"] == ["totp"]
    assert len(await recorded(person, "device.trusted")) == 1


async def test_where_an_application_asks_for_a_level_a_trusted_device_does_not_reach_it(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person, app = await new_person_with_app(ostiary, clock)
    client = browser(ostiary, await trust(person, app, clock))
    begun = await client.post("/api/auth/flow", json={"identifier": person.email, "acr_values": "aal2"})
    body = {"flow": begun.json()["flow"], "answer": {"method": "password", "password": person.password}}
    assert (await client.post("/api/auth/flow/answer", json=body)).json()["next"] == ["totp"]


async def test_no_policy_of_phishing_resistance_is_met_by_it(
    installation: OpenInstallation, clock: ManualClock
) -> None:
    ostiary = await installation()
    person, app = await new_person_with_app(ostiary, clock)
    await add_passkey(person, Authenticator(), given="security_key")
    device = await trust(person, app, clock)
    assert (await sign_in(person, device))["status"] == "complete"
    person.ostiary = await installation(sign_in__policy="phishing_resistant")
    assert (await sign_in(person, device))["next"] == ["passkey"]


async def test_trust_takes_a_second_factor(ostiary: Ostiary, clock: ManualClock) -> None:
    """A password alone, now, must not be what stands in for the second factor of next week."""
    person = await new_person(ostiary)
    attempt = await Attempt.begin(ostiary, person.email)
    answer = {"method": "password", "password": person.password}
    body = {"flow": attempt.flow, "answer": answer, "trust_device": True}
    assert (await attempt.client.post("/api/auth/flow/answer", json=body)).json()["status"] == "complete"
    device = attempt.client.cookies[COOKIE]
    await add_app(person, clock)
    assert (await sign_in(person, device))["next"] == ["totp"]
    assert await recorded(person, "device.trusted") == []


async def test_a_step_up_makes_no_device_trusted(ostiary: Ostiary, clock: ManualClock) -> None:
    """A thief of the session who was given one code must not have a month of it."""
    person, app = await new_person_with_app(ostiary, clock)
    begun = (await person.request("POST", "/api/auth/flow", {"purpose": "step_up"})).json()
    answer = {"method": "totp", "code": app.code()}
    body = {"flow": begun["flow"], "answer": answer, "trust_device": True}
    assert (await person.request("POST", "/api/auth/flow/answer", body)).json()["status"] == "complete"
    assert [each["trusted_until"] for each in await devices_of(await signed_in(person, app, clock))] == [None, None]


async def signed_in(person: Person, app: App, clock: ManualClock) -> Person:
    """The person in another browser, by both factors."""
    clock.advance(MINUTE)
    attempt = await Attempt.by_password(person.ostiary, person)
    done = (await attempt.answer("totp", app.code())).json()
    clock.advance(MINUTE)
    return Person(person.ostiary, attempt.client, person.id, person.email, person.password, done["csrf_token"])


@pytest.mark.parametrize("change", ["password", "credential added", "credential removed", "recovery"])
async def test_what_protects_the_account_has_changed_so_that_no_device_is_trusted(
    ostiary: Ostiary, clock: ManualClock, change: str
) -> None:
    person, app = await new_person_with_app(ostiary, clock, "ada@example.com")
    await add_passkey(person, Authenticator())
    device = await trust(person, app, clock)
    assert (await sign_in(person, device))["status"] == "complete"
    if change == "password":
        body = {"current_password": person.password, "new_password": "nine patient herons"}
        assert (await person.request("PUT", "/api/credentials/password", body)).status_code == 204
        person.password = body["new_password"]
    elif change == "credential added":
        await add_passkey(person, Authenticator())
    elif change == "credential removed":
        items = (await person.request("GET", "/api/credentials")).json()["items"]
        one = next(each["id"] for each in items if each["type"] == "passkey")
        assert (await person.request("DELETE", f"/api/credentials/{one}")).status_code == 204
    else:
        clock.advance(5 * MINUTE)
        attempt, _ = await recovering(ostiary, person.email)
        assert (await attempt.answer("totp", app.code())).json()["next"] == ["new_password"]
        assert (await new_password(attempt)).json()["status"] == "recovered"
        person.password = "nine patient herons"
    assert "totp" in (await sign_in(person, device))["next"]


async def test_trust_can_be_switched_off(installation: OpenInstallation, clock: ManualClock) -> None:
    ostiary = await installation(sign_in__trust_device=0)
    person, app = await new_person_with_app(ostiary, clock)
    device = await trust(person, app, clock)
    assert (await sign_in(person, device))["next"] == ["totp"]


async def test_a_passkey_needs_no_second_factor_and_a_recovery_code_is_one(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person, _ = await new_person_with_app(ostiary, clock)
    codes = await new_recovery_codes(person)
    client = browser(ostiary)
    body = {"identifier": person.email, "password": person.password}
    begun = (await client.post("/api/auth/login", json=body)).json()
    answer = {"flow": begun["flow"], "answer": {"method": "recovery_code", "code": codes[0]}, "trust_device": True}
    assert (await client.post("/api/auth/flow/answer", json=answer)).json()["status"] == "complete"
    assert (await sign_in(person, client.cookies[COOKIE]))["status"] == "complete"
    key = Authenticator()
    await add_passkey(person, key)
    attempt = await KeyAttempt.begin(ostiary)
    shown = {"method": "passkey", "credential": key.get(await attempt.options())}
    done = await attempt.client.post("/api/auth/flow/answer", json={"flow": attempt.flow, "answer": shown})
    assert done.json()["status"] == "complete"


# Listed and forgotten


async def test_devices_are_listed_with_what_is_known_of_them(ostiary: Ostiary, clock: ManualClock) -> None:
    person, app = await new_person_with_app(ostiary, clock)
    clock.advance(HOUR)
    device = await trust(person, app, clock)
    items = await devices_of(person)
    trusted, own = items
    assert (own["current"], trusted["current"]) == (True, False)
    assert trusted["trusted_until"] == "2026-01-31T01:01:00.000Z"
    assert (trusted["device"], trusted["address"], own["trusted_until"]) == ("Firefox on Linux", "203.0.113.7", None)
    assert device not in str(items)
    assert trusted["used_at"] == trusted["created_at"] == "2026-01-01T01:01:00.000Z"


async def test_a_device_that_is_forgotten_is_a_new_one_at_its_next_sign_in(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person, app = await new_person_with_app(ostiary, clock)
    eve = await new_person(ostiary)
    device = await trust(person, app, clock)
    one = f"/api/devices/{(await devices_of(person))[0]['id']}"
    assert_refused(await eve.request("DELETE", one), 404, "not_found")
    assert (await sign_in(person, device))["status"] == "complete"
    assert (await person.request("DELETE", one)).status_code == 204
    assert_refused(await person.request("DELETE", one), 404, "not_found")
    assert (await sign_in(person, device))["next"] == ["totp"]
    assert len(await recorded(person, "device.forgotten")) == 1


async def test_a_thief_of_a_session_makes_no_device_a_first_one(ostiary: Ostiary, clock: ManualClock) -> None:
    """Of a first one nobody is told."""
    person = await new_person(ostiary)
    one = f"/api/devices/{(await devices_of(person))[0]['id']}"
    clock.advance(11 * MINUTE)
    assert_refused(await person.request("DELETE", one), 401, "insufficient_user_authentication")
    assert len(await devices_of(person)) == 1


async def test_the_sweep_forgets_devices_of_400_days_ago(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    await sign_in(person)
    clock.advance(400 * DAY)
    await sign_in(person)
    await ostiary._sweeper(clock.now)
    assert len((await contents(ostiary))["devices"]) == 1
