"""The life of a session in a real browser: begun by a visitor, signed in to, behind new secrets, on another device."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from ostiary.authorization import AssignmentCreate
from tests.journeys.conftest import NewVisitor
from tests.support.browser import Visitor
from tests.support.installation import PASSWORD, LiveServer, new_person

ADA = "ada@example.com"
NAME = "ostiary_session"

PUT = """async item => {
    const before = await fetch("/api/session/data");
    const headers = {"Content-Type": "application/json", "If-Match": before.headers.get("ETag")};
    const token = before.headers.get("X-CSRF-Token");
    if (token) headers["X-CSRF-Token"] = token;
    const body = JSON.stringify({cart: {[item]: 1}});
    return (await fetch("/api/session/data", {method: "PATCH", headers, body})).status;
}"""
CART = "async () => (await (await fetch('/api/session/data')).json()).cart"


@pytest.fixture(autouse=True)
def ada_id(live_server: LiveServer) -> str:
    """Ada has an account; this is its id."""
    found: str = live_server.call(new_person(live_server.ostiary, ADA)).id
    return found


@pytest.fixture
def shopper(new_visitor: NewVisitor) -> Visitor:
    """A visitor whose pages are the application's, so that their scripts may send requests."""
    return new_visitor(bypass_csp=True)


def test_what_a_visitor_has_in_the_cart_is_there_after_the_sign_in(shopper: Visitor) -> None:
    shopper.open("/login")
    assert shopper.page.evaluate(PUT, "apple") == 200
    before = shopper.cookies()[NAME]
    shopper.sign_in(ADA)
    expect(shopper.page).to_have_url(re.compile("//[^/]+/account$"))
    assert shopper.cookies()[NAME] != before
    assert shopper.page.evaluate(PUT, "pear") == 200
    assert shopper.page.evaluate(CART) == {"apple": 1, "pear": 1}
    with shopper.page.expect_navigation():
        shopper.page.get_by_role("button", name="Sign out", exact=True).click()
    assert shopper.page.evaluate(CART) is None


def test_two_tabs_add_to_one_cart_and_neither_loses_what_the_other_put_in(shopper: Visitor) -> None:
    shopper.open("/login")
    assert shopper.page.evaluate(PUT, "apple") == 200
    other = shopper.context.new_page()
    other.goto("/login")
    for page, item in ((shopper.page, "pear"), (other, "plum"), (shopper.page, "fig")):
        assert page.evaluate(PUT, item) == 200
    assert other.evaluate(CART) == {"apple": 1, "pear": 1, "plum": 1, "fig": 1}


def test_only_who_chose_to_stay_signed_in_is_so_after_the_browser_was_closed(new_visitor: NewVisitor) -> None:
    kept = {}
    for stays in (False, True):
        visitor = new_visitor()
        visitor.open("/login")
        if stays:
            visitor.page.get_by_label("Stay signed in on this device").check()
        visitor.prove(ADA)
        (cookie,) = (cookie for cookie in visitor.context.cookies() if cookie["name"] == NAME)
        kept[stays] = cookie["expires"]
    assert kept[False] == -1, "goes with the browser"
    assert kept[True] > time.time() + 179 * 86_400


def test_a_form_that_was_open_while_roles_changed_is_sent_and_nobody_is_signed_out(
    visitor: Visitor, live_server: LiveServer, ada_id: str
) -> None:
    visitor.sign_in(ADA)
    before = visitor.cookies()[NAME]
    other = visitor.context.new_page()
    other.goto("/account/password")
    ostiary = live_server.ostiary
    live_server.call(ostiary.use.assignments.assign(ostiary.operator(), ada_id, AssignmentCreate("administrator")))
    visitor.fill(name="Ada Lovelace")
    visitor.press("Save")
    expect(visitor.page.get_by_role("status")).to_have_text("Your profile is saved.")
    assert visitor.cookies()[NAME] != before
    other.reload()
    expect(other).to_have_url(re.compile("//[^/]+/account/password$"))


def test_on_another_device_the_password_is_asked_for_and_the_way_goes_on(
    new_visitor: NewVisitor, visitor: Visitor
) -> None:
    """The same cookies, as after a move of the profile to another machine; or after a theft."""
    visitor.sign_in(ADA)
    moved = new_visitor(user_agent="Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0")
    moved.context.add_cookies(visitor.context.cookies())  # type: ignore[arg-type]  # read and written as different types
    moved.open("/account/password")
    expect(moved.page).to_have_url(re.compile("//[^/]+/step-up"))
    expect(moved.page.get_by_role("heading", level=1)).to_have_text("Confirm that it is you")
    assert ADA not in moved.page.content(), "a thief is not told whose session it is"
    moved.fill(password="not the right one")
    moved.press("Go on")
    expect(moved.page.get_by_label("Password", exact=True)).to_have_attribute("aria-invalid", "true")
    visitor.open("/account")
    expect(visitor.page).to_have_url(re.compile("//[^/]+/account$"))
    moved.fill(password=PASSWORD)
    moved.press("Go on")
    expect(moved.page).to_have_url(re.compile("//[^/]+/account/password$"))
    moved.open("/account")
    expect(moved.page.get_by_role("heading", level=1)).to_have_text("Your account")
