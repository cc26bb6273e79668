"""Zero trust: an application's route asks who, from where, with what, when, and how well proved, at each request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import Depends, FastAPI, Request

from ostiary.authorization import AssignmentCreate, ModelChange, RoleCreate
from ostiary.base.clock import HOUR, MINUTE
from ostiary.integrations.fastapi import Auth, Brought
from tests.attacks.evidence import assert_refused
from tests.support.embedding import ORIGIN, Embedded, running
from tests.support.installation import Person, settings_for_test
from tests.support.time import ManualClock

MODEL = """\
types:
  ledger:
    permissions:
      {open: nobody, visit: nobody, close: nobody, copy: nobody, sign: nobody, seal: nobody, pay: nobody, wire: nobody,
       print: nobody}
    attributes:
      region: {type: string, source: sent_first}
windows:
  office: {time_zone: Europe/Berlin, days: [mon, tue, wed, thu, fri], from: "09:00", to: "17:00"}
policies:
  - name: from-the-office
    effect: deny
    action: open
    resource: ledger
    when: '!context.address.startsWith("203.0.113.")'
  - {name: from-here, effect: deny, action: visit, resource: ledger, when: 'context.address != "127.0.0.1"'}
  - {name: in-office-hours, effect: deny, action: close, resource: ledger, when: '!within(now, "office")'}
  - {name: on-managed-devices, effect: deny, action: copy, resource: ledger, when: "!context.device.managed"}
  - {name: two-factors, effect: deny, action: sign, resource: ledger, when: 'context.acr == "aal1"'}
  - {name: by-two-methods, effect: deny, action: seal, resource: ledger, when: '!("mfa" in context.amr)'}
  - {name: just-now, effect: deny, action: wire, resource: ledger, when: "context.age > 45"}
  - {name: fresh, effect: deny, action: pay, resource: ledger, when: "context.age > 600"}
  - {name: own-region, effect: deny, action: print, resource: ledger, when: 'resource.region != "eu"'}
"""
MONDAY = 1_767_605_400_000
"""2026-01-05T09:30:00Z"""


def _brought(request: Request) -> Brought:
    """What a proxy in front, which knows the device, says of it; and a row's own attribute."""
    claimed = {"acr": "aal3", "age": 0, "address": "203.0.113.7"} if "x-claim" in request.headers else {}
    context = {"device": {"managed": request.headers.get("x-managed") == "yes"}, **claimed}
    return Brought(context, resource_properties={"region": request.headers.get("x-region", "eu")})


def _application(auth: Auth) -> FastAPI:
    app = FastAPI()
    auth.mount(app)

    @app.get("/ledgers/{ledger_id}/{action}")
    async def act(request: Request, ledger_id: str, action: str) -> str:
        await auth.require(f"ledger.{action}", "ledger_id", bringing=_brought)(request)
        return "done"

    @app.get("/copy", dependencies=[Depends(auth.require("ledger.copy", bringing=_brought))])
    async def copy() -> str:
        return "done"

    return app


@pytest.fixture
async def embedded(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Embedded]:
    clock.now = MONDAY
    auth = Auth(settings_for_test(sqlite_url, ORIGIN + "/auth"), clock=clock)
    async with running(auth, _application(auth), "/auth") as opened:
        use, operator = auth.ostiary.use, auth.ostiary.operator()
        await use.models.apply(operator, ModelChange(MODEL))
        await use.roles.create(operator, RoleCreate("bookkeeper", permissions=("ledger.*",)))
        yield opened


@pytest.fixture
async def ada(embedded: Embedded) -> Person:
    person = await embedded.person("token")
    ostiary = embedded.auth.ostiary
    await ostiary.use.assignments.assign(ostiary.operator(), person.id, AssignmentCreate("bookkeeper"))
    return person


async def _act(person: Person, action: str, **headers: str) -> Any:
    named = {f"x-{name}": value for name, value in headers.items()}
    return await person.client.get(f"/ledgers/7/{action}", headers=person.headers | named)


async def _refresh(person: Person) -> None:
    body = {"refresh_token": person.tokens["refresh_token"]}
    person.tokens = (await person.client.post("/auth/api/auth/refresh", json=body)).json()


async def test_the_network_counts_and_is_not_what_somebody_says(embedded: Embedded, ada: Person) -> None:
    answer = await _act(ada, "open", claim="yes")  # the client of this test is at 127.0.0.1
    assert_refused(answer, 403, "forbidden")
    assert answer.json()["reason"] == "denied_explicitly"
    assert (await _act(ada, "visit")).status_code == 200


async def test_the_state_of_the_device_counts(ada: Person) -> None:
    assert (await _act(ada, "copy", managed="yes")).status_code == 200
    assert_refused(await _act(ada, "copy"), 403, "forbidden")
    assert (await ada.client.get("/copy", headers=ada.headers | {"x-managed": "yes"})).status_code == 200
    assert_refused(await ada.client.get("/copy", headers=ada.headers), 403, "forbidden")


async def test_the_time_of_day_counts(ada: Person, clock: ManualClock) -> None:
    assert (await _act(ada, "close")).status_code == 200
    clock.advance(9 * HOUR)
    await _refresh(ada)
    assert_refused(await _act(ada, "close"), 403, "forbidden")


async def test_an_attribute_that_the_application_knows_counts(ada: Person) -> None:
    assert (await _act(ada, "print")).status_code == 200
    assert_refused(await _act(ada, "print", region="us"), 403, "forbidden")


async def test_the_age_of_the_proof_counts_and_a_client_is_told_how_fresh(ada: Person, clock: ManualClock) -> None:
    assert (await _act(ada, "pay")).status_code == 200
    clock.advance(11 * MINUTE)
    await _refresh(ada)
    answer = await _act(ada, "pay", claim="yes")
    assert_refused(answer, 401, "insufficient_user_authentication")
    assert 'max_age="300"' in answer.headers["www-authenticate"]


async def test_seconds_count_where_a_policy_counts_them(ada: Person, clock: ManualClock) -> None:
    assert (await _act(ada, "wire")).status_code == 200
    clock.advance(MINUTE)
    answer = await _act(ada, "wire")
    assert_refused(answer, 401, "insufficient_user_authentication")
    assert 'max_age="30"' in answer.headers["www-authenticate"]


async def test_the_level_of_the_proof_counts_and_a_client_is_told_which(ada: Person) -> None:
    answer = await _act(ada, "sign", claim="yes")
    assert_refused(answer, 401, "insufficient_user_authentication")
    assert 'acr_values="aal2"' in answer.headers["www-authenticate"]


async def test_a_policy_on_methods_leads_to_the_level_that_brings_them(ada: Person) -> None:
    answer = await _act(ada, "seal", claim="yes")
    assert_refused(answer, 401, "insufficient_user_authentication")
    assert 'acr_values="aal2"' in answer.headers["www-authenticate"]
