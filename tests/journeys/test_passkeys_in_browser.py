"""Passkeys and security keys in a real browser, by its virtual authenticators: what only a browser can show."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import NewVisitor
from tests.support.browser import Visitor
from tests.support.installation import LiveServer, new_person
from tests.support.virtual_authenticator import VirtualAuthenticator

EMAIL = "ada@example.com"
SIGN_IN = "Sign in with a passkey"


@pytest.fixture
def ada(live_server: LiveServer, visitor: Visitor) -> Visitor:
    """Signed in by password, with no passkey yet."""
    live_server.call(new_person(live_server.ostiary, EMAIL))
    sign_in_by_password(visitor)
    expect(visitor.page).to_have_url(re.compile("//[^/]+/account"))
    return visitor


def without_autofill(visitor: Visitor) -> None:
    """As in a browser that offers passkeys by the button only; else the virtual person has chosen one already."""
    visitor.context.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false")


def sign_in_by_password(visitor: Visitor) -> None:
    visitor.open("/login")
    visitor.page.get_by_label("E-mail address or username").fill(EMAIL)
    visitor.page.get_by_role("button", name="Continue").click()
    visitor.page.get_by_label("Password", exact=True).fill("seven quiet lanterns")
    visitor.page.get_by_role("button", name="Sign in", exact=True).click()


def sign_out(visitor: Visitor) -> None:
    visitor.page.get_by_role("button", name="Sign out", exact=True).first.click()
    expect(visitor.page.get_by_role("button", name="Continue")).to_be_visible()


def add_passkey(visitor: Visitor, name: str = "", *, second: bool = False) -> None:
    """By the page for it, as far as the ceremony leads."""
    visitor.open("/account/security/passkey")
    if second:
        visitor.page.get_by_label("A security key as a second step").check()
    visitor.page.get_by_label("Name").fill(name)
    visitor.page.get_by_role("button", name="Go on").click()


def session_of(page: Page) -> dict[str, Any]:
    """How the browser is signed in."""
    found: dict[str, Any] = page.evaluate("async () => (await fetch('/api/auth/me')).json()")
    return found


def listed(page: Page) -> Any:
    return page.get_by_role("region", name="Passkeys and security keys").get_by_role("listitem")


def test_a_passkey_is_added_and_signs_in_by_its_button(ada: Visitor) -> None:
    """Unlocked and found by itself: no name is typed, and nothing else is asked."""
    phone = VirtualAuthenticator(ada.page)
    add_passkey(ada, "My phone")
    expect(listed(ada.page)).to_contain_text("My phone")
    (kept,) = phone.credentials
    assert kept["isResidentCredential"]
    without_autofill(ada)
    sign_out(ada)
    ada.page.get_by_role("button", name=SIGN_IN).click()
    expect(ada.page).to_have_url(re.compile("//[^/]+/account"))
    session = session_of(ada.page)
    assert (session["amr"], session["acr"]) == (["hwk", "user", "mfa"], "aal2")


def test_a_passkey_is_offered_in_the_field_of_the_name(ada: Visitor) -> None:
    """Autofill (conditional mediation): the virtual person chooses it as soon as it is offered."""
    VirtualAuthenticator(ada.page)
    add_passkey(ada)
    expect(listed(ada.page)).to_contain_text("Passkey")
    ada.context.clear_cookies()
    ada.open("/login")
    expect(ada.page).to_have_url(re.compile("//[^/]+/account"))
    assert session_of(ada.page)["account"]["email"] == EMAIL


def test_a_passkey_that_cannot_be_unlocked_is_one_factor_of_two(ada: Visitor) -> None:
    """Chromium finds such a one by its id only, so it comes after the password, here to step up."""
    phone = VirtualAuthenticator(ada.page, verifies=False)
    add_passkey(ada)
    expect(listed(ada.page)).to_contain_text("Passkey")
    assert phone.credentials[0]["isResidentCredential"]
    ada.context.clear_cookies()
    sign_in_by_password(ada)
    expect(ada.page).to_have_url(re.compile("//[^/]+/account"))
    assert session_of(ada.page)["acr"] == "aal1"
    ada.open("/step-up?level=aal2&next=/account")
    ada.page.get_by_role("button", name="Use a passkey or security key").click()
    expect(ada.page).to_have_url(re.compile("//[^/]+/account"))
    session = session_of(ada.page)
    assert (set(session["amr"]), session["acr"]) == ({"pwd", "hwk", "user", "mfa"}, "aal2")


@pytest.mark.parametrize("protocol", ["ctap2", "u2f"])
def test_a_security_key_that_keeps_nothing_is_asked_for_after_the_password(ada: Visitor, protocol: str) -> None:
    key = VirtualAuthenticator(ada.page, resident=False, verifies=False, transport="usb", protocol=protocol)
    add_passkey(ada, "Key on my ring", second=True)
    expect(ada.page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    ada.open("/account/security")
    expect(listed(ada.page)).to_contain_text("Key on my ring")
    assert not key.credentials[0]["isResidentCredential"]
    ada.context.clear_cookies()
    sign_in_by_password(ada)
    ada.page.get_by_role("button", name="Use a passkey or security key").click()
    expect(ada.page).to_have_url(re.compile("//[^/]+/account"))
    session = session_of(ada.page)
    assert (set(session["amr"]), session["acr"]) == ({"pwd", "hwk", "user", "mfa"}, "aal2")


def test_what_goes_wrong_is_told_in_plain_words(ada: Visitor) -> None:
    phone = VirtualAuthenticator(ada.page)
    add_passkey(ada)
    expect(listed(ada.page)).to_have_count(1)
    add_passkey(ada)
    expect(ada.page.get_by_role("alert")).to_have_text("This device or key has a passkey of this account already.")
    assert len(phone.credentials) == 1
    without_autofill(ada)
    sign_out(ada)
    phone.set_verified(False)
    button = ada.page.get_by_role("button", name=SIGN_IN)
    button.click()
    expect(ada.page.get_by_role("alert")).to_contain_text("Try again, or choose another way.")
    phone.set_verified(True)
    button.click()
    expect(ada.page).to_have_url(re.compile("//[^/]+/account"))


def test_a_passkey_that_was_removed_is_taken_from_its_provider(ada: Visitor) -> None:
    """The Signal API: where it was removed here, and where it was taken to a sign-in all the same."""
    phone = VirtualAuthenticator(ada.page)
    add_passkey(ada, "Lost phone")
    expect(listed(ada.page)).to_have_count(1)
    (kept,) = phone.credentials
    ada.page.get_by_role("link", name="Remove Lost phone").click()
    ada.page.get_by_role("button", name="Remove the passkey").click()
    expect(listed(ada.page)).to_have_count(0)
    eventually(ada.page, lambda: phone.credentials == [])
    phone.put_back(kept)
    ada.context.clear_cookies()
    ada.open("/login")
    expect(ada.page.get_by_role("alert").first).to_contain_text("This passkey is not known here.")
    eventually(ada.page, lambda: phone.credentials == [])


def test_without_javascript_nothing_is_offered_that_does_not_work(new_visitor: NewVisitor) -> None:
    visitor = new_visitor(java_script_enabled=False)
    visitor.open("/login")
    expect(visitor.page.get_by_role("button", name=SIGN_IN)).to_be_hidden()
    expect(visitor.page.locator("noscript")).to_be_visible()
    expect(visitor.page.get_by_role("button", name="Continue")).to_be_visible()


def test_a_browser_without_passkeys_is_not_offered_any(visitor: Visitor) -> None:
    visitor.context.add_init_script("delete window.PublicKeyCredential")
    visitor.open("/login")
    expect(visitor.page.get_by_role("button", name="Continue")).to_be_visible()
    expect(visitor.page.get_by_role("button", name=SIGN_IN)).to_be_hidden()


def test_an_older_browser_s_passkeys_are_read_and_written_by_hand(ada: Visitor) -> None:
    """Without ``parse…OptionsFromJSON`` and ``toJSON``, and with credentials of an extension that has neither."""
    ada.context.add_init_script(
        "for (const name of ['parseCreationOptionsFromJSON', 'parseRequestOptionsFromJSON'])"
        " delete PublicKeyCredential[name];"
        "delete PublicKeyCredential.prototype.toJSON;"
    )
    VirtualAuthenticator(ada.page)
    add_passkey(ada)
    expect(listed(ada.page)).to_contain_text("Passkey")
    ada.context.clear_cookies()
    ada.open("/login")
    expect(ada.page).to_have_url(re.compile("//[^/]+/account"))


def test_an_application_s_own_pages_do_it_by_the_scripts_of_the_guide(ada: Visitor) -> None:
    guide = Path(__file__).parents[2] / "docs" / "guides" / "passkeys.md"
    scripts = "\n".join(re.findall(r"^```js\n(.*?)^```", guide.read_text(), re.MULTILINE | re.DOTALL))
    VirtualAuthenticator(ada.page)
    csrf = session_of(ada.page)["csrf_token"]
    added = ada.page.evaluate(f"async (csrf) => {{ {scripts}; return addPasskey(csrf, 'Mine') }}", csrf)
    assert (added["name"], added["second"]) == ("Mine", False)
    ada.context.clear_cookies()
    signed_in = ada.page.evaluate(f"async () => {{ {scripts}; return signIn() }}")
    assert (signed_in["status"], signed_in["account"]["email"]) == ("complete", EMAIL)


def eventually(page: Page, true: Callable[[], bool]) -> None:
    """What the browser does on its own, after the page."""
    for _ in range(100):
        if true():
            return
        page.evaluate("() => new Promise(requestAnimationFrame)")
    pytest.fail("it never happened")
