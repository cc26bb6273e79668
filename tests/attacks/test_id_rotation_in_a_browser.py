"""A session's id changes while the browser has other requests under way with the old one: none is signed out."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from typing import Any

import pytest

from ostiary.app import Ostiary
from ostiary.authorization import AssignmentCreate
from ostiary.sessions.store import GRACE
from tests.attacks.conftest import NewVisitor, SignedIn
from tests.attacks.hostile_site import APP
from tests.support.browser import Visitor
from tests.support.https import Authority
from tests.support.installation import PASSWORD, LiveServer, Person
from tests.support.time import ManualClock

NAME = "__Host-ostiary_session"

WITH_OTHERS_UNDER_WAY = """async changes => {
    const me = await (await fetch("/api/auth/me")).json();
    const headers = {"X-CSRF-Token": me.csrf_token, "Content-Type": "application/json"};
    const send = (method, path, body) => fetch(path, {method, headers, body: body && JSON.stringify(body)});
    const others = [];
    for (const change of [...changes, null]) {
        for (let number = 0; number < 5; number++) {
            others.push(send("GET", "/api/auth/me"), send("PATCH", "/api/session/data", {[number]: number}));
        }
        if (change) others.push(send(...change));
    }
    return (await Promise.all(others)).map(answer => answer.status);
}"""


@pytest.fixture(scope="module")
def time() -> ManualClock:
    """Of the server alone: the browser keeps its own."""
    return ManualClock(1_767_225_600_000)


@pytest.fixture(scope="module")
def server(authority: Authority, tmp_path_factory: pytest.TempPathFactory, time: ManualClock) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("rotation"), host=APP, authority=authority, clock=time) as running:
        yield running


STEP_UP = ["POST", "/api/auth/step-up", {"password": PASSWORD}]
PASSWORD_CHANGE = [
    "PUT",
    "/api/credentials/password",
    {"current_password": PASSWORD, "new_password": "nine patient harbours"},
]


async def give_a_role(ostiary: Ostiary, person: Person) -> None:
    await ostiary.use.assignments.assign(ostiary.operator(), person.id, AssignmentCreate("administrator"))


def assert_it_is_another_id(
    visitor: Visitor, victim: Person, before: dict[str, str], late: Visitor, time: ManualClock
) -> None:
    """The browser holds another one; the old one is good for what is under way, and not for long."""
    assert visitor.cookies()[NAME] != before[NAME]
    late.open("/account")
    assert victim.email in late.page.content(), "a request with the old id that came late"
    assert late.cookies()[NAME] == before[NAME], "it is not given the new one"
    time.advance(GRACE)
    late.open("/account")
    assert "/login" in late.page.url, "whoever has copied the old id has nothing"
    visitor.fill(name="Ada")
    visitor.press("Save")
    assert visitor.page.locator("main [name=name]").input_value() == "Ada", "a form of before it is still good"


@pytest.mark.parametrize(
    "changes",
    [[STEP_UP] * 4, [PASSWORD_CHANGE]],
    ids=["step-up, four times at once", "change of the password"],
)
def test_a_change_of_the_persons_own_signs_no_request_out(
    server: LiveServer, signed_in: SignedIn, new_visitor: NewVisitor, time: ManualClock, changes: list[Any]
) -> None:
    visitor, victim = signed_in(server, bypass_csp=True)
    late, copied = new_visitor(server.url), visitor.context.cookies()
    late.context.add_cookies(copied)  # type: ignore[arg-type]  # the two kinds of dictionary differ in optional members
    before = visitor.cookies()
    answers: list[int] = visitor.page.evaluate(WITH_OTHERS_UNDER_WAY, changes)
    assert {status for status in answers if status not in (200, 204)} <= {503}, "of two step-ups at once one may lose"
    assert len([status for status in answers if status == 503]) < len(changes)
    assert_it_is_another_id(visitor, victim, before, late, time)


def test_a_new_role_signs_no_request_out(
    server: LiveServer, signed_in: SignedIn, new_visitor: NewVisitor, time: ManualClock
) -> None:
    """The first request after it gets the new id, and there are many first ones."""
    visitor, victim = signed_in(server, bypass_csp=True)
    late, copied = new_visitor(server.url), visitor.context.cookies()
    late.context.add_cookies(copied)  # type: ignore[arg-type]  # see above
    before = visitor.cookies()
    role: Awaitable[None] = give_a_role(server.ostiary, victim)
    server.call(role)
    assert set(visitor.page.evaluate(WITH_OTHERS_UNDER_WAY, [])) == {200}
    assert_it_is_another_id(visitor, victim, before, late, time)
