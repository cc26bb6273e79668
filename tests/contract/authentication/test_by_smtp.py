"""From a registration over HTTP to a mail that a real SMTP server takes, to an account by the link in it."""

from __future__ import annotations

import asyncio
import re

from ostiary.app import Ostiary
from tests.contract.notify.postbox import Postbox, serve
from tests.support.installation import PASSWORD, new_client, settings_for_test

EMAIL = "ada@example.com"


async def _delivered(ostiary: Ostiary) -> None:
    """Wait until nothing waits for delivery: a mail that was taken is not kept, since it holds a code."""
    async with asyncio.timeout(20):
        while await ostiary.use.db.fetch_value("SELECT COUNT(*) FROM messages"):  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)


async def test_a_registration_is_mailed_at_once_and_its_link_verifies(database_url: str) -> None:
    async with serve(Postbox()) as postbox:
        settings = settings_for_test(
            database_url,
            "https://example.org/auth",
            dev=False,
            mail__sender="smtp",
            mail__host="127.0.0.1",
            mail__port=postbox.port,
            mail__security="none",
            mail__from_address="doors@example.org",
        )
        async with await Ostiary.open(settings, migrate_first=True) as ostiary:
            await ostiary.start()
            client = new_client(ostiary)
            begun = await client.post("/api/auth/register", json={"email": EMAIL, "password": PASSWORD})
            await _delivered(ostiary)
            (mail,) = postbox.received
            assert (mail.recipients, mail.message["From"]) == ([EMAIL], "Ostiary <doors@example.org>")
            text = mail.message.get_body(("plain",))
            assert text is not None
            link = re.search(r"https://example\.org/auth/verify\?token=([\w-]{43})\s", text.get_content())
            assert link is not None
            page = await client.get(link.group().strip())
            assert (page.status_code, "/auth/verify" in page.text) == (200, True)
            proof = {"flow": begun.json()["flow"], "token": link.group(1)}
            assert (await client.post("/api/auth/verify", json=proof)).json()["status"] == "complete"
            assert (await client.get("/api/auth/me")).json()["account"]["email"] == EMAIL
