"""OpenID Connect RP-Initiated, Back-Channel and Front-Channel Logout."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest

from ostiary.app import Ostiary
from tests.conftest import OpenInstallation
from tests.support.http_servers import Reply, serve_http
from tests.support.installation import new_person
from tests.support.oauth import claims_of, header_of, new_application
from tests.support.time import ManualClock

EVENT = "http://schemas.openid.net/event/backchannel-logout"


async def test_backchannel_2_5_each_application_that_knew_of_the_session_is_told(ostiary: Ostiary) -> None:
    async with serve_http() as application:
        uri = application.url + "/logout"
        app, silent = await new_application(ostiary, backchannel_logout_uri=uri), await new_application(ostiary)
        person = await new_person(ostiary)
        tokens = await app.tokens(person)
        await silent.tokens(person)
        assert await ostiary.use.oauth.logout_tokens.deliver_due() == 0
        await person.client.post("/logout", data={"csrf_token": person.csrf})
        assert await ostiary.use.oauth.logout_tokens.deliver_due() == 2
        (told,) = application.requests
        token = parse_qs(told.body)["logout_token"][0]
        claims, session = claims_of(token), claims_of(tokens["id_token"])
        assert header_of(token)["typ"] == "logout+jwt"
        assert claims["events"] == {EVENT: {}}
        assert "nonce" not in claims
        assert {n: claims[n] for n in ("iss", "sub", "aud", "sid")} == {
            n: session[n] for n in ("iss", "sub", "aud", "sid")
        }
        assert await ostiary.use.oauth.logout_tokens.deliver_due() == 0


async def test_backchannel_what_fails_is_tried_again_later_and_given_up_at_last(
    server: Ostiary, clock: ManualClock
) -> None:
    async with serve_http(lambda _: Reply(503)) as application:
        app = await new_application(server, backchannel_logout_uri=application.url + "/logout")
        person = await new_person(server)
        await app.tokens(person)
        await person.request(
            "DELETE", "/api/sessions/" + (await person.request("GET", "/api/sessions")).json()["items"][0]["id"]
        )
        deliver = server.use.oauth.logout_tokens.deliver_due
        assert await deliver() == 1
        assert await deliver() == 0
        for wait in (5, 30, 120, 600, 3600):
            clock.advance(wait * 1000 + 1)
            assert await deliver() == 1
        clock.advance(86_400_000)
        assert await deliver() == 0
        assert len(application.requests) == 6


@pytest.mark.parametrize("how", ["all others", "disabled", "deleted", "password"])
async def test_however_a_session_ends_they_are_told(ostiary: Ostiary, how: str) -> None:
    from ostiary.accounts import AccountChange

    async with serve_http() as application:
        app = await new_application(ostiary, backchannel_logout_uri=application.url + "/logout")
        person = await new_person(ostiary)
        await app.tokens(person)
        use, operator = ostiary.use, ostiary.operator()
        if how == "all others":
            await use.sign_ins.end_all(operator, person.id)
        elif how == "disabled":
            await use.account_administration.change(operator, person.id, AccountChange(status="disabled"))
        elif how == "deleted":
            await use.account_administration.delete(operator, person.id)
        else:
            other = await (await new_person(ostiary)).sign_in()
            other.email, other.password = person.email, person.password
            await other.sign_in()
            body = {"current_password": person.password, "new_password": "eight quiet lanterns"}
            assert (await other.request("PUT", "/api/credentials/password", body)).status_code == 204
        await use.oauth.logout_tokens.deliver_due()
        assert len(application.requests) == 1


async def test_rp_initiated_2_only_registered_addresses_are_led_to(server: Ostiary) -> None:
    app = await new_application(server, post_logout_redirect_uris=["https://app.example/bye"])
    person = await new_person(server)
    hint = (await app.tokens(person))["id_token"]

    async def ask(**query: str) -> Any:
        return await person.client.get("/oauth/end_session", params=query)

    for query in (
        {"id_token_hint": hint, "post_logout_redirect_uri": "https://evil.example/"},
        {"post_logout_redirect_uri": "https://app.example/bye"},
        {"id_token_hint": "junk"},
        {"id_token_hint": hint, "client_id": "cli_other"},
        {"client_id": "cli_unknown"},
    ):
        assert (await ask(**query)).status_code == 400, query
    asked = await ask(client_id=app.id, post_logout_redirect_uri="https://app.example/bye")
    assert "Sign out?" in asked.text  # anybody could have led there
    done = await ask(id_token_hint=hint, post_logout_redirect_uri="https://app.example/bye", state="s")
    assert done.headers["location"] == "https://app.example/bye?state=s"
    assert (await person.client.get("/api/auth/me")).status_code == 401


async def test_rp_initiated_an_id_token_of_another_session_is_no_proof(server: Ostiary) -> None:
    """Else whoever has an old one signs people out by a link."""
    app, person = await new_application(server), await new_person(server)
    old = (await app.tokens(person))["id_token"]
    await person.sign_in()
    answer = await person.client.get("/oauth/end_session", params={"id_token_hint": old})
    assert "Sign out?" in answer.text
    assert (await person.client.get("/api/auth/me")).status_code == 200


async def test_frontchannel_the_page_tells_in_frames(server: Ostiary) -> None:
    app = await new_application(
        server,
        frontchannel_logout_uri="https://app.example/front",
        frontchannel_logout_session_required=True,
        post_logout_redirect_uris=["https://app.example/bye"],
    )
    person = await new_person(server)
    tokens = await app.tokens(person)
    query = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": "https://app.example/bye"}
    page = await person.client.get("/oauth/end_session", params=query)
    assert f"sid={claims_of(tokens['id_token'])['sid']}" in page.text
    assert "frame-src https://app.example" in page.headers["content-security-policy"]
    assert 'href="https://app.example/bye"' in page.text


async def test_sessions_in_every_store_are_told_of(installation: OpenInstallation) -> None:
    ostiary = await installation()
    async with serve_http() as application:
        app = await new_application(ostiary, backchannel_logout_uri=application.url + "/logout")
        person = await new_person(ostiary)
        tokens = await app.tokens(person, scope="openid")
        await person.client.post("/logout", data={"csrf_token": person.csrf})
        assert (await app.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
        await ostiary.use.oauth.logout_tokens.deliver_due()
        assert len(application.requests) == 1
