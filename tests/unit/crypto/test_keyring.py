from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ostiary.base.clock import DAY, MINUTE
from ostiary.crypto import KeyRing, Sealer, Unsealable, jose
from ostiary.crypto.jose import LEEWAY
from ostiary.database import Database
from ostiary.errors import InvalidToken
from tests.support.time import ManualClock

MASTER = bytes(range(32))
LEAD = 10 * MINUTE
LIFETIME = DAY


def make_ring(database: Database, clock: ManualClock, *algorithms: str, master: bytes = MASTER) -> KeyRing:
    chosen = algorithms or ("ES256",)
    return KeyRing(database, Sealer(master), clock, chosen, publish_lead=LEAD, token_lifetime=LIFETIME)


@pytest.fixture
async def ring(database: Database, clock: ManualClock) -> KeyRing:
    ring = make_ring(database, clock)
    await ring.load()
    return ring


@pytest.fixture
async def second(database: Database, database_url: str) -> AsyncIterator[Database]:
    """What another process has: its own connections to the same database."""
    opened = await Database.open(database_url)
    yield opened
    await opened.close()


async def rotate(ring: KeyRing, database: Database, now: int) -> None:
    fresh = await ring.generate()
    async with database.transaction() as tx:
        await ring.rotate(tx, now, fresh)
    await ring.refresh()


def kids(ring: KeyRing, now: int) -> set[str]:
    return {jwk["kid"] for jwk in ring.jwks(now)["keys"]}


async def test_the_first_key_of_each_algorithm_signs_at_once(database: Database, clock: ManualClock) -> None:
    ring = make_ring(database, clock, "ES256", "RS256", "EdDSA")
    await ring.load()
    for algorithm in ("ES256", "RS256", "EdDSA"):
        assert ring.signing_key(algorithm, clock()).algorithm == algorithm
    with pytest.raises(LookupError):
        ring.signing_key("HS256", clock())
    assert {jwk["alg"] for jwk in ring.jwks(clock())["keys"]} == {"ES256", "RS256", "EdDSA"}


async def test_loading_again_makes_no_other_key(ring: KeyRing, database: Database, clock: ManualClock) -> None:
    again = make_ring(database, clock)
    await again.load()
    assert again.signing_key("ES256", clock()).kid == ring.signing_key("ES256", clock()).kid


async def test_an_algorithm_set_up_later_gets_its_key(ring: KeyRing, database: Database, clock: ManualClock) -> None:
    both = make_ring(database, clock, "ES256", "EdDSA")
    await both.load()
    assert both.signing_key("ES256", clock()).kid == ring.signing_key("ES256", clock()).kid
    assert both.signing_key("EdDSA", clock()).algorithm == "EdDSA"


async def test_two_processes_that_start_at_once_end_with_one_key_an_algorithm(
    database: Database, second: Database, clock: ManualClock
) -> None:
    rings = [make_ring(db, clock, "ES256", "EdDSA") for db in (database, second)]
    await asyncio.gather(*(ring.load() for ring in rings))
    assert len(await rings[0].list()) == 2
    for algorithm in ("ES256", "EdDSA"):
        assert len({ring.signing_key(algorithm, clock()).kid for ring in rings}) == 1


async def test_what_is_published_is_public(ring: KeyRing, clock: ManualClock) -> None:
    (jwk,) = ring.jwks(clock())["keys"]
    assert jwk.keys() == {"kty", "crv", "x", "y", "kid", "alg", "use"}


async def test_private_keys_are_sealed_at_rest(ring: KeyRing, clock: ManualClock) -> None:
    (row,) = await ring.list()
    der = ring.signing_key("ES256", clock()).to_der()
    assert der not in row.sealed_private
    assert Sealer(MASTER).open(row.sealed_private, f"signing_keys.sealed_private/{row.kid}") == der


async def test_another_master_key_is_refused_at_start(ring: KeyRing, database: Database, clock: ManualClock) -> None:
    with pytest.raises(Unsealable, match="master key does not match"):
        await make_ring(database, clock, master=bytes(32)).load()


async def test_a_sealed_key_moved_to_another_row_is_refused(
    ring: KeyRing, database: Database, clock: ManualClock
) -> None:
    async with database.transaction() as tx:
        await tx.execute("UPDATE signing_keys SET kid = 'other'")
        await tx.bump("keys")
    with pytest.raises(Unsealable, match="belongs to something else"):
        await make_ring(database, clock).load()


