from __future__ import annotations

import asyncio
import os
import time

import pytest

from ostiary.crypto import PasswordHasher
from ostiary.errors import Unavailable

CORES = len(os.sched_getaffinity(0))


@pytest.fixture
def hasher() -> PasswordHasher:
    return PasswordHasher(memory_kib=64, passes=1)


async def test_the_right_password_verifies_and_others_do_not(hasher: PasswordHasher) -> None:
    phc = await hasher.hash("pässwörd 🔑")
    assert await hasher.verify(phc, "pässwörd 🔑")
    assert not await hasher.verify(phc, "passwörd 🔑")
    assert not await hasher.verify(phc, "")


async def test_equal_passwords_have_different_hashes(hasher: PasswordHasher) -> None:
    assert await hasher.hash("same") != await hasher.hash("same")


async def test_nobodys_password_is_never_right(hasher: PasswordHasher) -> None:
    assert not await hasher.verify(None, "anything")


async def test_a_lone_surrogate_is_a_wrong_password(hasher: PasswordHasher) -> None:
    assert not await hasher.verify(await hasher.hash("x"), "\ud800")


MALFORMED = [
    "",
    "plain text",
    "$2b$12$KbQi.something",
    "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$" + "A" * 43,
    "$argon2id$v=16$m=64,t=1,p=1$c29tZXNhbHQ$" + "A" * 43,
    "$argon2id$v=19$m=64,t=1$c29tZXNhbHQ$" + "A" * 43,
    "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$",
    "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$" + "A" * 45,
    "$argon2id$v=19$m=64,t=1,p=1$" + "A" * 13 + "$" + "A" * 43,
    "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$" + "A" * 43 + "\n",
    "$argon2id$v=19$m=4,t=1,p=1$c29tZXNhbHQ$" + "A" * 43,
    "$argon2id$v=19$m=64,t=1,p=9$c29tZXNhbHQ$" + "A" * 43,
]
HOSTILE = [
    "$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHQ$" + "A" * 43,
    "$argon2id$v=19$m=64,t=20000,p=1$c29tZXNhbHQ$" + "A" * 43,
    "$argon2id$v=19$m=524288,t=1,p=1$c29tZXNhbHQ$" + "A" * 43,
    "$argon2id$v=19$m=999999999999999999999,t=1,p=1$c29tZXNhbHQ$" + "A" * 43,
]


@pytest.mark.parametrize("phc", MALFORMED + HOSTILE)
async def test_a_malformed_or_hostile_hash_is_wrong_and_outdated_and_raises_nothing(
    hasher: PasswordHasher, phc: str
) -> None:
    assert not await hasher.verify(phc, "anything")
    assert hasher.outdated(phc)


@pytest.mark.parametrize("phc", HOSTILE)
async def test_the_work_that_a_hostile_hash_asks_for_is_not_done(hasher: PasswordHasher, phc: str) -> None:
    start = time.process_time()
    await hasher.verify(phc, "anything")
    assert time.process_time() - start < 0.1


def test_a_hash_is_outdated_when_a_parameter_differs(hasher: PasswordHasher) -> None:
    phc = asyncio.run(hasher.hash("x"))
    assert not hasher.outdated(phc)
    assert PasswordHasher(memory_kib=128, passes=1).outdated(phc)
    assert PasswordHasher(memory_kib=64, passes=2).outdated(phc)


async def test_a_hash_as_dear_as_the_settings_ask_for_verifies_however_dear() -> None:
    hasher = PasswordHasher(memory_kib=256 * 1024 + 64, passes=1)
    phc = await hasher.hash("x")
    assert await hasher.verify(phc, "x")
    assert not hasher.outdated(phc)
    assert not await PasswordHasher(memory_kib=64, passes=1).verify(phc, "x")


@pytest.mark.alone
async def test_unknown_malformed_and_wrong_take_the_same_time() -> None:
    hasher = PasswordHasher(memory_kib=8192, passes=2)
    real = await hasher.hash("right")

    async def cost(phc: str | None) -> float:
        start = time.process_time()  # of all threads; what else the machine does is not in it
        await hasher.verify(phc, "wrong")
        return time.process_time() - start

    rounds = [[await cost(phc) for phc in (real, None, "malformed")] for _ in range(25)]
    known, nobody, malformed = map(min, zip(*rounds, strict=True))
    assert nobody == pytest.approx(known, rel=0.2)
    assert malformed == pytest.approx(known, rel=0.2)


async def test_what_does_not_fit_in_the_queue_is_refused_at_once_and_the_rest_is_answered() -> None:
    hasher = PasswordHasher(memory_kib=19456, passes=2, max_queue=3)
    answers = await asyncio.gather(*(hasher.hash("x") for _ in range(CORES + 3 + 5)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Unavailable)]
    assert [error.retry_after for error in refused] == [1] * 5
    assert all(isinstance(answer, str) for answer in answers[: CORES + 3])
    assert await hasher.verify(None, "x") is False


async def test_a_caller_that_goes_away_gives_its_place_back() -> None:
    hasher = PasswordHasher(memory_kib=1024, passes=2, max_queue=0)
    for _ in range(5):
        tasks = [asyncio.create_task(hasher.hash("x")) for _ in range(CORES)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio.timeout(10):
            while True:
                try:
                    await asyncio.gather(*(hasher.hash("x") for _ in range(CORES)))
                    break
                except Unavailable:
                    await asyncio.sleep(0)


async def test_the_event_loop_turns_while_hashes_are_computed() -> None:
    hasher = PasswordHasher(memory_kib=19456, passes=2)
    hashing = asyncio.gather(*(hasher.hash("x") for _ in range(CORES * 2)))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)
        turns += 1
    assert len(await hashing) == CORES * 2
    assert turns > 50
