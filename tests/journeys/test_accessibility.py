"""Every page for everybody: by keyboard, on a narrow screen, in the dark, with a screen reader (WCAG 2.2 AA)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import Visitor
from tests.support.installation import PASSWORD, LiveServer, new_administrator, new_person

ADA = "ada@example.com"
FAULTS = (Path(__file__).parent / "faults.js").read_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """One installation for all pages, in which Ada has an account."""
    with LiveServer(tmp_path_factory.mktemp("accessibility")) as running:
        running.call(new_person(running.ostiary, ADA, name="Ada Lovelace"))
        yield running


@pytest.fixture
def visitor(browser: Browser, server: LiveServer) -> Iterator[Visitor]:
    arrived = Visitor(browser, server.url)
    yield arrived
    arrived.close()
    assert arrived.complaints == []


def opened(path: str) -> Callable[[Visitor], object]:
    return lambda visitor: visitor.open(path)


def refused_sign_in(visitor: Visitor) -> None:
    visitor.sign_in(ADA, "not the right one")


def refused_registration(visitor: Visitor) -> None:
    visitor.register("new@example.com", password="short")


def code(visitor: Visitor) -> None:
    visitor.register("new@example.com")


def wrong_code(visitor: Visitor) -> None:
    code(visitor)
    visitor.fill(code="x")
    visitor.press("Continue")


def new_code(visitor: Visitor) -> None:
    code(visitor)
    visitor.press("Send a new code")


def unproved_address(visitor: Visitor) -> None:
    code(visitor)
    visitor.sign_in("new@example.com")


def link(visitor: Visitor) -> None:
    code(visitor)
    visitor.open(visitor.mailed()[1])


def link_elsewhere(visitor: Visitor) -> None:
    code(visitor)
    mailed = visitor.mailed()[1]
    visitor.context.clear_cookies()
    visitor.open(mailed)


def outbox(visitor: Visitor) -> None:
    code(visitor)
    visitor.open("/dev/outbox")


def stale_form(visitor: Visitor) -> None:
    visitor.open("/login")
    visitor.context.clear_cookies()
    visitor.fill(identifier=ADA, password=PASSWORD)
    visitor.press("Sign in")


def account(visitor: Visitor) -> None:
    visitor.sign_in(ADA)


def saved_profile(visitor: Visitor) -> None:
    account(visitor)
    visitor.press("Save")


def password(visitor: Visitor) -> None:
    account(visitor)
    visitor.open("/account/password")


def refused_new_password(visitor: Visitor) -> None:
    password(visitor)
    visitor.fill(current_password="not the right one", new_password=PASSWORD)
    visitor.press("Change the password")


def address(visitor: Visitor) -> None:
    account(visitor)
    visitor.open("/account/email")


def step_up(visitor: Visitor) -> None:
    account(visitor)
    visitor.open("/step-up")


PAGES: dict[str, tuple[str, Callable[[Visitor], object]]] = {
    "sign in": ("Sign in", opened("/login")),
    "refused sign-in": ("Error: Sign in", refused_sign_in),
    "register": ("Create an account", opened("/register")),
    "refused registration": ("Error: Create an account", refused_registration),
    "code": ("Check your mail", code),
    "wrong code": ("Error: Check your mail", wrong_code),
    "new code": ("Check your mail", new_code),
    "address not proved": ("Check your mail", unproved_address),
    "link": ("Confirm your address", link),
    "link elsewhere": ("Confirm your address", link_elsewhere),
    "invalid link": ("Error: Confirm your address", opened("/verify?token=x")),
    "no flow": ("Error: Confirm your address", opened("/verify")),
    "invalid first-administrator link": ("Error: Make the first administrator", opened("/setup?token=x")),
    "outbox": ("Outbox", outbox),
    "errors": ("Errors", opened("/docs/errors")),
    "not found": ("There is nothing here.", opened("/nowhere")),
    "stale form": ("This form could not be accepted", stale_form),
    "account": ("Your account", account),
    "saved profile": ("Your account", saved_profile),
    "step-up": ("Confirm that it is you", step_up),
    "password": ("Change your password", password),
    "refused new password": ("Error: Change your password", refused_new_password),
    "address": ("Change your address", address),
}
"""What a page is called in this file: its title, and how to get there."""


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_barriers_in_light_and_dark_wide_and_narrow(visitor: Visitor, name: str) -> None:
    title, go = PAGES[name]
    go(visitor)
    expect(visitor.page).to_have_title(f"{title} · Ostiary")
    assert barriers(visitor.page) == []


def test_the_first_administrators_page_has_no_barriers(visitor: Visitor, server: LiveServer) -> None:
    assert server.setup_link is not None
    visitor.open(server.setup_link)
    expect(visitor.page).to_have_title("Make the first administrator · Ostiary")
    assert barriers(visitor.page) == []


def test_the_account_of_an_administrator_signed_in_twice_has_no_barriers(visitor: Visitor, server: LiveServer) -> None:
    administrator = server.call(new_administrator(server.ostiary))
    visitor.sign_in(administrator.email)
    expect(visitor.page.get_by_text("Administrator", exact=True)).to_be_visible()
    assert barriers(visitor.page) == []


def barriers(page: Page) -> list[str]:
    """Every fault in both colour schemes, at 1280 and at 320 CSS pixels (WCAG 1.4.10: 400 % of 1280)."""
    page.emulate_media(reduced_motion="reduce")  # no colour is asked for on its way to another
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (1280, 320):
            page.set_viewport_size({"width": width, "height": 800})
            found += [f"{scheme}, {width} px: {fault}" for fault in page.evaluate(FAULTS)]
    return found


def focused(page: Page) -> str:
    """Whatever has the focus, which has to be seen to have it (WCAG 2.4.7)."""
    name, outline = page.evaluate(
        """() => {
            const now = document.activeElement, style = getComputedStyle(now);
            const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
            return [now.ariaLabel || now.labels?.[0]?.textContent || now.textContent.trim(), seen];
        }"""
    )
    assert outline, f"{name} has the focus and does not show it"
    return str(name)


def test_the_sign_in_needs_no_mouse(visitor: Visitor) -> None:
    visitor.open("/login")
    keyboard = visitor.page.keyboard
    assert focused(visitor.page) == "E-mail address or username"
    keyboard.type(ADA)
    keyboard.press("Tab")
    assert focused(visitor.page) == "Password"
    keyboard.type(PASSWORD)
    keyboard.press("Enter")
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("Your account")


def test_the_first_stop_skips_to_the_content_and_the_rest_follow_in_reading_order(visitor: Visitor) -> None:
    visitor.open("/register")
    keyboard = visitor.page.keyboard
    keyboard.press("Tab")
    assert focused(visitor.page) == "Skip to the content"
    expect(visitor.page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    keyboard.press("Enter")
    stops = []
    for _ in range(7):
        keyboard.press("Tab")
        stops.append(focused(visitor.page))
    assert stops == [
        "E-mail address",
        "Name (optional)",
        "Username (optional)",
        "Password",
        "Show password",
        "Create the account",
        "Sign in",
    ]


def test_what_is_wrong_has_the_focus_and_its_link_leads_to_the_field(visitor: Visitor) -> None:
    refused_registration(visitor)
    alert = visitor.page.get_by_role("alert")
    expect(alert).to_be_focused()
    visitor.page.keyboard.press("Tab")
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.get_by_label("Password", exact=True)).to_be_focused()


def test_what_was_done_has_the_focus(visitor: Visitor) -> None:
    saved_profile(visitor)
    expect(visitor.page.get_by_role("status")).to_be_focused()


def test_a_password_is_shown_and_hidden_by_its_button(visitor: Visitor) -> None:
    visitor.open("/login")
    visitor.fill(password=PASSWORD)
    password = visitor.page.get_by_label("Password", exact=True)
    visitor.page.get_by_role("button", name="Show password").click()
    expect(password).to_have_attribute("type", "text")
    visitor.page.get_by_role("button", name="Hide password").click()
    expect(password).to_have_attribute("type", "password")
