"""The main job by HTTP alone, as a client without pages does it."""

from __future__ import annotations

from ostiary.app import Ostiary
from tests.support.installation import new_administrator, new_person


async def test_a_registered_and_verified_person_is_recognised(ostiary: Ostiary) -> None:
    person = await new_person(ostiary, "ada@example.com", name="Ada", username="ada")
    me = (await person.request("GET", "/api/auth/me")).json()
    assert me["account"] | {"id": person.id} == me["account"]
    assert (me["account"]["email"], me["account"]["username"], me["account"]["name"]) == (
        "ada@example.com",
        "ada",
        "Ada",
    )
    assert (me["method"], me["amr"], me["acr"]) == ("session", ["pwd", "otp", "mca"], "aal1")


async def test_a_role_decides_between_allowed_and_refused(ostiary: Ostiary) -> None:
    person, administrator = await new_person(ostiary), await new_administrator(ostiary)
    assert (await person.request("GET", "/api/accounts")).status_code == 403
    assigned = await administrator.request("POST", f"/api/accounts/{person.id}/roles", {"role": "administrator"})
    assert assigned.status_code == 201
    assert (await person.request("GET", "/api/accounts")).status_code == 200
