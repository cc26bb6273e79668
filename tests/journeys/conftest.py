"""Journeys share a browser, never what it remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Visitor, chromium
from tests.support.installation import LiveServer

NewVisitor = Callable[..., Visitor]


@pytest.fixture(scope="module")
def browser(chromium_path: Path) -> Iterator[Browser]:
    """One for a module, not for the run: Playwright's loop would be in the way of the suite's asynchronous tests."""
    with chromium(chromium_path) as opened:
        yield opened


@pytest.fixture
def new_visitor(browser: Browser, live_server: LiveServer) -> Iterator[NewVisitor]:
    """Makes visitors of ``live_server``. The test fails when the browser of any of them complained."""
    visitors: list[Visitor] = []

    def arrive(**options: Any) -> Visitor:
        visitors.append(Visitor(browser, live_server.url, **options))
        return visitors[-1]

    yield arrive
    for visitor in visitors:
        visitor.close()
    assert [complaint for visitor in visitors for complaint in visitor.complaints] == []


@pytest.fixture
def visitor(new_visitor: NewVisitor) -> Visitor:
    return new_visitor()
