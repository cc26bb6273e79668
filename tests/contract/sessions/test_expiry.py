"""Sliding and absolute expiry, "remember me" and sweeping, over HTTP, with the clock turned."""

from __future__ import annotations

import asyncio

from ostiary.app import Ostiary
from ostiary.base.clock import DAY, HOUR, MINUTE, SECOND, rfc3339
from ostiary.sessions import Place
from tests.conftest import OpenInstallation
from tests.support.installation import new_person
from tests.support.sessions import another, cookies_set, facade, open_sessions, secret_of, sign_in, status
from tests.support.time import ManualClock

IDLE, ABSOLUTE = 7 * DAY, 30 * DAY
REMEMBER_IDLE, REMEMBER_ABSOLUTE = 30 * DAY, 180 * DAY


async def test_a_session_that_is_not_used_ends_at_its_sliding_expiry(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    clock.advance(IDLE)
    refused = await person.request("GET", "/api/auth/me")
    assert refused.status_code == 401
    # The browser may have got a new one from a request beside this.
    assert "set-cookie" not in refused.headers


async def test_use_moves_the_sliding_expiry(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    for _ in range(3):
        clock.advance(IDLE - 1)
        assert await status(person) == 200


async def test_a_session_in_use_ends_at_its_absolute_expiry(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    end = clock.now + ABSOLUTE
    while clock.now + 6 * DAY < end:
        clock.advance(6 * DAY)
        assert await status(person) == 200
    (kept,) = await open_sessions(person)
    assert kept.idle_expires_at == end
    clock.now = end - 1
    assert await status(person) == 200
    clock.now = end
    assert await status(person) == 401
    assert await open_sessions(person) == []


async def test_the_sliding_expiry_moves_at_most_once_in_a_tenth_of_its_window(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person = await new_person(ostiary)
    begun = clock.now
    clock.advance(IDLE // 10 - 1)
    assert await status(person) == 200
    assert [each.seen_at for each in await open_sessions(person)] == [begun]
    clock.advance(1)
    assert await asyncio.gather(*(status(person) for _ in range(20))) == [200] * 20
    moved = clock.now
    assert [(each.seen_at, each.idle_expires_at) for each in await open_sessions(person)] == [(moved, moved + IDLE)]
    clock.advance(HOUR)
    assert await status(person) == 200
    assert [each.seen_at for each in await open_sessions(person)] == [moved]


async def test_the_list_shows_when_a_session_was_used_and_when_it_ends(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    begun = clock.now
    clock.advance(MINUTE)
    (shown,) = (await person.request("GET", "/api/sessions")).json()["items"]
    assert (shown["created_at"], shown["used_at"]) == (rfc3339(begun), rfc3339(begun))
    assert shown["expires_at"] == rfc3339(begun + IDLE)


async def test_who_is_not_remembered_has_a_cookie_that_goes_with_the_browser(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    (cookie,) = cookies_set(await sign_in(ostiary, person.email))
    assert "max-age" not in cookie.lower()
    assert "expires" not in cookie.lower()


async def test_who_is_remembered_has_a_cookie_and_a_session_that_live_longer(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person = await new_person(ostiary)
    (cookie,) = cookies_set(await sign_in(ostiary, person.email, remember=True))
    assert f"; Max-Age={REMEMBER_ABSOLUTE // SECOND};" in cookie
    remembered = await another(person, remember=True)
    end = clock.now + REMEMBER_ABSOLUTE
    clock.advance(REMEMBER_IDLE - 1)
    assert await status(remembered) == 200
    assert await status(person) == 401
    while clock.now + REMEMBER_IDLE <= end:
        clock.advance(REMEMBER_IDLE - 1)
        assert await status(remembered) == 200
    clock.now = end
    assert await status(remembered) == 401


async def test_who_is_remembered_stays_so_behind_a_new_secret(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await another(await new_person(ostiary), remember=True)
    clock.advance(10 * DAY)
    answer = await person.request("POST", "/api/auth/step-up", {"password": person.password})
    assert f"; Max-Age={(REMEMBER_ABSOLUTE - 10 * DAY) // SECOND};" in cookies_set(answer)[0]
    clock.advance(REMEMBER_IDLE - 1)
    assert await status(person) == 200


async def test_a_session_of_nobody_ends_sooner(ostiary: Ostiary, clock: ManualClock) -> None:
    secret, _ = await facade(ostiary).begin_anonymous(clock.now, Place("203.0.113.7", "Test/1.0"))
    for _ in range(3):
        clock.advance(DAY - 1)
        assert await facade(ostiary).find(secret, clock.now) is not None
    clock.advance(DAY)
    assert await facade(ostiary).find(secret, clock.now) is None


async def test_sweeping_takes_what_has_expired_with_its_data_and_nothing_else(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    if ostiary.use.settings.sessions.store == "redis":
        return
    expired = await another(await new_person(ostiary))
    await expired.request("PATCH", "/api/session/data", {"kept": "x"})
    sessions = await open_sessions(expired)
    await facade(ostiary).begin_anonymous(clock.now, Place("203.0.113.7", "Test/1.0"))
    clock.advance(IDLE - HOUR)
    fresh = await new_person(ostiary)
    await fresh.request("PATCH", "/api/session/data", {"kept": "y"})
    clock.advance(HOUR)
    await ostiary._sweeper(clock.now)
    assert len(sessions) == 2
    for session in sessions:
        assert (await facade(ostiary).read_data(session.id)).version == 0
    assert await status(expired) == 401
    assert (await fresh.request("GET", "/api/session/data")).json() == {"kept": "y"}


async def test_sweeping_goes_on_where_it_stopped(ostiary: Ostiary, clock: ManualClock) -> None:
    """In bites of a few hundred, each a transaction of its own."""
    if ostiary.use.settings.sessions.store == "redis":
        return  # expires by itself, which tests/contract/sessions/test_redis.py asks Redis about
    db, sessions = ostiary.use.db, facade(ostiary)
    place = Place("203.0.113.7", "Test/1.0")
    secret, _ = await sessions.begin_anonymous(clock.now, place)
    async with db.transaction() as tx:
        for number in range(1100):
            await tx.execute(
                "INSERT INTO sessions SELECT :id_hash, :id, account_id, epoch, privilege_epoch, amr, acr,"
                " authenticated_at, created_at, seen_at, idle, idle_expires_at, expires_at, remembered, superseded,"
                " address, user_agent, bound_key, bound_at FROM sessions WHERE id_hash = (SELECT id_hash FROM sessions"
                " ORDER BY id DESC LIMIT 1)",
                id_hash=number.to_bytes(32, "big"),
                id=f"a_{number}",
            )
    clock.advance(DAY)
    kept, _ = await sessions.begin_anonymous(clock.now, place)
    async with db.transaction() as tx:
        assert await sessions.sweep(tx, clock.now, limit=7) == 7
    assert await db.fetch_value("SELECT COUNT(*) FROM sessions") == 1102 - 7
    await ostiary._sweeper(clock.now)
    assert await db.fetch_value("SELECT COUNT(*) FROM sessions") == 1
    assert await sessions.find(kept, clock.now) is not None
    assert await sessions.find(secret, clock.now) is None


async def test_expired_families_of_tokens_and_flows_are_swept_too(ostiary: Ostiary, clock: ManualClock) -> None:
    await (await new_person(ostiary)).sign_in("token")
    clock.advance(2 * ABSOLUTE)
    await ostiary._sweeper(clock.now)
    for table in ("sessions", "session_data", "refresh_families", "flows"):
        assert await ostiary.use.db.fetch_value("SELECT COUNT(*) FROM " + table) == 0


async def test_the_expiries_are_settings(installation: OpenInstallation, clock: ManualClock) -> None:
    """Those of the sign-in count: a session that is there keeps its own."""
    ostiary = await installation(sessions__idle="10m", sessions__absolute="25m")
    person = await new_person(ostiary)
    for _ in range(2):
        clock.advance(10 * MINUTE - 1)
        assert await status(person) == 200
    clock.advance(5 * MINUTE + 2)
    assert await status(person) == 401
    person = await another(person)
    clock.advance(10 * MINUTE)
    assert await status(person) == 401
    assert secret_of(person.client)
