"""Take the pictures of this folder anew, of a running Ostiary: `.venv/bin/python docs/images/make.py`.

Needs Chromium; OSTIARY_TEST_CHROMIUM says where, if it is not on PATH.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).parent
CHROMIUM = os.environ.get("OSTIARY_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@contextmanager
def ostiary(folder: str) -> Iterator[dict[str, str]]:
    """`ostiary dev` over an empty folder, and what it announces."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("ostiary")
    command = [str(program), "--json", "--data", folder, "dev", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()


def take(browser: Browser, places: dict[str, str]) -> None:
    page = browser.new_page(viewport={"width": 900, "height": 620})
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.goto(places["sign_in"])
        page.screenshot(path=HERE / f"sign-in-{scheme}.png")
    page.emulate_media(color_scheme="light")
    page.goto(places["first_administrator"])
    page.get_by_label("E-mail address").fill("ada@example.com")
    page.get_by_label("Name (optional)", exact=True).fill("Ada Lovelace")
    page.get_by_label("Password", exact=True).fill("seven quiet lanterns")
    page.get_by_role("button", name="Make the administrator").click()
    page.get_by_role("heading", name="Your account").wait_for()
    page.screenshot(path=HERE / "account.png", full_page=True)


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        ostiary(folder) as places,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]) as browser,
    ):
        take(browser, places)


if __name__ == "__main__":
    main()
