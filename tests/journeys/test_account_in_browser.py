"""What a person sees and changes of their own account, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from ostiary.accounts import AccountCreate
from tests.journeys.conftest import NewVisitor
from tests.support.browser import Visitor
from tests.support.installation import PASSWORD, LiveServer, new_person

ADA = "ada@example.com"
ANOTHER = "nine patient harbours"


@pytest.fixture(autouse=True)
def _ada(live_server: LiveServer) -> None:
    """Ada has an account. She is signed in nowhere but in the client that made it."""
    live_server.call(new_person(live_server.ostiary, ADA, name="Ada Lovelace", username="ada"))


@pytest.fixture
def ada(new_visitor: NewVisitor) -> Visitor:
    """Ada, signed in in a browser."""
    visitor = new_visitor()
    visitor.sign_in(ADA)
    expect(visitor.page).to_have_url(re.compile("//[^/]+/account$"))
    return visitor


def part(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title)


def test_a_username_signs_in_as_well_as_the_address(visitor: Visitor) -> None:
    visitor.sign_in("ada")
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Your account")


def test_a_wrong_password_is_said_at_the_field_and_the_name_stays(visitor: Visitor) -> None:
    visitor.sign_in(ADA, "not the right one")
    password = visitor.page.get_by_label("Password", exact=True)
    expect(password).to_have_attribute("aria-invalid", "true")
    expect(password).to_have_accessible_description("Error: The name or the password is not right.")
    expect(password).to_have_value("")
    expect(visitor.page.get_by_role("main")).to_contain_text(f"Signing in as {ADA}")


def test_whoever_is_asked_to_sign_in_arrives_where_they_were_going(visitor: Visitor) -> None:
    visitor.open("/account/password")
    visitor.prove(ADA)
    expect(visitor.page).to_have_url(re.compile("//[^/]+/account/password$"))


def test_the_profile_is_changed_and_a_name_with_markup_is_only_a_name(ada: Visitor) -> None:
    ada.fill(name="<b>Ada</b> & Co", username="countess")
    ada.press("Save")
    expect(ada.page.get_by_role("status")).to_have_text("Your profile is saved.")
    expect(ada.page.get_by_label("Name (optional)", exact=True)).to_have_value("<b>Ada</b> & Co")
    expect(ada.page.get_by_label("Username")).to_have_value("countess")


def test_a_new_password_ends_the_sign_in_of_every_other_browser(new_visitor: NewVisitor, ada: Visitor) -> None:
    other = new_visitor()
    other.sign_in(ADA)
    ada.open("/account/security")
    ada.press("Change the password")
    ada.fill(current_password="not the right one", new_password=ANOTHER)
    ada.press("Change the password")
    expect(ada.page.get_by_label("Current password", exact=True)).to_have_attribute("aria-invalid", "true")
    ada.fill(current_password=PASSWORD, new_password=ANOTHER)
    ada.press("Change the password")
    expect(ada.page.get_by_role("status")).to_contain_text("Your password is changed.")

    other.open("/account")
    expect(other.page).to_have_url(re.compile("//[^/]+/login"))
    other.sign_in(ADA, ANOTHER)
    expect(other.page).to_have_url(re.compile("//[^/]+/account$"))
    other.open("/dev/outbox")
    expect(other.page.get_by_role("article").first).to_contain_text(re.compile("password", re.IGNORECASE))


def test_a_new_address_counts_from_the_moment_its_code_is_entered(ada: Visitor) -> None:
    ada.press("Change the address")
    ada.fill(email="ada@example.org")
    ada.press("Send a code to the new address")
    expect(ada.page.get_by_role("main")).to_contain_text("ada@example.org")
    code, _ = ada.mailed()
    ada.open("/account")
    expect(part(ada.page, "E-mail address")).to_contain_text(ADA)

    ada.open("/verify")
    ada.fill(code=code)
    ada.press("Continue")
    expect(ada.page.get_by_role("status")).to_have_text("Your e-mail address is changed.")
    expect(part(ada.page, "E-mail address")).to_contain_text("ada@example.org")
    ada.open("/dev/outbox")
    expect(ada.page.get_by_text(f"To {ADA}").first).to_be_visible()


def test_the_list_of_sign_ins_shows_this_browser_and_ends_another(new_visitor: NewVisitor, ada: Visitor) -> None:
    other = new_visitor(user_agent="Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    other.sign_in(ADA)
    ada.page.reload()
    sign_ins = part(ada.page, "Where you are signed in").get_by_role("listitem")
    expect(sign_ins).to_have_count(3)  # with the client that registered
    expect(sign_ins.first).to_contain_text("This browser")
    expect(sign_ins.first.get_by_role("button")).to_have_count(0)

    sign_ins.filter(has_text="Firefox on Linux").get_by_role("button").click()
    expect(ada.page.get_by_role("status")).to_have_text("That sign-in has ended.")
    expect(sign_ins).to_have_count(2)
    other.open("/account")
    expect(other.page).to_have_url(re.compile("//[^/]+/login"))


def test_sign_out_everywhere_else_leaves_only_this_browser(new_visitor: NewVisitor, ada: Visitor) -> None:
    other = new_visitor()
    other.sign_in(ADA)
    ada.page.reload()
    ada.press("Sign out everywhere else")
    expect(ada.page.get_by_role("status")).to_have_text("You are signed out everywhere else.")
    expect(part(ada.page, "Where you are signed in").get_by_role("listitem")).to_have_count(1)
    other.open("/account")
    expect(other.page).to_have_url(re.compile("//[^/]+/login"))


def test_after_sign_out_the_back_button_shows_nothing_of_the_account(ada: Visitor) -> None:
    ada.page.get_by_role("button", name="Sign out", exact=True).click()
    expect(ada.page).to_have_url(re.compile("//[^/]+/login$"))
    ada.page.go_back()
    expect(ada.page).to_have_url(re.compile("//[^/]+/login"))
    expect(ada.page.get_by_text(ADA)).to_have_count(0)


def test_an_account_that_an_operator_made_is_shown_without_gaps(live_server: LiveServer, visitor: Visitor) -> None:
    use = live_server.ostiary.use
    made = AccountCreate(email="grace@example.com", username=None, name="", password=PASSWORD)
    live_server.call(use.account_administration.create(live_server.ostiary.operator(), made))
    visitor.sign_in("grace@example.com")
    expect(part(visitor.page, "E-mail address")).to_contain_text("Verified")
    expect(part(visitor.page, "What you may do")).to_contain_text("You have no roles.")
