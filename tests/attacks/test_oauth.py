"""Attacks on the authorization server (RFC 9700, RFC 6819), each done."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from ostiary.app import Ostiary
from ostiary.audit import read
from ostiary.crypto import Key
from tests.attacks.evidence import contents
from tests.support.http_servers import serve_http
from tests.support.installation import new_client, new_person, settings_for_test
from tests.support.oauth import (
    DpopKey,
    answered,
    claims_of,
    client_assertion,
    consent,
    new_api,
    new_application,
    signed,
)
from tests.support.time import ManualClock


async def test_of_a_hundred_redemptions_of_one_code_one_wins(ostiary: Ostiary) -> None:
    """And since it was reused, what the winner got has ended too (RFC 9700 section 2.1.1)."""
    app, person = await new_application(ostiary), await new_person(ostiary)
    code = (await app.authorize(person))["code"]
    answers = await asyncio.gather(*(app.redeem(code) for _ in range(100)))
    won = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    assert {a.json()["error"] for a in answers if a.status_code != 200} == {"invalid_grant"}
    assert not (await app.introspect(won[0]["access_token"]))["active"]
    assert (await app.refresh(won[0]["refresh_token"])).json()["error"] == "invalid_grant"


async def test_of_a_hundred_uses_of_one_refresh_token_one_rotates(ostiary: Ostiary) -> None:
    """The others get the answer of that one, as if theirs had been lost: there is one next token and no second line."""
    app, person = await new_application(ostiary), await new_person(ostiary)
    token = (await app.tokens(person))["refresh_token"]
    answers = await asyncio.gather(*(app.refresh(token) for _ in range(100)))
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    rotations = await ostiary.use.db.fetch_value("SELECT COUNT(*) FROM audit_events WHERE event = 'refresh.rotated'")
    assert rotations == 1


async def test_without_a_grace_of_a_hundred_uses_one_wins(database_url: str, clock: ManualClock) -> None:
    async with await Ostiary.open(settings_for_test(database_url, oauth__refresh_grace=0), clock=clock) as ostiary:
        app, person = await new_application(ostiary), await new_person(ostiary)
        token = (await app.tokens(person))["refresh_token"]
        answers = await asyncio.gather(*(app.refresh(token) for _ in range(100)))
        won = [answer.json() for answer in answers if answer.status_code == 200]
        assert len(won) == 1
        assert (await app.refresh(won[0]["refresh_token"])).json()["error"] == "invalid_grant"


async def test_of_a_hundred_uses_of_an_assertion_a_proof_and_a_pushed_request_one_counts(
    ostiary: Ostiary, clock: ManualClock
) -> None:
    await new_api(ostiary)
    key = Key.generate("ES256")
    robot = await new_application(
        ostiary,
        redirect_uris=[],
        grant_types=["client_credentials"],
        scope="forecasts.read",
        token_endpoint_auth_method="private_key_jwt",
        jwks={"keys": [key.public_jwk()]},
    )
    assertion = client_assertion(robot.id, key, ostiary.use.settings.issuer, clock())
    form = {"grant_type": "client_credentials", **assertion}
    answers = await asyncio.gather(*(robot.http.post("/oauth/token", data=form) for _ in range(100)))
    assert [answer.status_code for answer in answers].count(200) == 1
    app, person, proving = await new_application(ostiary), await new_person(ostiary), DpopKey()
    proof = proving.proof("POST", f"{ostiary.use.settings.issuer}/oauth/par", clock())
    pushes = await asyncio.gather(*(app.post("/oauth/par", app.request(), headers={"DPoP": proof}) for _ in range(100)))
    pushed = [answer.json() for answer in pushes if answer.status_code == 201]
    assert len(pushed) == 1
    query = {"client_id": app.id, "request_uri": pushed[0]["request_uri"]}
    brought = await asyncio.gather(*(person.client.get("/oauth/authorize", params=query) for _ in range(100)))
    assert [answer.status_code for answer in brought].count(303) == 1


async def test_of_a_hundred_answers_to_one_consent_one_gives_a_code(ostiary: Ostiary) -> None:
    app, person = await new_application(ostiary), await new_person(ostiary)
    page = await person.client.get("/oauth/authorize", params=app.request(), follow_redirects=True)
    answers = await asyncio.gather(*(consent(person, page) for _ in range(100)))
    given = [a for a in answers if a.status_code == 303 and "code=" in a.headers["location"]]
    assert len(given) == 1


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/callback/",
        "https://app.example/callback/../evil",
        "https://app.example/callback?next=x",
        "https://app.example/callback#x",
        "https://app.example/CALLBACK",
        "https://APP.example/callback",
        "https://app.example:443/callback",
        "https://app.example.evil.example/callback",
        "https://app.example@evil.example/callback",
        "https://evil.example/https://app.example/callback",
        "https://app.example/%63allback",
        "https://app.example/callback%2f..",
        "https://app.example//callback",
        "https://app.example\\@evil.example/callback",
        "http://app.example/callback",
        " https://app.example/callback",
        "https://app.example/callback ",
        "https://app.example/callback\u200b",
        "javascript:alert(1)",
        "data:text/html,x",
        "//app.example/callback",
        "",
    ],
)
async def test_a_redirect_uri_is_the_registered_text_and_nothing_like_it(server: Ostiary, uri: str) -> None:
    app, person = await new_application(server, trusted=True), await new_person(server)
    answer = await person.client.get("/oauth/authorize", params=app.request(redirect_uri=uri))
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "evil.example" not in re.sub(r"<title>.*?</title>", "", answer.text)


@pytest.mark.parametrize(
    ("uri", "matches"),
    [
        ("http://127.0.0.1:51004/cb", True),
        ("http://127.0.0.1/cb", True),
        ("http://127.0.0.1:0x50/cb", False),
        ("http://127.0.0.1:51004/cb/", False),
        ("http://127.0.0.1.evil.example:51004/cb", False),
        ("http://127.0.0.1:51004@evil.example/cb", False),
        ("http://localhost:51004/cb", False),
        ("http://127.1:51004/cb", False),
        ("http://[::1]:51004/cb", False),
        ("https://127.0.0.1:51004/cb", False),
    ],
)
async def test_only_the_port_of_a_loopback_address_may_differ(server: Ostiary, uri: str, matches: bool) -> None:
    """RFC 8252 section 7.3; and people are asked each time, since any program can listen there."""
    app = await new_application(
        server,
        redirect_uris=["http://127.0.0.1/cb"],
        application_type="native",
        token_endpoint_auth_method="none",
    )
    person = await new_person(server)
    answer = await person.client.get("/oauth/authorize", params=app.request(redirect_uri=uri))
    assert (answer.status_code == 303) == matches
    if matches:
        await app.through(person, answer)
        again = await person.client.get("/oauth/authorize", params=app.request(redirect_uri=uri), follow_redirects=True)
        assert "Allow Weather?" in again.text


async def test_a_code_of_one_client_is_of_no_use_to_another(server: Ostiary) -> None:
    """Code injection and mix-up: the code is bound to client, redirect URI and verifier, the issuer is in it."""
    honest, evil = await new_application(server), await new_application(server, redirect_uris=["https://evil.example"])
    victim = await new_person(server)
    found = await honest.authorize(victim)
    assert found["iss"] == server.use.settings.issuer
    evil.verifier = honest.verifier
    assert (await evil.redeem(found["code"])).json()["error"] == "invalid_grant"
    attacker = await new_person(server)
    injected = await new_application(server)
    code = (await injected.authorize(attacker))["code"]
    injected.verifier = "another-session-of-the-client-".ljust(43, "x")
    assert (await injected.redeem(code)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("forged", ["none", "HS256 with the public key", "another key", "RS256 as ES256"])
async def test_forged_client_assertions_are_refused(server: Ostiary, clock: ManualClock, forged: str) -> None:
    await new_api(server)
    key = Key.generate("ES256")
    app = await new_application(
        server,
        redirect_uris=[],
        grant_types=["client_credentials"],
        scope="forecasts.read",
        token_endpoint_auth_method="private_key_jwt",
        jwks={"keys": [key.public_jwk()]},
    )
    good = client_assertion(app.id, key, server.use.settings.issuer, clock())
    claims = claims_of(good["client_assertion"])
    if forged == "none":
        header, payload, _ = good["client_assertion"].split(".")
        text = f"{'eyJhbGciOiJub25lIn0'}.{payload}."
        assert header
    elif forged == "HS256 with the public key":
        public = str(sorted(key.public_jwk().items())).encode().ljust(32, b"x")
        text = signed(claims, Key.from_secret(public, key.kid), {"kid": key.kid})
    elif forged == "another key":
        text = signed(claims, Key.generate("ES256"), {"kid": key.kid})
    else:
        text = signed(claims, key, {"kid": key.kid, "alg": "RS256"})
    form = {**good, "grant_type": "client_credentials", "client_assertion": text}
    answer = await app.http.post("/oauth/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_an_applications_token_opens_nothing_that_its_scopes_do_not_name(server: Ostiary) -> None:
    """With ``openid`` alone it is for userinfo: not for the account, its credentials, or what an administrator may."""
    from tests.support.installation import new_administrator

    app, admin = await new_application(server), await new_administrator(server)
    token = (await app.tokens(admin))["access_token"]
    client, headers = new_client(server), {"Authorization": f"Bearer {token}"}
    for method, path, body in (
        ("GET", "/api/accounts", None),
        ("GET", "/api/clients", None),
        ("GET", "/api/audit", None),
        ("GET", "/api/sessions", None),
        ("GET", "/api/credentials", None),
        ("GET", "/api/consents", None),
        ("PATCH", "/api/auth/me", {"name": "Eve"}),
        ("PUT", "/api/credentials/password", {"password": "a password of eve"}),
        ("POST", "/api/credentials/api-keys", {"name": "eve"}),
        ("DELETE", "/api/sessions", None),
        ("POST", "/api/auth/step-up", {"password": admin.password}),
        ("GET", "/account", None),
        ("GET", "/consent", None),
    ):
        answer = await client.request(method, path, json=body, headers=headers)
        assert answer.status_code == 403, (method, path, answer.status_code, answer.text[:200])
    me = await client.get("/api/auth/me", headers=headers)
    assert me.status_code == 403
    scoped = await new_application(server, scope="openid ostiary.accounts.read")
    token = (await scoped.tokens(admin, scope="openid ostiary.accounts.read"))["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert (await client.get("/api/accounts", headers=headers)).status_code == 200
    assert (await client.get("/api/roles", headers=headers)).status_code == 403
    nobody = await new_person(server)
    token = (await scoped.tokens(nobody, scope="openid ostiary.accounts.read"))["access_token"]
    answer = await client.get("/api/accounts", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403  # a scope gives nothing that its person does not have


async def test_a_token_for_an_api_is_of_no_use_here(server: Ostiary) -> None:
    """Audience restriction: what an API has received, it cannot use for itself (RFC 9700 section 2.3)."""
    await new_api(server)
    app = await new_application(server, scope="openid email forecasts.read")
    asked = {"scope": "openid email forecasts.read", "resource": "https://api.example"}
    tokens = await app.tokens(await new_person(server), **asked)
    assert claims_of(tokens["access_token"])["aud"] == "https://api.example"
    assert (await app.userinfo(tokens["access_token"])).status_code == 401
    answer = await app.http.get("/api/auth/me", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert answer.status_code == 401


async def test_an_id_token_is_no_access_token_and_a_logout_token_neither(server: Ostiary) -> None:
    app = await new_application(server)
    tokens = await app.tokens(await new_person(server))
    assert (await app.userinfo(tokens["id_token"])).status_code == 401
    assert not (await app.introspect(tokens["id_token"]))["active"]


async def test_nothing_is_consented_from_another_site(server: Ostiary) -> None:
    """CSRF on consent, and a page of it in a frame."""
    app, person = await new_application(server), await new_person(server)
    page = await person.client.get("/oauth/authorize", params=app.request(), follow_redirects=True)
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    before = await contents(server)
    for form, headers in (
        ({"request": fields["request"], "answer": "allow"}, {}),
        ({**fields, "answer": "allow"}, {"Origin": "https://evil.example"}),
        ({**fields, "answer": "allow"}, {"Sec-Fetch-Site": "cross-site"}),
    ):
        assert (await person.client.post("/consent", data=form, headers=headers)).status_code == 403
    assert await contents(server) == before


async def test_another_persons_request_is_answered_as_oneself(server: Ostiary) -> None:
    """A link to somebody else's waiting request gives no more than a link to the authorization endpoint would."""
    app, victim, attacker = await new_application(server), await new_person(server), await new_person(server)
    page = await attacker.client.get("/oauth/authorize", params=app.request(), follow_redirects=True)
    shown = await victim.client.get(page.url.raw_path.decode())
    found = answered(await consent(victim, shown))
    claims = claims_of((await app.redeem(found["code"])).json()["id_token"])
    assert claims["sub"] == victim.id
    assert found["state"] == "af0ifjsldkj"


