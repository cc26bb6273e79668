"""Every page for everybody: by keyboard, on a narrow screen, in the dark, with a screen reader (WCAG 2.2 AA)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ostiary.app import Ostiary
from tests.support.browser import Visitor
from tests.support.installation import PASSWORD, LiveServer, new_administrator, new_person
from tests.support.second_factors import new_person_with_app, new_recovery_codes
from tests.support.time import ManualClock

ADA = "ada@example.com"
BOB = "bob@example.com"
CODES: list[str] = []
"""Bob's recovery codes."""
FAULTS = (Path(__file__).parent / "faults.js").read_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """One installation for all pages, in which Ada has an account."""
    with LiveServer(tmp_path_factory.mktemp("accessibility"), sms__sender="outbox") as running:
        running.call(new_person(running.ostiary, ADA, name="Ada Lovelace"))
        CODES[:] = running.call(_protected(running.ostiary))
        yield running


async def _protected(ostiary: Ostiary) -> list[str]:
    """Bob has an app, a telephone number and recovery codes, which are returned."""
    bob, _ = await new_person_with_app(ostiary, ManualClock(ostiary.use.clock()), BOB)
    number = {"given": "+491701234567"}
    flow = (await bob.request("POST", "/api/credentials/sms_code", number)).json()["flow"]
    sms = next(message for message in await ostiary.use.mailer.outbox() if message.to == number["given"])
    code = re.search(r"\d{6}", sms.text)
    answer = {"method": "sms_code", "code": code[0] if code else ""}
    confirmed = await bob.request("POST", "/api/credentials/sms_code/confirm", {"flow": flow, "answer": answer})
    assert confirmed.status_code == 201, confirmed.text
    return await new_recovery_codes(bob)


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
    visitor.fill(identifier=ADA)
    visitor.press("Continue")


def named(visitor: Visitor) -> None:
    visitor.open("/login")
    visitor.fill(identifier=ADA)
    visitor.press("Continue")


def pressed(*labels: str, before: Callable[[Visitor], object] = named) -> Callable[[Visitor], object]:
    def go(visitor: Visitor) -> None:
        before(visitor)
        for label in labels:
            visitor.press(label)

    return go


def mailed_link(visitor: Visitor) -> None:
    pressed("A link and a code by e-mail")(visitor)
    visitor.open(visitor.mailed()[1])


def mailed_link_elsewhere(visitor: Visitor) -> None:
    pressed("A link and a code by e-mail")(visitor)
    link = visitor.mailed()[1]
    visitor.context.clear_cookies()
    visitor.open(link)


def app_code(visitor: Visitor) -> None:
    visitor.sign_in(BOB)


def wrong_app_code(visitor: Visitor) -> None:
    app_code(visitor)
    visitor.fill(code="x")
    visitor.press("Sign in")


def spent_recovery_code(visitor: Visitor) -> None:
    pressed("A recovery code", before=app_code)(visitor)
    visitor.fill(code=CODES.pop())
    visitor.press("Sign in")


def recovered(visitor: Visitor) -> None:
    pressed("Forgot your password?", "Send the message")(visitor)
    visitor.fill(code=visitor.mailed()[0])
    visitor.press("Go on")


def refused_recovery(visitor: Visitor) -> None:
    recovered(visitor)
    visitor.fill(password="short")
    visitor.press("Save the new password")


def ended(visitor: Visitor) -> None:
    named(visitor)
    (flow,) = (cookie for cookie in visitor.context.cookies() if cookie["name"] == "ostiary_flow")
    visitor.context.add_cookies([{**flow, "value": "x" * 43}])  # type: ignore[typeddict-item]  # as it was read
    visitor.open("/login/step")


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


def at(path: str) -> Callable[[Visitor], object]:
    def go(visitor: Visitor) -> None:
        account(visitor)
        visitor.open(path)

    return go


def wrong_first_code(visitor: Visitor) -> None:
    at("/account/security/totp")(visitor)
    visitor.fill(code="x")
    visitor.press("Add the app")


def wrong_number(visitor: Visitor) -> None:
    at("/account/security/phone")(visitor)
    visitor.fill(given="12")
    visitor.press("Send a code to it")


def number_to_add(visitor: Visitor) -> None:
    at("/account/security/phone")(visitor)
    visitor.fill(given="+49 1512 3456789")
    visitor.press("Send a code to it")


def recovery_codes(visitor: Visitor) -> None:
    at("/account/security/recovery-codes")(visitor)
    visitor.page.get_by_role("button", name=re.compile("^Make ")).click()


def refused_key(visitor: Visitor) -> None:
    at("/account/api-keys/new")(visitor)
    visitor.fill(name="Nightly export", scopes="everything.read")
    visitor.press("Make the key")


