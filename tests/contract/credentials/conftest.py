"""Accounts whose credentials are tried, and what credentials are made of."""

from __future__ import annotations

import pytest

from ostiary.accounts import AccountStore
from ostiary.base.email import parse_email
from ostiary.credentials.face import Holder
from ostiary.credentials.store import CredentialStore
from ostiary.crypto import Sealer
from ostiary.database import Database
from tests.support.installation import KEY
from tests.support.time import ManualClock


async def new_holder(db: Database, now: int, address: str = "ada@example.com") -> Holder:
    """An account with a proved address."""
    email = parse_email(address)
    async with db.transaction() as tx:
        account = await AccountStore(db).insert(
            tx, now, status="active", email=email.address, email_key=email.key, email_verified=True
        )
    assert account is not None
    return Holder(account.id, email.address, email.address)


@pytest.fixture
async def holder(database: Database, clock: ManualClock) -> Holder:
    return await new_holder(database, clock())


@pytest.fixture
async def stranger(database: Database, clock: ManualClock) -> Holder:
    """Somebody else."""
    return await new_holder(database, clock(), "eve@example.com")


@pytest.fixture
def store(database: Database) -> CredentialStore:
    return CredentialStore(database)


@pytest.fixture
def sealer() -> Sealer:
    return Sealer(bytes.fromhex(KEY))
