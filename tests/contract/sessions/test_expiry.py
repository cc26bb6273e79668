"""Sliding and absolute expiry, over HTTP, with the clock turned."""

from __future__ import annotations

from ostiary.app import Ostiary
from ostiary.base.clock import DAY, HOUR, MINUTE, rfc3339
from tests.support.installation import Person, new_person
from tests.support.time import ManualClock

IDLE, ABSOLUTE = 7 * DAY, 30 * DAY


async def _status(person: Person) -> int:
    return (await person.request("GET", "/api/auth/me")).status_code


async def _stored(ostiary: Ostiary) -> tuple[int, int]:
    seen_at = await ostiary.use.db.fetch_value("SELECT seen_at FROM sessions")
    return seen_at, await ostiary.use.db.fetch_value("SELECT idle_expires_at FROM sessions")


async def test_a_session_that_is_not_used_ends_at_its_sliding_expiry(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    clock.advance(IDLE)
    refused = await person.request("GET", "/api/auth/me")
    assert refused.status_code == 401
    assert "ostiary_session=; Max-Age=0" in refused.headers["set-cookie"]


async def test_use_moves_the_sliding_expiry(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    for _ in range(3):
        clock.advance(IDLE - 1)
        assert await _status(person) == 200


async def test_a_session_in_use_ends_at_its_absolute_expiry(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    end = clock.now + ABSOLUTE
    while clock.now + 6 * DAY < end:
        clock.advance(6 * DAY)
        assert await _status(person) == 200
    assert (await _stored(ostiary))[1] == end
    clock.now = end - 1
    assert await _status(person) == 200
    clock.now = end
    assert await _status(person) == 401


async def test_the_sliding_expiry_is_written_at_most_once_in_a_tenth_of_its_window(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person = await new_person(ostiary)
    begun = clock.now
    clock.advance(IDLE // 10 - 1)
    assert await _status(person) == 200
    assert await _stored(ostiary) == (begun, begun + IDLE)
    clock.advance(1)
    assert await _status(person) == 200
    moved = clock.now
    assert await _stored(ostiary) == (moved, moved + IDLE)
    clock.advance(HOUR)
    assert await _status(person) == 200
    assert await _stored(ostiary) == (moved, moved + IDLE)


async def test_the_list_shows_when_a_session_was_used_and_when_it_ends(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    begun = clock.now
    clock.advance(MINUTE)
    (shown,) = (await person.request("GET", "/api/sessions")).json()["items"]
    assert (shown["created_at"], shown["used_at"]) == (rfc3339(begun), rfc3339(begun))
    assert shown["expires_at"] == rfc3339(begun + IDLE)


async def test_sweeping_takes_what_has_expired_in_bites_and_nothing_else(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    await person.sign_in("token")
    clock.advance(IDLE)
    fresh = await new_person(ostiary)
    sweepers, db = ostiary._sweepers, ostiary.use.db
    async with db.transaction() as tx:
        for number in range(1100):
            await tx.execute(
                "INSERT INTO sessions SELECT :id_hash, :id, account_id, amr, authenticated_at, created_at, seen_at,"
                " idle_expires_at, expires_at, address, user_agent, data, data_version FROM sessions WHERE id_hash ="
                " (SELECT id_hash FROM sessions ORDER BY created_at LIMIT 1)",
                id_hash=number.to_bytes(32, "big"),
                id=f"ses_{number}",
            )
        assert await sweepers._sessions.sweep(tx, clock.now, limit=7) == 7
    assert await sweepers.sweep(clock.now) == 1101 - 7
    assert await _status(fresh) == 200
    clock.advance(IDLE)
    assert await sweepers.sweep(clock.now) >= 2  # the family of tokens too, and the other session
    for table in ("sessions", "refresh_families", "flows"):
        assert await db.fetch_value("SELECT COUNT(*) FROM " + table) == 0
