"""Sign-in, step-up and recovery step by step, in a real browser."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from ostiary.base.clock import MINUTE, system_clock
from tests.support.browser import Visitor
from tests.support.installation import PASSWORD, LiveServer, Person, new_person
from tests.support.second_factors import App, add_app, new_recovery_codes
from tests.support.time import ManualClock
from tests.support.virtual_authenticator import VirtualAuthenticator

ADA = "ada@example.com"
NewServer = Callable[..., LiveServer]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(system_clock())  # browsers count the life of cookies by their own


@pytest.fixture
def new_server(tmp_path: Path, clock: ManualClock) -> Iterator[NewServer]:
    """Starts an installation with other settings."""
    started: list[LiveServer] = []

    def start(**changed: Any) -> LiveServer:
        started.append(LiveServer(tmp_path, clock=clock, **changed))
        return started[-1].__enter__()

    yield start
    for server in started:
        server.__exit__()


@pytest.fixture
def server(new_server: NewServer) -> LiveServer:
    return new_server()


@pytest.fixture
def arrive(browser: Browser) -> Iterator[Callable[..., Visitor]]:
    visitors: list[Visitor] = []

    def new(server: LiveServer, **options: object) -> Visitor:
        visitors.append(Visitor(browser, server.url, **options))
        return visitors[-1]

    yield new
    for visitor in visitors:
        visitor.close()
    assert [complaint for visitor in visitors for complaint in visitor.complaints] == []


Arrive = Callable[..., Visitor]


def person_of(server: LiveServer, clock: ManualClock) -> Person:
    person: Person = server.call(new_person(server.ostiary, ADA))
    clock.advance(MINUTE)
    return person


def person_with_app(server: LiveServer, clock: ManualClock) -> tuple[Person, App]:
    person = person_of(server, clock)
    app: App = server.call(add_app(person, clock))
    return person, app


def expect_heading(visitor: Visitor, text: str) -> None:
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(text)


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_code_of_the_app_after_a_wrong_one_and_none_on_the_trusted_device(
    server: LiveServer, arrive: Arrive, clock: ManualClock, scripts: bool
) -> None:
    _, app = person_with_app(server, clock)
    ada = arrive(server, java_script_enabled=scripts)
    ada.open("/login?next=/account/email")
    ada.prove(ADA)
    ada.fill(code=app.wrong())
    ada.press("Sign in")
    expect(ada.page.get_by_label("Code", exact=True)).to_have_attribute("aria-invalid", "true")
    ada.page.get_by_label("Do not ask for a second step on this device for 30 days").check()
    ada.fill(code=app.code())
    ada.press("Sign in")
    expect(ada.page).to_have_url(re.compile("//[^/]+/account/email$"))
    ada.page.get_by_role("button", name="Sign out", exact=True).click()
    ada.sign_in(ADA)
    expect(ada.page).to_have_url(re.compile("//[^/]+/account$"))
    elsewhere = arrive(server)
    elsewhere.sign_in(ADA)
    expect_heading(elsewhere, "Enter the code of your app")


def test_a_name_that_nobody_has_is_asked_for_the_same(server: LiveServer, arrive: Arrive, clock: ManualClock) -> None:
    person_of(server, clock)
    shown = []
    for name in (ADA, "eve@example.com"):
        visitor = arrive(server)
        visitor.open("/login")
        visitor.fill(identifier=name)
        visitor.press("Continue")
        pages = [visitor.page.get_by_role("main").inner_text()]
        visitor.press("A link and a code by e-mail")
        pages.append(visitor.page.get_by_role("main").inner_text())
        visitor.open("/recover")
        visitor.press("Send the message")
        pages.append(visitor.page.get_by_role("main").inner_text())
        shown.append([page.replace(name, "NAME") for page in pages])
    assert shown[0] == shown[1]


def test_the_mailed_link_signs_in_here_after_a_scanner_has_looked_and_in_no_other_browser(
    server: LiveServer, arrive: Arrive, clock: ManualClock
) -> None:
    person_of(server, clock)
    ada, eve = arrive(server), arrive(server)
    ada.open("/login")
    ada.fill(identifier=ADA)
    ada.press("Continue")
    ada.press("A link and a code by e-mail")
    expect(ada.page.get_by_role("main")).to_contain_text(ADA)
    _, link = ada.mailed()
    for _ in range(2):
        assert httpx.get(link).status_code == 200, "a scanner of mails follows every link"
    eve.open(link)
    expect(eve.page.get_by_role("main")).to_contain_text("another browser")
    expect(eve.page.get_by_role("main").get_by_role("button")).to_have_count(0)
    ada.open(link)
    ada.press("Sign in")
    expect(ada.page).to_have_url(re.compile("//[^/]+/account$"))
    assert eve.open(link) == 400, "used"


def test_a_forgotten_password_is_replaced_from_another_browser_with_the_second_factor(
    server: LiveServer, arrive: Arrive, clock: ManualClock
) -> None:
    _, app = person_with_app(server, clock)
    ada, telephone = arrive(server), arrive(server)
    ada.open("/login")
    ada.fill(identifier=ADA)
    ada.press("Continue")
    ada.press("Forgot your password?")
    expect(ada.page.get_by_label("E-mail address or username")).to_have_value(ADA)
    clock.advance(MINUTE)
    ada.press("Send the message")
    _, link = ada.mailed()
    telephone.open(link)
    telephone.press("Go on")
    telephone.fill(code=app.code())
    telephone.press("Go on")
    telephone.fill(password="short")
    telephone.press("Save the new password")
    expect(telephone.page.get_by_label("New password", exact=True)).to_have_attribute("aria-invalid", "true")
    telephone.fill(password="eight quiet lanterns")
    telephone.press("Save the new password")
    expect(telephone.page.get_by_role("status")).to_contain_text("Your password is changed.")
    clock.advance(MINUTE)
    telephone.sign_in(ADA, "eight quiet lanterns")
    telephone.fill(code=app.code())
    telephone.press("Sign in")
    expect(telephone.page).to_have_url(re.compile("//[^/]+/account$"))


def test_who_used_a_recovery_code_is_told_how_many_are_left_and_goes_on(
    server: LiveServer, arrive: Arrive, clock: ManualClock
) -> None:
    person, _ = person_with_app(server, clock)
    code = server.call(new_recovery_codes(person))[0]
    ada = arrive(server)
    ada.open("/login?next=/account/email")
    ada.prove(ADA)
    ada.press("A recovery code")
    ada.fill(code=code)
    ada.press("Sign in")
    expect(ada.page.get_by_role("main")).to_contain_text("9 are left")
    ada.press("Continue")
    expect(ada.page).to_have_url(re.compile("//[^/]+/account/email$"))


def test_a_step_up_survives_a_reload_and_another_way_and_leads_back(
    server: LiveServer, arrive: Arrive, clock: ManualClock
) -> None:
    _, app = person_with_app(server, clock)
    ada = arrive(server)
    ada.sign_in(ADA)
    ada.fill(code=app.code())
    ada.press("Sign in")
    clock.advance(MINUTE)
    ada.open("/step-up?next=/account/email%3Fa%3D1&level=aal2")
    flow = ada.cookies()["ostiary_flow"]
    ada.page.reload()
    assert ada.cookies()["ostiary_flow"] == flow
    expect_heading(ada, "Confirm that it is you")
    ada.fill(code=app.wrong())
    ada.press("Go on")
    expect(ada.page.get_by_label("Code", exact=True)).to_have_attribute("aria-invalid", "true")
    ada.fill(code=app.code())
    ada.press("Go on")
    expect(ada.page).to_have_url(re.compile(r"/account/email\?a=1$"))


def test_nobody_signed_in_is_sent_from_the_step_up_to_the_sign_in(server: LiveServer, arrive: Arrive) -> None:
    visitor = arrive(server)
    visitor.open("/step-up?next=/account/email")
    expect(visitor.page).to_have_url(re.compile("//[^/]+/login\\?next=%2Faccount%2Femail$"))


def test_what_takes_too_long_begins_again_and_says_so(server: LiveServer, arrive: Arrive, clock: ManualClock) -> None:
    person_of(server, clock)
    ada = arrive(server)
    ada.open("/login?next=/account/email")
    ada.fill(identifier=ADA)
    ada.press("Continue")
    clock.advance(11 * MINUTE)
    ada.fill(password=PASSWORD)
    ada.press("Sign in")
    expect(ada.page.get_by_role("status")).to_contain_text("That took too long")
    ada.prove(ADA)
    expect(ada.page).to_have_url(re.compile("//[^/]+/account/email$"))


def test_the_policy_has_an_app_added_within_the_sign_in(
    new_server: NewServer, arrive: Arrive, clock: ManualClock
) -> None:
    server = new_server(sign_in__policy="two_factors", sign_in__email=False)
    person_of(server, clock)
    ada = arrive(server, java_script_enabled=False)
    ada.sign_in(ADA)
    expect_heading(ada, "Protect your account")
    ada.press("Set up an app")
    expect(ada.page.get_by_role("img", name="QR code for an authenticator app")).to_be_visible()
    ada.page.get_by_text("I cannot scan it").click()
    app = App(_secret(ada.page.locator("code.secret").inner_text()), clock)
    ada.fill(code=app.wrong())
    ada.press("Add the app and go on")
    expect(ada.page.get_by_label("Code from the app")).to_have_attribute("aria-invalid", "true")
    ada.fill(code=app.code())
    ada.press("Add the app and go on")
    expect(ada.page).to_have_url(re.compile("//[^/]+/account$"))


def test_the_policy_has_a_passkey_made_which_then_signs_in_without_a_name(
    new_server: NewServer, arrive: Arrive
) -> None:
    server = new_server(sign_in__policy="phishing_resistant", sign_in__email=False)
    ada = arrive(server)
    key = VirtualAuthenticator(ada.page)
    sign_up_with_passkey(ada)
    assert len(key.credentials) == 1
    # Else the virtual person takes what the field offers before anybody presses.
    ada.page.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false")
    ada.page.get_by_role("button", name="Sign out", exact=True).click()
    ada.page.get_by_label("Stay signed in on this device").check()
    ada.press("Sign in with a passkey")
    expect(ada.page).to_have_url(re.compile("//[^/]+/account$"))
    (session,) = (cookie for cookie in ada.context.cookies() if cookie["name"] == "ostiary_session")
    assert session["expires"] > 0, "stays signed in"


def test_the_field_of_the_name_offers_passkeys_and_one_that_is_gone_is_told(
    new_server: NewServer, arrive: Arrive
) -> None:
    server = new_server(sign_in__policy="phishing_resistant", sign_in__email=False)
    ada = arrive(server)
    VirtualAuthenticator(ada.page)
    sign_up_with_passkey(ada)
    ada.context.clear_cookies()
    ada.open("/login")  # nothing is pressed here
    expect(ada.page).to_have_url(re.compile("//[^/]+/account$"))
    server.call(_lose_every_credential(server))
    ada.context.clear_cookies()
    ada.open("/login")
    expect(ada.page.get_by_role("alert").first).to_contain_text("This passkey is not known here.")
    expect(ada.page.locator("[data-signal-unknown]")).to_have_count(1)


def sign_up_with_passkey(ada: Visitor) -> None:
    """The policy asks for it as soon as the address is proved."""
    ada.register(ADA)
    ada.fill(code=ada.mailed()[0])
    ada.press("Continue")
    expect_heading(ada, "Protect your account")
    ada.press("Create a passkey")
    expect(ada.page).to_have_url(re.compile("//[^/]+/account$"))


async def _lose_every_credential(server: LiveServer) -> None:
    async with server.ostiary.use.db.transaction() as tx:
        await tx.execute("DELETE FROM credentials")


def _secret(text: str) -> bytes:
    return base64.b32decode(text.replace(" ", ""))
