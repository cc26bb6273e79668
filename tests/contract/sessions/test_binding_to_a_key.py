"""Sessions bound to a key of their browser, in each store; the protocol itself is in ``tests/spec/dbsc``."""

from __future__ import annotations

import asyncio

import pytest

from tests.conftest import OpenInstallation
from tests.support.device_bound import ISSUER, DeviceBoundBrowser, SoftwareKey
from tests.support.installation import new_client, new_person
from tests.support.time import ManualClock

MINUTE = 60_000


async def test_the_key_is_kept_with_the_session_until_it_ends(
    installation: OpenInstallation, clock: ManualClock
) -> None:
    ostiary = await installation(issuer=ISSUER, dev=False)
    person = await new_person(ostiary)
    browser = DeviceBoundBrowser(ostiary, clock)
    await browser.sign_in(person.email)
    clock.advance(11 * MINUTE)
    assert await browser.who() == person.email
    thief = browser.stolen()
    del thief.cookies["__Host-ostiary_bound"]
    assert await thief.who() == "device_proof_required"
    assert (await person.request("DELETE", "/api/sessions")).status_code == 200
    clock.advance(11 * MINUTE)
    assert await browser.who() == "unauthenticated"
    assert browser.bound == {}


async def test_of_registrations_at_once_one_binds(installation: OpenInstallation, clock: ManualClock) -> None:
    ostiary = await installation(issuer=ISSUER, dev=False)
    owner = DeviceBoundBrowser(ostiary, clock, keeps=False)
    offer = (await owner.sign_in((await new_person(ostiary)).email)).headers["secure-session-registration"]
    challenge = offer.rpartition("=")[2].strip('"')
    proofs = [SoftwareKey().proof(challenge, first=True) for _ in range(20)]
    answers = await asyncio.gather(
        *(
            owner.send("POST", "/api/session/bound/register", headers={"secure-session-response": proof})
            for proof in proofs
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19


@pytest.mark.parametrize("name", ["x", "x.y", "ses_x.acc_y", "ses_.", "a.b.c"])
async def test_a_refresh_for_a_name_that_no_session_has_tells_the_browser_to_leave_it(
    installation: OpenInstallation, name: str
) -> None:
    async with new_client(await installation()) as client:
        answer = await client.post(f"/api/session/bound/refresh/{name}")
    assert (answer.status_code, answer.json()["continue"]) == (200, False)
