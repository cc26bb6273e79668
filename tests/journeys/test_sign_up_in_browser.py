"""From nobody to somebody who is signed in, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from ostiary.base.clock import DAY
from tests.journeys.conftest import NewVisitor
from tests.support.browser import Visitor
from tests.support.installation import PASSWORD, LiveServer
from tests.support.time import ManualClock

ADA = "ada@example.com"


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_register_mail_verify_account_sign_out_sign_in(new_visitor: NewVisitor, scripts: bool) -> None:
    ada = new_visitor(java_script_enabled=scripts)
    ada.open("/")
    ada.press("Create one")
    ada.fill(email=ADA, name="Ada Lovelace", username="ada", password=PASSWORD)
    ada.press("Create the account")
    expect(ada.page.get_by_role("heading", level=1)).to_have_text("Check your mail")
    expect(ada.page.get_by_role("main")).to_contain_text(ADA)

    code, _ = ada.mailed()
    ada.fill(code=code)
    ada.press("Continue")
    expect(ada.page).to_have_url(re.compile("//[^/]+/account$"))
    expect(ada.page.get_by_role("status")).to_have_text("Your address is confirmed.")
    expect(ada.page.get_by_label("Name (optional)", exact=True)).to_have_value("Ada Lovelace")
    expect(ada.page.get_by_label("Username")).to_have_value("ada")

    ada.page.get_by_role("button", name="Sign out", exact=True).click()
    expect(ada.page.get_by_role("status")).to_have_text("You are signed out.")
    ada.open("/account")
    expect(ada.page).to_have_url(re.compile("//[^/]+/login"))

    ada.prove(ADA)
    expect(ada.page.get_by_role("heading", level=1)).to_have_text("Your account")


def test_the_mailed_link_needs_one_press_in_the_browser_that_registered(visitor: Visitor) -> None:
    visitor.register(ADA)
    _, link = visitor.mailed()
    visitor.open(link)
    expect(visitor.page.get_by_label("Password")).to_have_count(0)
    visitor.press("Confirm my address")
    expect(visitor.page).to_have_url(re.compile("//[^/]+/account$"))


def test_the_mailed_link_asks_for_the_password_in_another_browser(new_visitor: NewVisitor) -> None:
    ada, elsewhere = new_visitor(), new_visitor()
    ada.register(ADA)
    _, link = ada.mailed()
    elsewhere.open(link)
    elsewhere.fill(password="not the right one")
    elsewhere.press("Confirm my address")
    expect(elsewhere.page.get_by_role("alert")).to_contain_text("The password is not right.")
    elsewhere.fill(password=PASSWORD)
    elsewhere.press("Confirm my address")
    expect(elsewhere.page).to_have_url(re.compile("//[^/]+/account$"))


def test_a_used_link_says_so_and_leads_to_the_sign_in(visitor: Visitor) -> None:
    visitor.register(ADA)
    code, link = visitor.mailed()
    visitor.fill(code=code)
    visitor.press("Continue")
    expect(visitor.page).to_have_url(re.compile("//[^/]+/account$"))
    visitor.context.clear_cookies()
    assert visitor.open(link) == 400
    expect(visitor.page.get_by_role("alert")).to_contain_text("has been used")
    visitor.press("Sign in")
    expect(visitor.page).to_have_url(re.compile("//[^/]+/login$"))


def test_an_expired_link_leads_to_a_sign_in_that_mails_a_new_code(browser: Browser, tmp_path: Path) -> None:
    clock = ManualClock(1_767_225_600_000)
    with LiveServer(tmp_path, clock=clock) as server:
        ada = Visitor(browser, server.url)
        ada.register(ADA)
        _, link = ada.mailed()
        clock.advance(2 * DAY)
        assert ada.open(link) == 400
        expect(ada.page.get_by_role("alert")).to_contain_text("has expired")
        ada.close()
        assert ada.complaints == []


def test_who_signs_in_before_the_address_is_proved_is_asked_for_the_code(new_visitor: NewVisitor) -> None:
    new_visitor().register(ADA)
    ada = new_visitor()
    ada.sign_in(ADA)
    expect(ada.page.get_by_role("main")).to_contain_text("your address is not confirmed yet")
    first, _ = ada.mailed()
    ada.press("Send a new code")
    expect(ada.page.get_by_role("status")).to_have_text("A new message is on its way.")
    second, _ = ada.mailed()
    if first != second:  # once in a million runs they are equal
        ada.fill(code=first)
        ada.press("Continue")
        expect(ada.page.get_by_label("Code")).to_have_attribute("aria-invalid", "true")
    ada.fill(code=second)
    ada.press("Continue")
    expect(ada.page).to_have_url(re.compile("//[^/]+/account$"))


def test_a_weak_password_is_explained_at_its_field_and_what_was_typed_stays(visitor: Visitor) -> None:
    visitor.register(ADA, name="Ada", password="short")
    password = visitor.page.get_by_label("Password", exact=True)
    expect(password).to_have_attribute("aria-invalid", "true")
    expect(password).to_have_accessible_description(re.compile("^Error: Use at least 12 characters"))
    expect(password).to_have_value("")
    expect(visitor.page.get_by_label("E-mail address")).to_have_value(ADA)
    expect(visitor.page.get_by_label("Name (optional)", exact=True)).to_have_value("Ada")


def test_an_address_that_has_an_account_looks_the_same_as_a_new_one(new_visitor: NewVisitor) -> None:
    first, second = new_visitor(), new_visitor()
    first.register(ADA)
    shown = first.page.get_by_role("main").inner_text()
    first.fill(code=first.mailed()[0])
    first.press("Continue")
    expect(first.page).to_have_url(re.compile("//[^/]+/account$"))
    second.register(ADA)
    expect(second.page.get_by_role("heading", level=1)).to_have_text("Check your mail")
    assert second.page.get_by_role("main").inner_text() == shown


@pytest.mark.parametrize("path", ["/nowhere", "/account/nowhere", "/verify/"])
def test_an_address_that_leads_nowhere_is_a_page_with_a_way_back(visitor: Visitor, path: str) -> None:
    assert visitor.open(path) == 404
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("There is nothing here.")
    visitor.press("Go to the start")
    expect(visitor.page).to_have_url(re.compile("//[^/]+/login$"))


def test_a_form_sent_after_the_cookies_were_removed_is_refused_and_says_what_to_do(visitor: Visitor) -> None:
    visitor.open("/login")
    visitor.context.clear_cookies()
    visitor.fill(identifier=ADA)
    visitor.press("Continue")
    expect(visitor.page.get_by_role("main")).to_contain_text("Open the page again")
    visitor.press("Go to the start")
    expect(visitor.page).to_have_url(re.compile("//[^/]+/login$"))
