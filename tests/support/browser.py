"""The system's Chromium, and whoever sits before it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.support.https import Authority
from tests.support.installation import PASSWORD

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def chromium(path: Path) -> Iterator[Browser]:
    """A browser without windows, for as long as the block runs."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def unguarded_chromium(path: Path, profile: Path, authority: Authority, hosts: list[str]) -> Iterator[Browser]:
    """A browser that finds ``hosts`` on this machine, trusts ``authority``, and takes third-party cookies.

    Chromium keeps those from windows that remember nothing, such as every test has, but not from others; a page that
    is safe only thanks to that is not safe.

    Args:
        profile: an empty folder.
    """
    (profile / "Default").mkdir()
    (profile / "Default" / "Preferences").write_text(json.dumps({"profile": {"cookie_controls_mode": 0}}))
    rules = ", ".join(f"MAP {host} 127.0.0.1" for host in hosts)
    arguments = [
        *ARGUMENTS,
        f"--ignore-certificate-errors-spki-list={authority.spki}",
        f"--host-resolver-rules={rules}",
    ]
    with sync_playwright() as playwright:
        first = playwright.chromium.launch_persistent_context(profile, executable_path=path, args=arguments)
        assert first.browser is not None
        yield first.browser
        first.close()


class Visitor:
    """Somebody with a browser of their own: cookies that no other visitor has, and one page.

    ``complaints`` collects what the browser has to say against the pages: script errors, violations of the content
    security policy, what could not be loaded.
    """

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.context = browser.new_context(base_url=url, **options)
        self.context.set_default_timeout(10_000)
        self.complaints: list[str] = []
        self.context.on("console", self._heard)
        self.context.on("weberror", lambda failed: self.complaints.append(str(failed.error)))
        self.page: Page = self.context.new_page()

    def open(self, path: str) -> int:
        """Go to a page; returns its status."""
        response = self.page.goto(path)
        assert response is not None
        return response.status

    def fill(self, **fields: str) -> None:
        """Type into inputs, by their names."""
        for name, text in fields.items():
            self.page.locator(f"main [name={name}]").fill(text)

    def press(self, label: str) -> None:
        """Press the button or follow the link of the page's main part that says ``label``, and be where it leads."""
        main = self.page.get_by_role("main")
        link = main.get_by_role("link", name=label, exact=True)
        with self.page.expect_navigation():
            main.get_by_role("button", name=label, exact=True).or_(link).click()

    def register(self, email: str, **fields: str) -> None:
        self.open("/register")
        self.fill(email=email, **{"password": PASSWORD, **fields})
        self.press("Create the account")

    def sign_in(self, identifier: str, password: str = PASSWORD) -> None:
        self.open("/login")
        self.prove(identifier, password)

    def prove(self, identifier: str, password: str = PASSWORD) -> None:
        """Sign in by name and password, from the page that asks for the name."""
        self.fill(identifier=identifier)
        self.press("Continue")
        self.fill(password=password)
        self.press("Sign in")

    def cookies(self) -> dict[str, str]:
        """Every cookie of this browser, those that no script sees included; of two with one name, one."""
        return {cookie["name"]: cookie["value"] for cookie in self.context.cookies()}

    @property
    def user_agent(self) -> str:
        """What this browser says that it is."""
        said: str = self.page.evaluate("navigator.userAgent")
        return said

    def mailed(self) -> tuple[str, str]:
        """The code and the link of the newest mail that has them, read on the outbox's page in another tab."""
        outbox = self.context.new_page()
        outbox.goto("/dev/outbox")
        letter = outbox.get_by_role("article").filter(has=outbox.locator("code")).first
        code, link = letter.locator("code").inner_text(), letter.get_by_role("link").inner_text()
        outbox.close()
        return code, link

    def close(self) -> None:
        self.context.close()

    def _heard(self, message: ConsoleMessage) -> None:
        # An answer of 4xx is what some journeys are after; a file of ours that is not there is not.
        refused = (
            "the server responded with a status of 4" in message.text and "/static/" not in message.location["url"]
        )
        if message.type in ("error", "warning") and not refused:
            self.complaints.append(message.text)
