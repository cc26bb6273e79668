"""`ostiary outbox`: mail and SMS that are not sent, or not yet."""

from __future__ import annotations

import asyncio

from ostiary.app import Ostiary
from ostiary.base.clock import MINUTE
from ostiary.settings import dev_settings
from tests.cli.conftest import CommandLine


async def _write_an_sms(line: CommandLine) -> None:
    opened = await Ostiary.open(dev_settings(line.data), migrate_first=True)
    async with opened as ostiary, ostiary.use.db.transaction() as tx:
        await ostiary.use.mailer.send_sms(tx, "code", to="+491701234567", valid_for=10 * MINUTE, code="493817")


def test_an_sms_is_shown_with_its_number_and_text(line: CommandLine) -> None:
    asyncio.run(_write_an_sms(line))
    shown = line("outbox")
    assert shown.returncode == 0
    assert "to +491701234567: SMS\n" in shown.stdout
    assert "    493817 is your code for Ostiary" in shown.stdout
    [found] = line.ok("outbox")["items"]
    assert (found["kind"], found["to"], found["subject"], found["html"]) == ("sms", "+491701234567", "", "")
