"""What a list shows can be read one by one, by who may read the list, and never through another account."""

from __future__ import annotations

from ostiary.app import Ostiary
from tests.support.installation import new_administrator, new_person


async def test_a_role_and_a_grant_of_an_account_are_read_one_by_one(ostiary: Ostiary) -> None:
    person, administrator = await new_person(ostiary), await new_administrator(ostiary)
    account = f"/api/accounts/{person.id}"
    await administrator.request("POST", "/api/roles", {"name": "reader", "permissions": ["documents.read"]})
    for kind, body in (("roles", {"role": "reader"}), ("grants", {"permission": "documents.read", "effect": "allow"})):
        made = (await administrator.request("POST", f"{account}/{kind}", body)).json()
        one = f"{account}/{kind}/{made['id']}"
        assert (await administrator.request("GET", one)).json() == made
        assert (await person.request("GET", one)).status_code == 403
        elsewhere = f"/api/accounts/{administrator.id}/{kind}/{made['id']}"
        assert (await administrator.request("GET", elsewhere)).status_code == 404


async def test_a_sign_in_is_read_by_its_owner_and_by_who_may_see_them(ostiary: Ostiary) -> None:
    person, other, administrator = (
        await new_person(ostiary),
        await new_person(ostiary),
        await new_administrator(ostiary),
    )
    shown = (await person.request("GET", "/api/sessions")).json()["items"][0]
    assert (await person.request("GET", f"/api/sessions/{shown['id']}")).json() == shown
    assert (await other.request("GET", f"/api/sessions/{shown['id']}")).status_code == 404
    theirs = f"/api/accounts/{person.id}/sessions/{shown['id']}"
    assert (await administrator.request("GET", theirs)).json() == shown | {"current": False}
    assert (await other.request("GET", theirs)).status_code == 403