PAGES: dict[str, tuple[str, Callable[[Visitor], object]]] = {
    "sign in": ("Sign in", opened("/login")),
    "refused sign-in": ("Error: Enter your password", refused_sign_in),
    "name": ("Enter your password", named),
    "passkey": ("Use your passkey", pressed("A passkey or security key")),
    "code by mail": ("Check your mail", pressed("A link and a code by e-mail")),
    "mailed link": ("Sign in", mailed_link),
    "mailed link elsewhere": ("Sign in", mailed_link_elsewhere),
    "invalid mailed link": ("Error: Sign in", opened("/login/link?token=x")),
    "ended sign-in": ("Sign in", ended),
    "app": ("Enter the code of your app", app_code),
    "wrong code of the app": ("Error: Enter the code of your app", wrong_app_code),
    "text message": ("Check your phone", pressed("A text message to your phone", before=app_code)),
    "recovery code": ("Enter a recovery code", pressed("A recovery code", before=app_code)),
    "spent recovery code": ("You used a recovery code", spent_recovery_code),
    "forgotten password": ("Forgot your password?", pressed("Forgot your password?")),
    "recovery": ("Check your mail", pressed("Forgot your password?", "Send the message")),
    "new password": ("Choose a new password", recovered),
    "refused recovery": ("Error: Choose a new password", refused_recovery),
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
    "security": ("Security", at("/account/security")),
    "passkey to add": ("Add a passkey", at("/account/security/passkey")),
    "app to add": ("Add an authenticator app", at("/account/security/totp")),
    "wrong code of an app to add": ("Error: Add an authenticator app", wrong_first_code),
    "number to add": ("Codes by text message", at("/account/security/phone")),
    "wrong number to add": ("Error: Codes by text message", wrong_number),
    "code of a number to add": ("Codes by text message", number_to_add),
    "recovery codes": ("Recovery codes", at("/account/security/recovery-codes")),
    "recovery codes made": ("Your recovery codes", recovery_codes),
    "removal": ("Remove the password?", at("/account/security/password/remove")),
    "API keys": ("API keys", at("/account/api-keys")),
    "API key to make": ("Make an API key", at("/account/api-keys/new")),
    "refused API key": ("Error: Make an API key", refused_key),
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


def test_the_pages_of_a_protected_account_have_no_barriers(visitor: Visitor) -> None:
    """Whatever stands in lists: an app, a number, recovery codes that become few, an API key."""
    spent_recovery_code(visitor)
    found = {}
    visitor.open("/account/security")
    for link in ("Rename Authenticator app", "Remove Authenticator app", "Remove Recovery codes"):
        visitor.open("/account/security")
        found["security"] = barriers(visitor.page)
        visitor.page.get_by_role("link", name=link).click()
        found[visitor.page.title()] = barriers(visitor.page)
    visitor.open("/account/api-keys/new")
    visitor.fill(name="Nightly export")
    visitor.press("Make the key")
    found["made"] = barriers(visitor.page)
    visitor.press("I have it")
    found["listed"] = barriers(visitor.page)
    for change in ("Rotate", "Revoke"):
        visitor.open("/account/api-keys")
        visitor.page.get_by_role("link", name=f"{change} Nightly export").click()
        found[change] = barriers(visitor.page)
    assert {place: faults for place, faults in found.items() if faults} == {}
    assert len(found) == 8


def test_the_account_of_an_administrator_signed_in_twice_has_no_barriers(visitor: Visitor, server: LiveServer) -> None:
    administrator = server.call(new_administrator(server.ostiary))
    visitor.sign_in(administrator.email)
    expect(visitor.page.get_by_text("Administrator", exact=True)).to_be_visible()
    assert barriers(visitor.page) == []


def test_the_pages_of_an_enrolment_within_a_sign_in_have_no_barriers(browser: Browser, tmp_path: Path) -> None:
    with LiveServer(tmp_path, sign_in__policy="two_factors", sign_in__email=False) as strict:
        strict.call(new_person(strict.ostiary, ADA))
        visitor = Visitor(browser, strict.url)
        visitor.sign_in(ADA)
        expect(visitor.page).to_have_title("Protect your account · Ostiary")
        found = {"choice": barriers(visitor.page)}
        visitor.press("Set up an app")
        visitor.page.get_by_text("I cannot scan it").click()
        found["app"] = barriers(visitor.page)
        visitor.fill(code="x")
        visitor.press("Add the app and go on")
        found["wrong code"] = barriers(visitor.page)
        visitor.press("Create a passkey instead")
        expect(visitor.page.get_by_role("heading", name="A passkey")).to_be_visible()
        visitor.close()
        assert visitor.complaints == []
    assert not any(found.values()), found


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
    keyboard.press("Enter")
    expect(visitor.page.get_by_label("Password", exact=True)).to_be_focused()
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
    named(visitor)
    visitor.fill(password=PASSWORD)
    password = visitor.page.get_by_label("Password", exact=True)
    visitor.page.get_by_role("button", name="Show password").click()
    expect(password).to_have_attribute("type", "text")
    visitor.page.get_by_role("button", name="Hide password").click()
    expect(password).to_have_attribute("type", "password")
