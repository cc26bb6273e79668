"""The rules against guessing, on each store: strangers are slowed, and lock nobody out of a browser used before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from ostiary.app import Ostiary
from ostiary.authentication.throttle import Throttle
from ostiary.base.clock import DAY, HOUR, MINUTE, SECOND
from ostiary.errors import RateLimited
from ostiary.settings import LimitSettings, Rate
from tests.conftest import OpenInstallation
from tests.support.time import ManualClock

ADA, EVE = "acct_ada", "acct_eve"
LAPTOP, PHONE = "dev_laptop", "dev_phone"


@pytest.fixture
async def ostiary(installation: OpenInstallation) -> Ostiary:
    """An installation that counts in one store, once for each."""
    return await installation()


@pytest.fixture
def throttle(ostiary: Ostiary) -> Throttle:
    """With the limits of an installation that sets none."""
    return Throttle(ostiary.use.limits, LimitSettings())


def throttle_with(ostiary: Ostiary, **limits: Rate) -> Throttle:
    return Throttle(ostiary.use.limits, LimitSettings(**limits))


async def how_many(work: Callable[[], Awaitable[None]], tries: int = 30) -> int:
    """How many of these tries, one after another, are let through."""
    return sum([await _passes(work()) for _ in range(tries)])


async def how_many_at_once(work: Callable[[], Awaitable[None]], tries: int = 200) -> int:
    return sum(await asyncio.gather(*(_passes(work()) for _ in range(tries))))


async def _passes(work: Awaitable[None]) -> bool:
    try:
        await work
    except RateLimited:
        return False
    return True


async def test_strangers_at_the_limit_lock_no_known_device_out(throttle: Throttle, clock: ManualClock) -> None:
    assert await how_many(lambda: throttle.password(ADA, clock.now)) == 10
    for device in (LAPTOP, PHONE):
        assert await how_many(partial(throttle.password, ADA, clock.now, device=device)) == 10
    assert await how_many(lambda: throttle.password(EVE, clock.now)) == 10


async def test_a_known_device_at_its_limit_locks_nobody_out(throttle: Throttle, clock: ManualClock) -> None:
    assert await how_many(lambda: throttle.password(ADA, clock.now, device=LAPTOP)) == 10
    assert await how_many(lambda: throttle.password(ADA, clock.now)) == 10
    assert await how_many(lambda: throttle.password(EVE, clock.now, device=LAPTOP)) == 10


async def test_what_is_typed_is_no_way_into_the_allowance_of_a_device(throttle: Throttle, clock: ManualClock) -> None:
    for typed in (f"{LAPTOP} {ADA}", f"{LAPTOP}{ADA}", LAPTOP):
        await how_many(partial(throttle.password, typed, clock.now))
    assert await how_many(lambda: throttle.password(ADA, clock.now, device=LAPTOP)) == 10


async def test_strangers_together_have_a_limit_that_known_devices_have_not(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    throttle = throttle_with(ostiary, login_total=Rate(25, 60))
    passed = [await how_many(partial(throttle.password, key, clock.now)) for key in ("a", "b", "c", "d")]
    assert passed == [10, 10, 5, 0]
    assert await how_many(lambda: throttle.password("d", clock.now, device=LAPTOP)) == 10
    clock.advance(MINUTE)
    assert await how_many(lambda: throttle.password("d", clock.now)) == 10


async def test_what_the_limit_of_all_refuses_does_not_count_on_the_account(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    throttle = throttle_with(ostiary, login_total=Rate(1, 60), login_account=Rate(2, 86_400))
    assert await how_many(lambda: throttle.password(ADA, clock.now)) == 1
    clock.advance(MINUTE)
    assert await how_many(lambda: throttle.password(ADA, clock.now)) == 1


@pytest.mark.parametrize("device", [None, LAPTOP])
async def test_of_200_passwords_at_once_ten_are_looked_at(
    throttle: Throttle, clock: ManualClock, device: str | None
) -> None:
    assert await how_many_at_once(lambda: throttle.password(ADA, clock.now, device=device)) == 10


@pytest.mark.parametrize("device", [None, LAPTOP])
async def test_a_password_that_was_not_looked_at_was_no_try(
    throttle: Throttle, clock: ManualClock, device: str | None
) -> None:
    for _ in range(30):
        await throttle.password(ADA, clock.now, device=device)
        await throttle.password_unchecked(ADA, device=device)
    assert await how_many(lambda: throttle.password(ADA, clock.now, device=device)) == 10


async def test_a_password_that_was_not_looked_at_counts_on_no_limit_of_all(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    throttle = throttle_with(ostiary, login_total=Rate(3, 60))
    for number in range(10):
        await throttle.password(str(number), clock.now)
        await throttle.password_unchecked(str(number))


@pytest.mark.parametrize("device", [None, LAPTOP])
async def test_whoever_proves_the_password_starts_afresh(
    throttle: Throttle, clock: ManualClock, device: str | None
) -> None:
    await how_many(lambda: throttle.password(ADA, clock.now, device=device))
    await throttle.password_proved(ADA, clock.now, device=device)
    assert await how_many(lambda: throttle.password(ADA, clock.now, device=device)) == 10


async def test_a_password_proved_on_a_known_device_gives_strangers_no_new_tries(
    throttle: Throttle, clock: ManualClock
) -> None:
    await how_many(lambda: throttle.password(ADA, clock.now))
    await throttle.password_proved(ADA, clock.now, device=LAPTOP)
    assert await how_many(lambda: throttle.password(ADA, clock.now)) == 0


async def test_after_twenty_wrong_passwords_of_strangers_in_a_day_the_right_one_is_not_enough(
    throttle: Throttle, clock: ManualClock
) -> None:
    for _ in range(20):
        assert not await throttle.suspicious(ADA, clock.now)
        await throttle.wrong_password(ADA, clock.now)
        clock.advance(SECOND)
    assert await throttle.suspicious(ADA, clock.now)
    assert not await throttle.suspicious(EVE, clock.now)
    for _ in range(20):
        await throttle.wrong_password(ADA, clock.now)  # beyond, it is refused nothing
    clock.advance(HOUR)
    assert await throttle.suspicious(ADA, clock.now)
    clock.advance(DAY)
    assert not await throttle.suspicious(ADA, clock.now)


async def test_looking_makes_nobody_suspicious(throttle: Throttle, clock: ManualClock) -> None:
    for _ in range(30):
        assert not await throttle.suspicious(ADA, clock.now)


async def test_wrong_passwords_on_a_known_device_are_nothing_to_suspect(throttle: Throttle, clock: ManualClock) -> None:
    for _ in range(30):
        await throttle.wrong_password(ADA, clock.now, device=LAPTOP)
    assert not await throttle.suspicious(ADA, clock.now)


async def test_a_password_guessed_at_last_does_not_end_the_suspicion(throttle: Throttle, clock: ManualClock) -> None:
    """Only whoever proves it on a known device does."""
    for _ in range(20):
        await throttle.wrong_password(ADA, clock.now)
    await throttle.password_proved(ADA, clock.now)
    assert await throttle.suspicious(ADA, clock.now)
    await throttle.password_proved(ADA, clock.now, device=LAPTOP)
    assert not await throttle.suspicious(ADA, clock.now)


async def test_of_200_second_factors_at_once_ten_are_looked_at(throttle: Throttle, clock: ManualClock) -> None:
    assert await how_many_at_once(lambda: throttle.second_factor(ADA, clock.now)) == 10
    clock.advance(MINUTE)
    assert await how_many_at_once(lambda: throttle.second_factor(ADA, clock.now)) == 1


async def test_a_right_second_factor_gives_back_its_own_try_alone(throttle: Throttle, clock: ManualClock) -> None:
    """Somebody who knows the password has tried the others; the owner's sign-ins must not give them new ones."""
    assert await how_many(lambda: throttle.second_factor(ADA, clock.now), tries=6) == 6
    for _ in range(30):
        await throttle.second_factor(ADA, clock.now)
        await throttle.second_factor_proved(ADA)
    assert await how_many(lambda: throttle.second_factor(ADA, clock.now)) == 4


