"""Each test of this folder is one on what every store of sessions does, and runs on each of them."""

from __future__ import annotations

import pytest

from ostiary.app import Ostiary
from tests.conftest import OpenInstallation


@pytest.fixture
async def ostiary(installation: OpenInstallation) -> Ostiary:
    """An installation in this process, once on each store, whose time is ``clock``."""
    return await installation()
