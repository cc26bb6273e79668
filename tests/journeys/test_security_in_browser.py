"""What protects an account, added, named and removed by its owner, in a browser without JavaScript."""

from __future__ import annotations

import base64
import re
from urllib.parse import unquote

import pytest
from playwright.sync_api import Page, expect

from ostiary.base.clock import system_clock
from tests.journeys.conftest import NewVisitor
from tests.support.browser import Visitor
from tests.support.installation import LiveServer, new_person
from tests.support.second_factors import App
from tests.support.time import ManualClock

ADA = "ada@example.com"


@pytest.fixture
def ada(live_server: LiveServer, new_visitor: NewVisitor) -> Visitor:
    """Ada, signed in by password; her browser runs no scripts."""
    live_server.call(new_person(live_server.ostiary, ADA, name="Ada Lovelace"))
    visitor = new_visitor(java_script_enabled=False)
    visitor.sign_in(ADA)
    return visitor


def summary(page: Page) -> str:
    return page.get_by_role("region", name="How you sign in").inner_text()


def shown_app(page: Page) -> App:
    """An app that has scanned what the page shows."""
    return App(
        base64.b32decode((page.locator("code.secret").text_content() or "").replace(" ", "")),
        ManualClock(system_clock()),
    )


def test_an_app_and_recovery_codes_are_added_named_and_removed_without_javascript(ada: Visitor) -> None:
    ada.open("/account/security")
    assert "with your password or with a code or link that we mail you." in summary(ada.page)
    ada.page.get_by_role("link", name="Add an authenticator app").click()
    app = shown_app(ada.page)
    ada.fill(code=app.wrong(), name="My phone")
    ada.press("Add the app")
    expect(ada.page.get_by_label("Code that the app shows")).to_have_attribute("aria-invalid", "true")
    assert shown_app(ada.page).secret == app.secret, "nothing has to be scanned twice"
    expect(ada.page.get_by_label("Name (optional)")).to_have_value("My phone")
    ada.fill(code=app.code())
    ada.press("Add the app")

    # It led on to recovery codes, and asked for no second code on the way.
    expect(ada.page.get_by_role("heading", level=1)).to_have_text("Recovery codes")
    ada.press("Make recovery codes")
    codes = ada.page.locator("pre").inner_text().split("\n")
    assert len(codes) == 10
    file = unquote(ada.page.get_by_role("link", name="Download").get_attribute("href") or "").partition(",")[2]
    assert file.splitlines()[2:] == codes
    ada.press("I have kept them")
    assert "with your password and a code from your authenticator app." in summary(ada.page)
    expect(ada.page.get_by_role("region", name="Recovery codes")).to_contain_text("10 left")

    ada.page.get_by_role("link", name="Rename My phone").click()
    ada.fill(name="<i>Phone</i> of Ada")
    ada.press("Save")
    apps = ada.page.get_by_role("region", name="Authenticator apps")
    expect(apps.get_by_role("listitem")).to_contain_text("<i>Phone</i> of Ada")
    ada.page.get_by_role("link", name=re.compile("^Remove .*of Ada")).click()
    ada.press("Remove the authenticator app")
    expect(ada.page.get_by_role("status")).to_have_text("It is removed.")
    expect(apps.get_by_role("listitem")).to_have_count(0)
    ada.open("/dev/outbox")
    expect(ada.page.get_by_role("article").first).to_contain_text("An authenticator app was removed")


def test_a_password_is_done_without_and_set_again(ada: Visitor) -> None:
    """The mail box still opens the account."""
    ada.open("/account/security")
    ada.page.get_by_role("link", name="Remove Password").click()
    ada.press("Remove the password")
    assert "You sign in with a code or link that we mail you." in summary(ada.page)
    ada.press("Set a password")
    ada.fill(new_password="nine patient harbours")
    ada.press("Set the password")
    expect(ada.page.get_by_role("status")).to_contain_text("Your password is set.")
    ada.context.clear_cookies()
    ada.sign_in(ADA, "nine patient harbours")
    expect(ada.page).to_have_url(re.compile("//[^/]+/account$"))


def test_a_browser_that_is_forgotten_is_a_new_one(ada: Visitor) -> None:
    ada.open("/account/security")
    devices = ada.page.get_by_role("region", name="Devices that we know").get_by_role("listitem")
    expect(devices).to_have_count(2)  # with the client that registered
    devices.filter(has_text="This browser").get_by_role("button").click()
    expect(ada.page.get_by_role("status")).to_have_text("That device is forgotten.")
    expect(devices).to_have_count(1)
