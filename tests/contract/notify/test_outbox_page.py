"""What a developer sees of an SMS: on the page, and at the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ostiary.app import Ostiary
from ostiary.base.clock import MINUTE
from tests.support.installation import new_client, settings_for_test
from tests.support.time import ManualClock


@pytest.fixture
async def opened(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    settings = settings_for_test(sqlite_url, sms__sender="outbox")
    async with await Ostiary.open(settings, clock=clock, migrate_first=True) as installation:
        async with installation.use.db.transaction() as tx:
            await installation.use.mailer.send_sms(tx, "code", to="+491701234567", valid_for=10 * MINUTE, code="493817")
        yield installation


async def test_the_page_of_the_outbox_shows_an_sms_with_its_code(opened: Ostiary) -> None:
    page = (await new_client(opened).get("/dev/outbox")).text
    assert ">SMS</h2>" in page
    assert "To +491701234567" in page
    assert '<code class="code" data-copy>493817</code>' in page
    assert "@localhost #493817" in page
