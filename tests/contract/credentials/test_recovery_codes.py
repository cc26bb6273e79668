"""Recovery codes on each database: ten, shown once, each good once, taken as people type them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import msgspec
import pytest

from ostiary.base.tokens import digest
from ostiary.credentials.face import Enrolled, Holder, Proof
from ostiary.credentials.recovery_code import COUNT, FEW, RecoveryCodeAnswer, RecoveryCodes
from ostiary.crypto import derive_key
from ostiary.database import Database
from tests.support.installation import KEY
from tests.support.time import ManualClock

MANY = 100


class Row(msgspec.Struct):
    code_hash: bytes


@pytest.fixture
def recovery_codes(database: Database) -> RecoveryCodes:
    return RecoveryCodes(database, derive_key(bytes.fromhex(KEY), "recovery codes"))


async def new_codes(db: Database, recovery_codes: RecoveryCodes, holder: Holder, now: int) -> list[str]:
    async with db.transaction() as tx:
        return await recovery_codes.regenerate(tx, holder, now)


async def shown(recovery_codes: RecoveryCodes, holder: Holder | None, code: str) -> Proof | None:
    return await recovery_codes.verify(holder, RecoveryCodeAnswer(code), b"", 7)


async def test_ten_codes_of_50_bits_without_look_alikes(
    database: Database, recovery_codes: RecoveryCodes, holder: Holder, clock: ManualClock
) -> None:
    codes = await new_codes(database, recovery_codes, holder, clock())
    assert len(set(codes)) == COUNT == 10
    assert all(re.fullmatch("[0-9abcdefghjkmnpqrstvwxyz]{5}-[0-9abcdefghjkmnpqrstvwxyz]{5}", code) for code in codes)


async def test_each_code_proves_possession_once(
    database: Database, recovery_codes: RecoveryCodes, holder: Holder, clock: ManualClock
) -> None:
    codes = await new_codes(database, recovery_codes, holder, clock())
    for number, code in enumerate(codes, 1):
        assert await shown(recovery_codes, holder, code) == Proof("recovery_code", ("possession",), ("otp",), 7)
        assert await shown(recovery_codes, holder, code) is None
        assert await recovery_codes.left(holder.account_id) == COUNT - number


async def test_of_100_parallel_uses_of_one_code_one_wins(
    database: Database, recovery_codes: RecoveryCodes, holder: Holder, clock: ManualClock
) -> None:
    codes = await new_codes(database, recovery_codes, holder, clock())
    tries = await asyncio.gather(*(shown(recovery_codes, holder, codes[0]) for _ in range(MANY)))
    assert sum(proof is not None for proof in tries) == 1
    assert await recovery_codes.left(holder.account_id) == COUNT - 1


async def test_the_owner_is_told_how_many_are_left_and_when_that_is_few(
    database: Database, recovery_codes: RecoveryCodes, holder: Holder, clock: ManualClock
) -> None:
    assert await recovery_codes.describe(holder) == []
    codes = await new_codes(database, recovery_codes, holder, clock())
    for left in range(COUNT, 0, -1):
        details = {"left": left, "few": left <= FEW}
        described = Enrolled("recovery_code", "recovery_code", "Recovery codes", clock(), None, details=details)
        assert await recovery_codes.describe(holder) == [described]
        await shown(recovery_codes, holder, codes[left - 1])
    assert await recovery_codes.describe(holder) == []


async def test_a_new_set_ends_the_old_one(
    database: Database, recovery_codes: RecoveryCodes, holder: Holder, clock: ManualClock
) -> None:
    old = await new_codes(database, recovery_codes, holder, clock())
    new = await new_codes(database, recovery_codes, holder, clock())
    assert [await shown(recovery_codes, holder, code) for code in old] == [None] * COUNT
    assert None not in [await shown(recovery_codes, holder, code) for code in new]


async def test_of_sets_that_are_made_at_once_one_is_left(
    database: Database, recovery_codes: RecoveryCodes, holder: Holder, clock: ManualClock
) -> None:
    sets = await asyncio.gather(*(new_codes(database, recovery_codes, holder, clock()) for _ in range(10)))
    assert await recovery_codes.left(holder.account_id) == COUNT
    good = [[await shown(recovery_codes, holder, code) is not None for code in codes] for codes in sets]
    assert sorted(map(sum, good)) == [0] * 9 + [COUNT]


@pytest.mark.parametrize("change", ["upper", "bare", "spaced", "dashed", "look_alikes", "full_width"])
async def test_a_code_is_taken_as_people_type_it(
    database: Database, recovery_codes: RecoveryCodes, holder: Holder, clock: ManualClock, change: str
) -> None:
    full_width = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
    changes: dict[str, Callable[[str], str]] = {
        "upper": str.upper,
        "bare": lambda code: code.replace("-", ""),
        "spaced": lambda code: f" {code[:3]} {code[3:]}\t\n",
        "dashed": lambda code: code.replace("-", "\u2014"),
        "look_alikes": lambda code: code.replace("0", "O").replace("1", "l").upper().replace("1", "I"),
        "full_width": lambda code: code.translate(full_width),
    }
    for code in await new_codes(database, recovery_codes, holder, clock()):
        assert await shown(recovery_codes, holder, changes[change](code)) is not None, code


WRONG = ["", "-", "abcde", "abcde-fghj", "abcde-fghjk-m", "abcde-fghj!", "\ud800" * 10, "\u0130" * 5, "a" * 1_000_000]


@pytest.mark.parametrize("typed", WRONG, ids=lambda typed: ascii(typed[:20]))
async def test_what_is_no_code_is_a_wrong_one(
    database: Database, recovery_codes: RecoveryCodes, holder: Holder, clock: ManualClock, typed: str
) -> None:
    await new_codes(database, recovery_codes, holder, clock())
    assert await shown(recovery_codes, holder, typed) is None


async def test_a_code_is_of_no_use_at_another_account(
    database: Database, recovery_codes: RecoveryCodes, holder: Holder, stranger: Holder, clock: ManualClock
) -> None:
    codes = await new_codes(database, recovery_codes, holder, clock())
    assert await shown(recovery_codes, stranger, codes[0]) is None
    assert await shown(recovery_codes, None, codes[0]) is None
    # Not even where somebody can write into the table.
    async with database.transaction() as tx:
        await tx.execute(
            "INSERT INTO recovery_codes (account_id, code_hash, created_at)"
            " SELECT :stranger, code_hash, created_at FROM recovery_codes WHERE account_id = :holder",
            stranger=stranger.account_id,
            holder=holder.account_id,
        )
    assert await shown(recovery_codes, stranger, codes[0]) is None


async def test_from_the_table_alone_no_code_can_be_guessed(
    database: Database, recovery_codes: RecoveryCodes, holder: Holder, clock: ManualClock
) -> None:
    """Fifty bits are too few for a hash without a key."""
    codes = await new_codes(database, recovery_codes, holder, clock())
    bare = codes[0].replace("-", "")
    stored = {row.code_hash for row in await database.fetch_all(Row, "SELECT code_hash FROM recovery_codes")}
    assert len(stored) == COUNT
    assert not {digest(text) for text in (codes[0], bare, f"{holder.account_id}:{bare}")} & stored
    assert await shown(RecoveryCodes(database, b"\x00" * 32), holder, codes[0]) is None
