"""RFC 6749 section 6 and RFC 9700 section 4.14: refresh tokens."""

from __future__ import annotations

from ostiary.app import Ostiary
from tests.support.installation import new_person
from tests.support.oauth import claims_of, new_api, new_application
from tests.support.time import ManualClock

_ALL = "openid profile forecasts.read forecasts.write"


async def test_6_a_refresh_token_is_spent_for_the_next(ostiary: Ostiary) -> None:
    app, person = await new_application(ostiary), await new_person(ostiary)
    first = await app.tokens(person)
    second = (await app.refresh(first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    again, before = claims_of(second["id_token"]), claims_of(first["id_token"])
    assert "nonce" not in again  # OpenID Connect Core section 12.2
    assert {name: again[name] for name in ("iss", "sub", "aud", "auth_time", "sid")} == {
        name: before[name] for name in ("iss", "sub", "aud", "auth_time", "sid")
    }


async def test_a_lost_answer_is_given_again_and_makes_no_second_line(ostiary: Ostiary, clock: ManualClock) -> None:
    app, person = await new_application(ostiary), await new_person(ostiary)
    first = (await app.tokens(person))["refresh_token"]
    second = (await app.refresh(first)).json()["refresh_token"]
    clock.advance(5_000)
    assert (await app.refresh(first)).json()["refresh_token"] == second
    third = (await app.refresh(second)).json()["refresh_token"]
    # The one before the last is past its time, however short ago it was spent.
    assert (await app.refresh(first)).json()["error"] == "invalid_grant"
    assert (await app.refresh(third)).json()["error"] == "invalid_grant"  # and that was a reuse: all has ended


async def test_rfc9700_4_14_2_reuse_after_the_grace_ends_the_family(ostiary: Ostiary, clock: ManualClock) -> None:
    app, person = await new_application(ostiary), await new_person(ostiary)
    tokens = await app.tokens(person)
    second = (await app.refresh(tokens["refresh_token"])).json()
    clock.advance(11_000)
    assert (await app.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await app.refresh(second["refresh_token"])).json()["error"] == "invalid_grant"
    assert not (await app.introspect(second["access_token"]))["active"]


async def test_6_less_may_be_asked_for_and_never_more(server: Ostiary) -> None:
    await new_api(server)
    app, person = await new_application(server, scope=_ALL + " email"), await new_person(server)
    tokens = await app.tokens(person, scope="openid forecasts.read forecasts.write", resource="https://api.example")
    less = (await app.refresh(tokens["refresh_token"], scope="forecasts.read")).json()
    assert claims_of(less["access_token"])["scope"] == "forecasts.read"
    more = await app.refresh(less["refresh_token"], scope="forecasts.read email")
    assert more.json()["error"] == "invalid_scope"
    other = await app.refresh(less["refresh_token"], resource=server.use.settings.issuer)
    assert other.json()["error"] == "invalid_target"
    whole = (await app.refresh(less["refresh_token"])).json()  # a refused request has spent nothing
    assert claims_of(whole["access_token"])["scope"] == "forecasts.read forecasts.write"


async def test_a_refresh_token_ends_by_not_being_used_and_in_any_case(server: Ostiary, clock: ManualClock) -> None:
    app, person = await new_application(server), await new_person(server)
    token = (await app.tokens(person, scope="openid offline_access"))["refresh_token"]
    for _ in range(9):
        clock.advance(9 * 86_400_000)
        answer = await app.refresh(token)
        assert answer.status_code == 200, answer.text
        token = answer.json()["refresh_token"]
    clock.advance(10 * 86_400_000)
    assert (await app.refresh(token)).json()["error"] == "invalid_grant"


async def test_without_offline_access_it_ends_with_the_session(ostiary: Ostiary) -> None:
    app, person = await new_application(ostiary), await new_person(ostiary)
    online = await app.tokens(person, scope="openid")
    offline = await app.tokens(person, scope="openid offline_access")
    await person.client.post("/logout", data={"csrf_token": person.csrf})
    assert (await app.refresh(online["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await app.refresh(offline["refresh_token"])).status_code == 200


async def test_it_ends_with_the_consent_and_with_the_account(ostiary: Ostiary) -> None:
    app, person = await new_application(ostiary), await new_person(ostiary)
    tokens = await app.tokens(person, scope="openid offline_access")
    assert (await person.request("GET", "/api/consents")).json()["items"][0]["client_name"] == "Weather"
    assert (await person.request("DELETE", f"/api/consents/{app.id}")).status_code == 204
    assert (await app.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await person.request("DELETE", f"/api/consents/{app.id}")).status_code == 404
    tokens = await app.tokens(person, scope="openid offline_access")
    from ostiary.accounts import AccountChange

    await ostiary.use.account_administration.change(ostiary.operator(), person.id, AccountChange(status="disabled"))
    assert (await app.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_a_client_without_the_grant_gets_none(server: Ostiary) -> None:
    app = await new_application(server, grant_types=["authorization_code"])
    tokens = await app.tokens(await new_person(server))
    assert "refresh_token" not in tokens
    assert (await app.introspect(tokens["access_token"]))["active"]
