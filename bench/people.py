"""An account to sign in with, made before the server starts."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bench.installation import PASSWORD
from ostiary.accounts import AccountCreate
from ostiary.app import Ostiary
from ostiary.settings import dev_settings


def create_person(folder: Path) -> None:
    """One active account with a password in the data folder of ``ostiary dev``."""
    asyncio.run(_create(folder))


async def _create(folder: Path) -> None:
    async with await Ostiary.open(dev_settings(folder), migrate_first=True) as ostiary:
        account = AccountCreate(email="ada@example.com", password=PASSWORD)
        await ostiary.use.account_administration.create(ostiary.operator(), account)