async def test_whoever_guesses_second_factors_locks_no_known_device_out(throttle: Throttle, clock: ManualClock) -> None:
    await how_many(lambda: throttle.second_factor(ADA, clock.now))
    await throttle.second_factor(ADA, clock.now, device=LAPTOP)
    await throttle.second_factor_proved(ADA, device=LAPTOP)
    assert await how_many(lambda: throttle.second_factor(ADA, clock.now, device=LAPTOP)) == 10


async def test_somebody_is_sent_five_mails_an_hour_however_many_ask_at_once(
    throttle: Throttle, clock: ManualClock
) -> None:
    assert await how_many_at_once(lambda: throttle.mail("ada@example.com", clock.now)) == 5
    assert await how_many(lambda: throttle.mail("eve@example.com", clock.now)) == 5
    clock.advance(12 * MINUTE)
    assert await how_many(lambda: throttle.mail("ada@example.com", clock.now)) == 1


async def test_a_number_is_sent_five_messages_an_hour_and_all_of_them_a_hundred(
    throttle: Throttle, clock: ManualClock
) -> None:
    assert await how_many_at_once(lambda: throttle.sms("+4512345678", clock.now)) == 5
    passed = [await how_many(partial(throttle.sms, f"+45{n:08}", clock.now), tries=6) for n in range(21)]
    assert passed == [5] * 19 + [0, 0]