async def test_the_life_of_a_key(ring: KeyRing, database: Database, clock: ManualClock) -> None:
    old = ring.signing_key("ES256", clock())
    await rotate(ring, database, clock())
    started = clock()
    (new_kid,) = kids(ring, clock()) - {old.kid}

    # Published at once, signing only after the lead.
    clock.advance(LEAD - 1)
    assert ring.signing_key("ES256", clock()).kid == old.kid
    last_token = jose.sign({"iss": "i", "aud": "a", "exp": (clock() + LIFETIME) // 1000}, key=old, typ="t")
    clock.advance(1)
    assert ring.signing_key("ES256", clock()).kid == new_kid

    # The old one stays until its last token has expired, then it is gone.
    clock.now = started + LEAD + LIFETIME + LEEWAY - 1001
    verified: dict[str, Any] = {"typ": "t", "issuer": "i", "audience": "a"}
    assert ring.verifier(clock()).verify(last_token, now=clock(), **verified)
    assert kids(ring, clock()) == {old.kid, new_kid}
    clock.now = started + LEAD + LIFETIME + LEEWAY
    assert kids(ring, clock()) == {new_kid}
    with pytest.raises(InvalidToken, match="name a key"):
        ring.verifier(clock()).verify(last_token, now=clock() - DAY, **verified)

    async with database.transaction() as tx:
        assert await ring.delete_expired(tx, clock()) == 1
    await ring.refresh()
    assert [row.kid for row in await ring.list()] == [new_kid]
    assert [row.state(clock()) for row in await ring.list()] == ["signing"]


async def test_at_every_moment_of_several_rotations_exactly_one_key_signs(
    ring: KeyRing, database: Database, clock: ManualClock
) -> None:
    for _ in range(4):
        await rotate(ring, database, clock())
        for _ in range(5):
            signing = [row for row in await ring.list() if row.state(clock()) == "signing"]
            assert [row.kid for row in signing] == [ring.signing_key("ES256", clock()).kid]
            clock.advance(LEAD // 3)


async def test_a_key_never_overtakes_the_one_before_it(ring: KeyRing, database: Database, clock: ManualClock) -> None:
    await rotate(ring, database, clock())
    hasty = KeyRing(database, Sealer(MASTER), clock, ("ES256",), publish_lead=MINUTE, token_lifetime=LIFETIME)
    await hasty.load()
    await rotate(hasty, database, clock())
    for _ in range(12):
        assert sum(row.state(clock()) == "signing" for row in await ring.list()) == 1
        clock.advance(MINUTE)


async def test_a_rotation_that_is_rolled_back_changes_nothing(
    ring: KeyRing, database: Database, clock: ManualClock
) -> None:
    before = await ring.list()
    fresh = await ring.generate()

    async def fail() -> None:
        async with database.transaction() as tx:
            await ring.rotate(tx, clock(), fresh)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    await ring.refresh()
    assert await ring.list() == before
    assert len(ring.verification_keys(clock())) == 1


async def test_one_algorithm_can_be_rotated_alone(database: Database, clock: ManualClock) -> None:
    ring = make_ring(database, clock, "ES256", "EdDSA")
    await ring.load()
    fresh = await ring.generate(["EdDSA"])
    async with database.transaction() as tx:
        await ring.rotate(tx, clock(), fresh)
    assert sorted(row.algorithm for row in await ring.list()) == ["ES256", "EdDSA", "EdDSA"]


async def test_another_process_sees_a_rotation_at_its_next_refresh(
    ring: KeyRing, database: Database, second: Database, clock: ManualClock
) -> None:
    other = make_ring(second, clock)
    await other.load()
    await rotate(ring, database, clock())
    assert kids(other, clock()) != kids(ring, clock())
    await other.refresh()
    assert kids(other, clock()) == kids(ring, clock())


async def test_a_process_that_starts_later_verifies_with_a_key_that_no_longer_signs(
    ring: KeyRing, database: Database, clock: ManualClock
) -> None:
    old = ring.signing_key("ES256", clock())
    token = jose.sign({"iss": "i", "aud": "a", "exp": (clock() + LIFETIME) // 1000}, key=old, typ="t")
    await rotate(ring, database, clock())
    clock.advance(2 * LEAD)
    later = make_ring(database, clock)
    await later.load()
    assert later.verifier(clock()).verify(token, typ="t", issuer="i", audience="a", now=clock())
    assert [key.is_private for key in later.verification_keys(clock())] == [False, True]


async def test_the_verifier_is_kept_until_the_keys_change(
    ring: KeyRing, database: Database, clock: ManualClock
) -> None:
    first = ring.verifier(clock())
    await ring.refresh()
    clock.advance(MINUTE)
    assert ring.verifier(clock()) is first
    await rotate(ring, database, clock())
    assert ring.verifier(clock()) is not first
