"""A session cookie that is shown by another device than it was given to, under each policy (``sessions.binding``)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from ostiary.app import Ostiary
from ostiary.base.clock import MINUTE
from ostiary.sessions import GRACE
from tests.attacks.evidence import assert_refused
from tests.attacks.test_sessions import form_token
from tests.support.installation import PASSWORD, Person, new_client, new_person, settings_for_test
from tests.support.sessions import (
    COOKIE,
    another,
    current_id,
    open_sessions,
    opens,
    recorded,
    secret_of,
    secret_set,
    show,
    sign_in,
)
from tests.support.time import ManualClock

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
FIREFOX_UPDATED = "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
ANOTHER_DEVICE = {
    "another browser": CHROME,
    "the same browser on another system": FIREFOX.replace("X11; Linux x86_64", "Windows NT 10.0; Win64; x64"),
    "a program": "curl/8.5.0",
    "none said": "",
}
HOME, ELSEWHERE = "198.51.100.20", "192.0.2.4"

WithPolicy = Callable[[str], Awaitable[Ostiary]]


@pytest.fixture
async def with_policy(sqlite_url: str, clock: ManualClock) -> AsyncIterator[WithPolicy]:
    """Opens an installation with a policy, behind a proxy that says where requests come from."""
    opened: list[Ostiary] = []

    async def open_one(policy: str) -> Ostiary:
        proxy = ["203.0.113.7"]
        settings = settings_for_test(sqlite_url, sessions__binding=policy, server__trusted_proxies=proxy)
        opened.append(await Ostiary.open(settings, clock=clock, migrate_first=True))
        return opened[-1]

    yield open_one
    for each in opened:
        await each.close()


async def _at_home(ostiary: Ostiary) -> Person:
    """Somebody signed in by Firefox at home."""
    person = await new_person(ostiary)
    await person.request("POST", "/api/auth/logout")
    return await another(person, headers={"User-Agent": FIREFOX, "X-Forwarded-For": HOME})


async def _replayed(
    person: Person,
    path: str = "/api/auth/me",
    method: str = "GET",
    device: str = CHROME,
    address: str = HOME,
    json: Any = None,
) -> httpx.Response:
    """The request of a thief, with a copy of the cookie."""
    headers = {"User_Agent": device, "X_Forwarded_For": address, "X_CSRF_Token": person.csrf or ""}
    return await show(person.ostiary, secret_of(person.client), path, method, json, **headers)


async def _is_signed_in(person: Person) -> bool:
    answer = await person.request("GET", "/api/auth/me")
    return answer.status_code == 200 and cookie_is_untouched(answer)


def cookie_is_untouched(answer: httpx.Response) -> bool:
    return not any(value.startswith(COOKIE) for value in answer.headers.get_list("set-cookie"))


@pytest.mark.parametrize("device", ANOTHER_DEVICE.values(), ids=ANOTHER_DEVICE)
async def test_a_cookie_replayed_by_another_device_has_to_be_proved_and_its_owner_stays(
    with_policy: WithPolicy, device: str
) -> None:
    person = await _at_home(await with_policy("step_up"))
    await person.request("PATCH", "/api/session/data", {"draft": "of hers"})
    for method, path in (
        ("GET", "/api/auth/me"),
        ("PATCH", "/api/auth/me"),
        ("GET", "/api/sessions"),
        ("DELETE", "/api/sessions"),
        ("PATCH", "/api/session/data"),
    ):
        answer = await _replayed(person, path, method, device, json={"draft": "of his"})
        assert_refused(answer, 401, "step_up_required", (method, path))
        assert person.email not in answer.text
        assert cookie_is_untouched(answer)
    shown = await _replayed(person, "/api/session/data", device=device)
    assert (shown.json(), shown.headers["etag"]) == ({}, '"0"'), "what nobody has kept"
    assert await _is_signed_in(person)
    assert (await person.request("GET", "/api/session/data")).json() == {"draft": "of hers"}


async def test_a_page_leads_another_device_to_the_proof_and_back(with_policy: WithPolicy) -> None:
    person = await _at_home(await with_policy("step_up"))
    answer = await _replayed(person, "/account/password?x=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/step-up?next=/account/password%3Fx%3D1")
    answer = await _replayed(person, "/account/profile", "POST")
    assert answer.status_code in (400, 401, 403, 415)
    answer = await _replayed(person, "/account")
    assert person.email not in answer.text


async def test_the_page_of_the_proof_gives_a_thief_nothing(with_policy: WithPolicy) -> None:
    """Not the address of whose session it is, which would be half of a sign-in, nor what the device is."""
    person = await _at_home(await with_policy("step_up"))
    page = await _replayed(person, "/step-up")
    assert page.status_code == 200
    assert person.email not in page.text
    assert person.id not in page.text


async def test_the_right_password_gives_the_other_device_the_session_behind_a_new_secret(
    with_policy: WithPolicy, clock: ManualClock
) -> None:
    ostiary = await with_policy("step_up")
    person = await _at_home(ostiary)
    before, name = secret_of(person.client), await current_id(person)
    clock.advance(MINUTE)
    moved = new_client(ostiary, headers={"User-Agent": CHROME, "X-Forwarded-For": ELSEWHERE}, cookies={COOKIE: before})
    page = await moved.get("/account")
    page = await moved.get(page.headers["location"])
    data = {"password": PASSWORD, "csrf_token": form_token(page), "next": "/account/password"}
    answer = await moved.post("/step-up", data=data)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account/password")
    after = secret_set(answer) or ""
    me = await show(ostiary, after, User_Agent=CHROME)
    assert (me.status_code, me.json()["sign_in"]) == (200, name)
    assert_refused(await show(ostiary, after, User_Agent=FIREFOX), 401, "step_up_required")
    assert [(one.address, one.user_agent) for one in await open_sessions(person)] == [(ELSEWHERE, CHROME)]
    assert len(await recorded(person, "step_up.succeeded")) == 1
    # The secret that was copied opens nothing soon, by whichever device.
    clock.advance(GRACE)
    for device in (FIREFOX, CHROME):
        assert_refused(await show(ostiary, before, User_Agent=device), 401, "unauthenticated")


async def test_wrong_passwords_prove_nothing_and_count_as_tries_of_the_account(
    sqlite_url: str, clock: ManualClock
) -> None:
    settings = settings_for_test(sqlite_url, limits__login_account="5/10m", limits__step_up_address="1000/1m")
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as ostiary:
        person = await _at_home(ostiary)
        tries = [
            await show(
                ostiary,
                secret_of(person.client),
                "/api/auth/step-up",
                "POST",
                {"password": "wrong"},
                User_Agent=CHROME,
            )
            for _ in range(6)
        ]
        assert [answer.status_code for answer in tries] == [401] * 4 + [429] * 2  # the sign-in was the first
        assert {answer.json()["code"] for answer in tries} == {"invalid_credentials", "rate_limited"}
        assert (await sign_in(ostiary, person.email)).status_code == 429, "it is one budget"
        assert await _is_signed_in(person)
        assert len(await recorded(person, "step_up.failed")) == 4


async def test_another_device_may_sign_in_anew_and_its_owner_stays(with_policy: WithPolicy) -> None:
    ostiary = await with_policy("step_up")
    person, stranger = await _at_home(ostiary), await new_person(ostiary)
    browser = new_client(ostiary, headers={"User-Agent": CHROME}, cookies={COOKIE: secret_of(person.client)})
    assert (await browser.get("/login")).status_code == 200
    answer = await sign_in(ostiary, stranger.email, browser)
    assert answer.json()["account"]["id"] == stranger.id
    assert await _is_signed_in(person)


async def test_whoever_has_to_prove_a_session_may_end_it(with_policy: WithPolicy) -> None:
    ostiary = await with_policy("step_up")
    person = await _at_home(ostiary)
    secret = secret_of(person.client)
    assert (await _replayed(person, "/api/auth/logout", "POST")).status_code == 204
    assert not await opens(ostiary, secret)
    assert await open_sessions(person) == []


@pytest.mark.parametrize("policy", ["off", "step_up", "end"])
async def test_an_update_of_the_browser_is_no_other_device(with_policy: WithPolicy, policy: str) -> None:
    person = await _at_home(await with_policy(policy))
    assert (await _replayed(person, device=FIREFOX_UPDATED)).status_code == 200
    assert await _is_signed_in(person)


async def test_a_phone_that_moves_between_networks_keeps_its_session(with_policy: WithPolicy) -> None:
    person = await _at_home(await with_policy("step_up"))
    for address in (ELSEWHERE, "2001:db8::1", HOME):
        assert (await _replayed(person, device=FIREFOX, address=address)).status_code == 200
    assert await recorded(person, "session.moved") == []


@pytest.mark.parametrize(
    "moves", [{"device": FIREFOX, "address": ELSEWHERE}, {"device": CHROME, "address": HOME}], ids=["network", "device"]
)
async def test_under_the_strictest_policy_the_session_ends(with_policy: WithPolicy, moves: dict[str, str]) -> None:
    person = await _at_home(await with_policy("end"))
    name = await current_id(person)
    assert (await _replayed(person, device=FIREFOX, address="198.51.100.99")).status_code == 200, "the same network"
    answers = await asyncio.gather(*(_replayed(person, **moves) for _ in range(5)))
    for answer in answers:
        assert_refused(answer, 401, "unauthenticated")
    assert not await _is_signed_in(person)
    assert [entry["session"] for entry in await recorded(person, "session.moved")] == [name]
    ended = [(entry["session"], entry["reason"]) for entry in await recorded(person, "session.ended")]
    assert ended == [(name, "moved")]


async def test_without_a_policy_every_device_is_let_in(with_policy: WithPolicy) -> None:
    person = await _at_home(await with_policy("off"))
    assert (await _replayed(person, address=ELSEWHERE)).status_code == 200
    assert await recorded(person, "session.moved") == []


async def test_the_log_says_once_that_a_session_moved_and_not_at_each_request(
    with_policy: WithPolicy, clock: ManualClock
) -> None:
    person = await _at_home(await with_policy("step_up"))
    name = await current_id(person)
    await asyncio.gather(*(_replayed(person) for _ in range(20)))
    (entry,) = await recorded(person, "session.moved")
    assert (entry["session"], entry["user_agent"]) == (name, CHROME), "of whoever showed it"
    clock.advance(11 * MINUTE)
    await _replayed(person)
    assert len(await recorded(person, "session.moved")) == 2


async def test_a_session_of_nobody_stays_with_its_device(with_policy: WithPolicy) -> None:
    """There is nothing to prove it by: another device is one that has none, and gets its own."""
    ostiary = await with_policy("step_up")
    visitor = new_client(ostiary, headers={"User-Agent": FIREFOX})
    await visitor.patch("/api/session/data", json={"cart": {"apple": 2}})
    stolen = await show(ostiary, secret_of(visitor), "/api/session/data", User_Agent=CHROME)
    assert (stolen.json(), stolen.headers["etag"]) == ({}, '"0"')
    assert (await visitor.get("/api/session/data")).json() == {"cart": {"apple": 2}}
