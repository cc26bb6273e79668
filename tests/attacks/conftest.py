"""Attacks that never get as far as the database are tried on one kind of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from ostiary.app import Ostiary
from tests.support.installation import new_client, settings_for_test
from tests.support.time import ManualClock


@pytest.fixture
async def sqlite(sqlite_url: str, clock: ManualClock) -> AsyncIterator[Ostiary]:
    """The fixture ``ostiary``, on SQLite only."""
    async with await Ostiary.open(settings_for_test(sqlite_url), clock=clock, migrate_first=True) as opened:
        yield opened


@pytest.fixture
async def stranger(sqlite: Ostiary) -> AsyncIterator[httpx.AsyncClient]:
    """A client of ``sqlite`` that nobody has signed in with."""
    async with new_client(sqlite) as opened:
        yield opened
