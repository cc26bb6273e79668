"""The link that `ostiary dev` prints: whoever has it becomes the administrator, once."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import NewVisitor
from tests.support.browser import Visitor
from tests.support.installation import PASSWORD, LiveServer

ROOT = "root@example.com"


@pytest.fixture
def link(live_server: LiveServer) -> str:
    assert live_server.setup_link is not None
    return live_server.setup_link


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_the_link_makes_one_administrator_and_then_says_that_it_was_used(
    new_visitor: NewVisitor, link: str, scripts: bool
) -> None:
    root, late = new_visitor(java_script_enabled=scripts), new_visitor(java_script_enabled=scripts)
    root.open(link)
    root.fill(email=ROOT, name="Root", password=PASSWORD)
    root.press("Make the administrator")
    expect(root.page).to_have_url(re.compile("//[^/]+/account$"))
    expect(root.page.get_by_text("Administrator", exact=True)).to_be_visible()

    assert late.open(link) == 400
    expect(late.page.get_by_role("alert")).to_contain_text("has been used")
    expect(late.page.get_by_label("Password")).to_have_count(0)

    late.press("Sign in")
    late.prove(ROOT)
    expect(late.page.get_by_text("Administrator", exact=True)).to_be_visible()
    roles = late.page.get_by_role("region", name="What you may do")
    expect(roles.get_by_role("listitem")).to_contain_text("administrator")


def test_two_who_opened_the_link_do_not_both_become_administrator(new_visitor: NewVisitor, link: str) -> None:
    first, second = new_visitor(), new_visitor()
    for each, email in ((first, ROOT), (second, "mallory@example.com")):
        each.open(link)
        each.fill(email=email, password=PASSWORD)
    first.press("Make the administrator")
    expect(first.page).to_have_url(re.compile("//[^/]+/account$"))
    second.press("Make the administrator")
    expect(second.page.get_by_role("alert")).to_contain_text("has been used")
    second.open("/account")
    expect(second.page).to_have_url(re.compile("//[^/]+/login"))


def test_a_refused_password_does_not_spend_the_link(visitor: Visitor, link: str) -> None:
    visitor.open(link)
    visitor.fill(email=ROOT, password="short")
    visitor.press("Make the administrator")
    expect(visitor.page.get_by_label("Password", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(visitor.page.get_by_label("E-mail address")).to_have_value(ROOT)
    visitor.fill(password=PASSWORD)
    visitor.press("Make the administrator")
    expect(visitor.page).to_have_url(re.compile("//[^/]+/account$"))
