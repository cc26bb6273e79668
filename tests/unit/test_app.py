"""Opening an installation: what is wrong is said in one line, before anything is served."""

from __future__ import annotations

from pathlib import Path

import pytest

from ostiary.app import Ostiary
from ostiary.errors import ConfigurationError
from tests.support.installation import settings_for_test


async def test_another_master_key_than_the_databases_is_named_as_the_fault(sqlite_url: str) -> None:
    async with await Ostiary.open(settings_for_test(sqlite_url), migrate_first=True):
        pass
    with pytest.raises(ConfigurationError, match="master_key: is not the one that sealed"):
        await Ostiary.open(settings_for_test(sqlite_url, master_key="5e" * 32))


async def test_no_master_key_is_named_as_the_fault(sqlite_url: str) -> None:
    with pytest.raises(ConfigurationError, match="master_key: is not set"):
        await Ostiary.open(settings_for_test(sqlite_url, master_key=None), migrate_first=True)


async def test_a_database_behind_its_migrations_is_not_opened(empty_sqlite_url: str) -> None:
    with pytest.raises(ConfigurationError, match="ostiary migrate"):
        await Ostiary.open(settings_for_test(empty_sqlite_url))


async def test_a_geoip_database_that_cannot_be_used_is_named_as_the_fault(sqlite_url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"geo\.database: .* is not there"):
        await Ostiary.open(settings_for_test(sqlite_url, geo__database=str(tmp_path / "no.mmdb")), migrate_first=True)
