"""An account to sign in with, made before the server starts."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bench.installation import PASSWORD
from ostiary.accounts import AccountCreate
from ostiary.app import Ostiary
from ostiary.settings import Settings, dev_settings

EMAIL = "ada@example.com"


def create_person(folder: Path) -> None:
    """One active account with a password in the data folder of ``ostiary dev``."""
    create_person_with(dev_settings(folder))


def create_person_with(settings: Settings) -> None:
    """One active account with a password."""
    asyncio.run(_create(settings))


async def _create(settings: Settings) -> None:
    async with await Ostiary.open(settings, migrate_first=True) as ostiary:
        account = AccountCreate(email=EMAIL, password=PASSWORD)
        await ostiary.use.account_administration.create(ostiary.operator(), account)