async def test_codes_of_devices_cannot_be_guessed(sqlite_url: str, clock: ManualClock) -> None:
    settings = settings_for_test(sqlite_url, limits__device_code_address="10/10m")
    async with await Ostiary.open(settings, clock=clock) as server:
        person = await new_person(server)
        statuses = [
            (await person.client.get("/device", params={"user_code": f"BBBB-BBB{letter}"})).status_code
            for letter in "BCDFGHJKLMNP"
        ]
    assert statuses == [400] * 10 + [429] * 2


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://localhost/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://0.0.0.0/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://user@127.0.0.1/",
        "http://127.0.0.1/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
    ],
)
async def test_no_address_behind_our_wall_is_asked(url: str) -> None:
    """SSRF: jwks_uri, sector_identifier_uri, client metadata documents and logout URIs all go by this one client."""
    from ostiary.base.guarded_http import GuardedHttp
    from ostiary.base.http import HttpClient, NoAnswer

    http = HttpClient()
    with pytest.raises(NoAnswer) as refused:
        await GuardedHttp(http).ask("GET", url, headers={})
    assert refused.value.reason in (
        "only https URLs are asked",
        "the name resolves to an address that is not asked",
        "the name does not resolve",
        "the URL is not well formed",
    )
    await http.close()


@pytest.mark.parametrize("parameter", ["request_uri", "logo_uri", "policy_uri"])
async def test_what_a_browser_brings_makes_us_ask_nobody(server: Ostiary, parameter: str) -> None:
    """A request URI is ours or refused; a logo is never fetched, and no page of ours shows it."""
    async with serve_http() as elsewhere:
        url = elsewhere.url + "/x"
        if parameter == "request_uri":
            app, person = await new_application(server), await new_person(server)
            answer = await person.client.get("/oauth/authorize", params=app.request(request_uri=url))
            assert answer.status_code == 400
        else:
            app, person = await new_application(server, **{parameter: url}), await new_person(server)
            page = await person.client.get("/oauth/authorize", params=app.request(), follow_redirects=True)
            assert "<img" not in page.text.partition("<main")[2]
        assert elsewhere.requests == []


async def test_secrets_of_the_protocol_reach_neither_log_nor_audit(server: Ostiary, caplog: Any) -> None:
    caplog.set_level("DEBUG")
    app, person = await new_application(server), await new_person(server)
    found = await app.authorize(person)
    tokens = (await app.redeem(found["code"])).json()
    await app.redeem(found["code"])
    await app.http.post("/oauth/token", data={"grant_type": "client_credentials"}, auth=(app.id, "wrong-secret"))
    events = [str(event) for event in (await read(server.use.db, limit=200)).items]
    everything = caplog.text + "".join(events)
    given = [tokens[name] for name in ("access_token", "refresh_token", "id_token")]
    for secret in (*app.auth, found["code"], app.verifier, "wrong-secret", *given)[1:]:
        assert secret not in everything
    dump = str(await contents(server))
    for secret in (app.auth[1], found["code"], tokens["refresh_token"], tokens["access_token"]):
        assert secret not in dump
