"""RFC 9126: pushed authorization requests."""

from __future__ import annotations

from ostiary.app import Ostiary
from tests.support.installation import new_person
from tests.support.oauth import answered, new_application
from tests.support.time import ManualClock


async def test_2_a_pushed_request_is_used_once(ostiary: Ostiary) -> None:
    app, person = await new_application(ostiary), await new_person(ostiary)
    pushed = await app.post("/oauth/par", app.request())
    assert pushed.status_code == 201
    found = pushed.json()
    assert found["request_uri"].startswith("urn:ietf:params:oauth:request_uri:")
    assert found["expires_in"] == 90
    query = {"client_id": app.id, "request_uri": found["request_uri"]}
    answer = await app.through(person, await person.client.get("/oauth/authorize", params=query))
    assert (await app.redeem(answered(answer)["code"])).status_code == 200
    assert (await person.client.get("/oauth/authorize", params=query)).status_code == 400


async def test_4_only_its_client_can_use_it_and_only_in_time(server: Ostiary, clock: ManualClock) -> None:
    app, other, person = await new_application(server), await new_application(server), await new_person(server)
    uri = (await app.post("/oauth/par", app.request())).json()["request_uri"]
    stolen = await person.client.get("/oauth/authorize", params={"client_id": other.id, "request_uri": uri})
    assert stolen.status_code == 400
    clock.advance(91_000)
    late = await person.client.get("/oauth/authorize", params={"client_id": app.id, "request_uri": uri})
    assert late.status_code == 400


async def test_2_3_what_could_not_be_granted_is_refused_at_once(server: Ostiary) -> None:
    app = await new_application(server)
    for changed, error in (
        ({"scope": "openid admin"}, "invalid_scope"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "invalid_request"),
    ):
        answer = await app.post("/oauth/par", app.request(**changed))
        assert (answer.status_code, answer.json()["error"]) == (400, error), changed
    nobody = await app.http.post("/oauth/par", data=app.request(), auth=(app.id, "wrong"))
    assert (nobody.status_code, nobody.json()["error"]) == (401, "invalid_client")


async def test_5_a_client_can_be_held_to_it(server: Ostiary) -> None:
    app, person = await new_application(server, require_pushed_authorization_requests=True), await new_person(server)
    answer = await person.client.get("/oauth/authorize", params=app.request())
    assert answered(answer)["error"] == "invalid_request"
    uri = (await app.post("/oauth/par", app.request())).json()["request_uri"]
    query = {"client_id": app.id, "request_uri": uri}
    assert "code" in answered(await app.through(person, await person.client.get("/oauth/authorize", params=query)))
