"""The example shop as a visitor, a shopkeeper and a program find it: in its own process, with a real browser."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

ROOT = Path(__file__).parents[2]
PASSWORD = "seven quiet lanterns"


@dataclass
class Shop:
    """The running shop: where it is, where its data are, and what it said when it opened."""

    url: str
    data: Path
    said: str

    def ostiary(self, *arguments: str) -> None:
        """What the shop's owner does at the command line."""
        program = Path(sys.executable).with_name("ostiary")
        subprocess.run([program, "--data", self.data, *arguments], check=True, capture_output=True, timeout=60)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    data = tmp_path / "shop"
    process = subprocess.Popen(
        [sys.executable, "-m", "examples.shop"],
        cwd=ROOT,
        env=os.environ | {"SHOP_PORT": str(port), "SHOP_DATA": str(data)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        said = "".join(iter(process.stdout.readline, "Press Ctrl-C to close it.\n"))
        assert "is open at" in said, "the shop did not open"
        yield Shop(f"http://localhost:{port}", data, said)
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode in (0, -15)


def sign_up(page: Page, shop: Shop, email: str) -> None:
    """From the shop's door to an account: the form, the mail in the outbox, its code; and back in the shop."""
    page.goto(shop.url)
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Name (optional)", exact=True).fill("Ada")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create the account").click()
    expect(page).to_have_url(re.compile("//[^/]+/auth/verify"))
    outbox = page.context.new_page()
    outbox.goto(f"{shop.url}/auth/dev/outbox")
    code = outbox.locator("code.code").first.inner_text()
    outbox.close()
    page.get_by_label(re.compile("code", re.IGNORECASE)).fill(code)
    page.get_by_role("button", name=re.compile("Confirm|Verify|Continue")).click()
    expect(page).to_have_url(f"{shop.url}/")


def test_a_visitor_signs_up_fills_a_cart_orders_and_signs_out(shop: Shop, browser: Browser) -> None:
    page = browser.new_context().new_page()
    sign_up(page, shop, "ada@example.com")
    add = page.get_by_role("button", name="Add Storm lantern to the cart")
    add.click()
    add.click()
    page.reload()
    page.get_by_role("link", name="Cart 2").click()
    page.reload()
    row = page.get_by_role("row", name="Storm lantern")
    expect(row).to_contain_text("€ 98.00")
    page.get_by_role("button", name="Order now").click()
    expect(page.get_by_role("row", name=re.compile("2 . Storm lantern"))).to_be_visible()
    expect(page.get_by_role("link", name="Cart 0")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{shop.url}/")
    expect(page.get_by_role("link", name="Sign in", exact=True)).to_be_visible()


def test_the_cart_of_a_visitor_is_kept_at_sign_in(shop: Shop, browser: Browser) -> None:
    sign_up(browser.new_context().new_page(), shop, "ada@example.com")
    context = browser.new_context()
    page, other_tab = context.new_page(), context.new_page()
    for tab in (page, other_tab):
        tab.goto(shop.url)  # both before there is a session
    page.get_by_role("button", name="Add Storm lantern to the cart").click()
    expect(page.get_by_role("link", name="Cart 1")).to_be_visible()
    other_tab.get_by_role("button", name="Add Paper moon to the cart").click()
    other_tab.get_by_role("link", name="Cart 2").click()
    expect(other_tab.get_by_role("button", name="Order now")).to_have_count(0)
    before = {cookie["name"]: cookie["value"] for cookie in context.cookies()}["ostiary_session"]
    other_tab.get_by_role("link", name="Sign in to order").click()
    other_tab.get_by_label("E-mail address or username").fill("ada@example.com")
    other_tab.get_by_role("button", name="Continue").click()
    other_tab.get_by_label("Password", exact=True).fill(PASSWORD)
    other_tab.get_by_role("button", name="Sign in").click()
    expect(other_tab).to_have_url(f"{shop.url}/cart")
    assert before not in [cookie["value"] for cookie in context.cookies()]
    other_tab.get_by_role("button", name="Order now").click()
    expect(other_tab.get_by_role("row", name=re.compile("1 . Storm lantern, 1 . Paper moon"))).to_be_visible()


def test_a_page_that_needs_a_sign_in_is_reached_after_it(shop: Shop, browser: Browser) -> None:
    sign_up(browser.new_context().new_page(), shop, "ada@example.com")
    page = browser.new_context().new_page()
    page.goto(f"{shop.url}/orders")
    page.get_by_label("E-mail address or username").fill("ada@example.com")
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{shop.url}/orders")
    expect(page.get_by_role("heading", name="Your orders")).to_be_visible()


def test_the_admin_page_opens_with_the_role_and_not_before(shop: Shop, browser: Browser) -> None:
    page = browser.new_context().new_page()
    sign_up(page, shop, "ada@example.com")
    refused = page.goto(f"{shop.url}/admin")
    assert refused is not None
    assert refused.status == 403
    expect(page.get_by_text("products.update")).to_be_visible()
    shop.ostiary("roles", "assign", "ada@example.com", "shopkeeper")
    page.goto(shop.url)
    page.get_by_role("link", name="Shopkeeper").click()
    page.get_by_label("Price of Storm lantern in euros").fill("51.50")
    page.get_by_role("button", name="Save the price of Storm lantern").click()
    page.goto(shop.url)
    expect(page.get_by_text("€ 51.50")).to_be_visible()


def test_behind_the_counter_who_signed_in_long_ago_proves_it_once_more_and_comes_back(
    shop: Shop, browser: Browser
) -> None:
    page = browser.new_context().new_page()
    sign_up(page, shop, "ada@example.com")
    shop.ostiary("roles", "assign", "ada@example.com", "shopkeeper")
    page.goto(f"{shop.url}/admin")
    page.get_by_label("Price of Storm lantern in euros").fill("51.50")
    with sqlite3.connect(shop.data / "ostiary.db", timeout=30) as database:  # the session is an hour older
        database.execute("UPDATE sessions SET authenticated_at = authenticated_at - 3600000")
    page.get_by_role("button", name="Save the price of Storm lantern").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Confirm that it is you")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page).to_have_url(f"{shop.url}/admin")
    page.get_by_label("Price of Storm lantern in euros").fill("51.50")
    page.get_by_role("button", name="Save the price of Storm lantern").click()
    page.goto(shop.url)
    expect(page.get_by_text("€ 51.50")).to_be_visible()


def test_a_policy_that_wants_a_fresh_proof_leads_through_it_and_back(shop: Shop, browser: Browser) -> None:
    page = browser.new_context().new_page()
    sign_up(page, shop, "ada@example.com")
    shop.ostiary("roles", "assign", "ada@example.com", "shopkeeper")
    fresh = ["policies", "set", "fresh", "deny", "--action", "update", "--resource", "products"]
    shop.ostiary(*fresh, "--when", "context.age > 600")
    opened = page.goto(f"{shop.url}/admin")
    assert opened is not None
    assert opened.status == 200
    with sqlite3.connect(shop.data / "ostiary.db", timeout=30) as database:  # the session is an hour older
        database.execute("UPDATE sessions SET authenticated_at = authenticated_at - 3600000")
    page.goto(f"{shop.url}/admin")
    expect(page.get_by_role("heading", level=1)).to_have_text("Confirm that it is you")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page).to_have_url(f"{shop.url}/admin")
    expect(page.get_by_label("Price of Storm lantern in euros")).to_be_visible()
    shop.ostiary("policies", "set", "fresh", "deny", "--action", "update", "--resource", "products", "--when", "true")
    refused = page.goto(f"{shop.url}/admin")  # no proof helps: told so, and led nowhere
    assert refused is not None
    assert refused.status == 403


def test_every_page_fits_a_phone(shop: Shop, browser: Browser) -> None:
    page = browser.new_context(viewport={"width": 360, "height": 740}).new_page()
    page.goto(shop.url)
    page.get_by_role("button", name="Add Harbour light to the cart").click()
    page.goto(f"{shop.url}/cart")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    sign_up(page, shop, "ada@example.com")
    shop.ostiary("roles", "assign", "ada@example.com", "shopkeeper")
    for path in ("/", "/cart", "/orders", "/admin", "/auth/account"):
        page.goto(shop.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") == 360, path


def test_a_program_orders_with_a_bearer_token(shop: Shop) -> None:
    email = "ada@example.com"
    with httpx.Client(base_url=shop.url) as client:
        registered = client.post(
            "/auth/api/auth/register", json={"email": email, "password": PASSWORD, "delivery": "token"}
        ).json()
        code = re.search(r'<code class="code"[^>]*>(\d{6})', client.get("/auth/dev/outbox").text)
        assert code is not None
        verified = client.post("/auth/api/auth/verify", json={"flow": registered["flow"], "code": code.group(1)})
        client.cookies.clear()
        assert client.get("/api/orders").status_code == 401
        assert client.post("/api/orders", json={"items": {"storm": 1}}).status_code == 401
        client.headers["Authorization"] = f"Bearer {verified.json()['access_token']}"
        placed = client.post("/api/orders", json={"items": {"storm": 2, "taper": 1}})
        assert (placed.status_code, placed.json()["cents"]) == (201, 2 * 4900 + 2400)
        assert client.get("/api/orders").json() == [placed.json()]
        price = {"cents": 2500}
        refused = client.patch("/api/products/taper", json=price)
        assert (refused.status_code, refused.json()["permission"]) == (403, "products.update")
        shop.ostiary("roles", "assign", email, "shopkeeper")
        assert client.patch("/api/products/taper", json=price).json()["cents"] == 2500
        malformed: list[dict[str, object]] = [
            {},
            {"items": {}},
            {"items": {"storm": 0}},
            {"items": {"storm": "two"}},
            {"items": {"sun": 1}},
        ]
        for wrong in malformed:
            assert client.post("/api/orders", json=wrong).status_code in (404, 422), wrong


def test_it_says_where_to_begin(shop: Shop) -> None:
    link = re.search(rf"First administrator +({shop.url}/auth/setup\?token=\S+)", shop.said)
    assert link is not None
    for address in (link.group(1), f"{shop.url}/auth/register", f"{shop.url}/auth/dev/outbox", f"{shop.url}/docs"):
        assert address in shop.said
        assert httpx.get(address).status_code == 200
