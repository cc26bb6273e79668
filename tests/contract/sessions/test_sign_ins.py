"""Where somebody is signed in: a new id each time, a list, and ways to end each, the others, or all."""

from __future__ import annotations

from ostiary.app import Ostiary
from ostiary.base.clock import SECOND
from ostiary.base.tokens import digest
from tests.support.installation import Person, new_administrator, new_client, new_person
from tests.support.sessions import COOKIE, another, current_id, open_sessions, opens, secret_of, show, status
from tests.support.time import ManualClock


async def _with_tokens(person: Person) -> Person:
    """The same person, signed in by tokens with another client."""
    twin = Person(person.ostiary, person.client, person.id, person.email, person.password)
    return await twin.sign_in("token")


async def _ids(person: Person) -> list[str]:
    return [one["id"] for one in (await person.request("GET", "/api/sessions")).json()["items"]]


async def test_every_sign_in_has_a_new_secret_of_which_only_the_digest_is_kept(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    first = secret_of(person.client)
    body = {"identifier": person.email, "password": person.password}
    assert (await person.request("POST", "/api/auth/login", body)).status_code == 200
    second = secret_of(person.client)
    assert first != second
    assert len(second) == 43  # 256 bits in base64url
    # The browser's session before ended with the sign-in.
    assert [session.id_hash for session in await open_sessions(person)] == [digest(second)]
    assert not await opens(ostiary, first)


async def test_a_secret_that_somebody_else_chose_is_never_taken_over(ostiary: Ostiary) -> None:
    person, planted = await new_person(ostiary), "A" * 43
    body = {"identifier": person.email, "password": person.password}
    assert (await show(ostiary, planted, "/api/auth/login", "POST", body)).status_code == 200
    assert not await opens(ostiary, planted)


async def test_signing_out_ends_the_session_and_deletes_the_cookie(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    secret = secret_of(person.client)
    assert await opens(ostiary, secret)
    assert (await person.request("POST", "/api/auth/logout")).status_code == 204
    assert COOKIE not in person.client.cookies
    assert await open_sessions(person) == []
    assert not await opens(ostiary, secret)


async def test_signing_out_twice_is_no_error(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    for _ in range(2):
        assert (await person.request("POST", "/api/auth/logout")).status_code == 204


async def test_signing_out_by_refresh_token_ends_its_family(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, delivery="token")
    token = person.tokens["refresh_token"]
    nobody = new_client(ostiary)
    assert (await nobody.post("/api/auth/logout", json={"refresh_token": token})).status_code == 204
    assert (await nobody.post("/api/auth/refresh", json={"refresh_token": token})).status_code == 401


async def test_signing_out_by_cookie_and_refresh_token_at_once_is_refused(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    tokens = (await _with_tokens(person)).tokens
    refused = await person.request("POST", "/api/auth/logout", {"refresh_token": tokens["refresh_token"]})
    assert (refused.status_code, refused.json()["code"]) == (400, "ambiguous_credentials")
    assert await status(person) == 200


async def test_the_list_has_sessions_and_families_newest_first_and_marks_this_one(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    person = await new_person(ostiary)
    clock.advance(SECOND)
    phone = await _with_tokens(person)
    listed = (await person.request("GET", "/api/sessions")).json()
    assert listed["next"] is None
    assert [(one["kind"], one["current"]) for one in listed["items"]] == [("token", False), ("session", True)]
    assert {one["address"] for one in listed["items"]} == {"203.0.113.7"}
    assert all(one["user_agent"].startswith("python-httpx/") for one in listed["items"])
    of_phone = (await phone.request("GET", "/api/sessions")).json()["items"]
    assert {one["kind"]: one["current"] for one in of_phone} == {"session": False, "token": True}


async def test_one_of_them_can_be_ended(ostiary: Ostiary) -> None:
    person = await new_person(ostiary)
    other, phone = await another(person), await _with_tokens(person)
    path = f"/api/sessions/{await current_id(other)}"
    assert (await person.request("DELETE", path)).status_code == 204
    assert [await status(one) for one in (person, other, phone)] == [200, 401, 200]
    assert (await person.request("DELETE", path)).status_code == 404


async def test_nobody_ends_the_sign_in_of_somebody_else(ostiary: Ostiary) -> None:
    person, stranger = await new_person(ostiary), await new_person(ostiary)
    (theirs,) = await _ids(person)
    assert (await stranger.request("DELETE", f"/api/sessions/{theirs}")).status_code == 404
    assert (await stranger.request("DELETE", f"/api/accounts/{person.id}/sessions/{theirs}")).status_code == 403
    assert (await stranger.request("DELETE", f"/api/accounts/{person.id}/sessions")).status_code == 403
    assert (await stranger.request("GET", f"/api/accounts/{person.id}/sessions")).status_code == 403
    assert await status(person) == 200


async def test_all_others_can_be_ended_at_once(ostiary: Ostiary) -> None:
    person, stranger = await new_person(ostiary), await new_person(ostiary)
    other, phone = await another(person), await _with_tokens(person)
    ended = await person.request("DELETE", "/api/sessions")
    assert ended.json() == {"ended": 2}
    assert [await status(one) for one in (person, other, stranger)] == [200, 401, 200]
    refresh = await phone.client.post("/api/auth/refresh", json={"refresh_token": phone.tokens["refresh_token"]})
    assert refresh.status_code == 401


async def test_an_administrator_sees_and_ends_the_sign_ins_of_an_account(ostiary: Ostiary) -> None:
    person, administrator = await new_person(ostiary), await new_administrator(ostiary)
    phone = await _with_tokens(person)
    path = f"/api/accounts/{person.id}/sessions"
    listed = (await administrator.request("GET", path)).json()["items"]
    assert sorted(one["id"] for one in listed) == sorted(await _ids(person))
    assert not any(one["current"] for one in listed)
    (session,) = [one["id"] for one in listed if one["kind"] == "session"]
    assert (await administrator.request("DELETE", f"{path}/{session}")).status_code == 204
    assert await status(person) == 401
    assert (await administrator.request("DELETE", path)).json() == {"ended": 1}
    refresh = await phone.client.post("/api/auth/refresh", json={"refresh_token": phone.tokens["refresh_token"]})
    assert refresh.status_code == 401
    assert await status(administrator) == 200


async def test_each_end_is_on_record(ostiary: Ostiary, clock: ManualClock) -> None:
    person = await new_person(ostiary)
    clock.advance(SECOND)
    await _with_tokens(person)
    token_id, session_id = (one["id"] for one in (await person.request("GET", "/api/sessions")).json()["items"])
    await person.request("DELETE", f"/api/sessions/{token_id}")
    await person.request("POST", "/api/auth/logout")
    recorded = await ostiary.use.db.fetch_value(
        "SELECT COUNT(*) FROM audit_events WHERE event IN ('refresh.revoked', 'sign_out') AND account_id = :id",
        id=person.id,
    )
    assert (recorded, token_id[:4], session_id[:4]) == (2, "fam_", "ses_")
