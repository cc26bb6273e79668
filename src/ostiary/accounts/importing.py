"""Import of accounts from elsewhere, with the password hashes that they have there.

Batch by batch, each in one transaction: whatever ends an import, what is there is whole accounts. Asked again with the
same lines, it goes on: a line that has made an account before is skipped.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from typing import Literal

import msgspec

from ostiary.accounts.import_row import ImportRow, Refusal, Refused
from ostiary.accounts.import_store import Holder, ImportStore, Seen
from ostiary.audit import Event, record
from ostiary.authorization import Caller
from ostiary.base.clock import Clock
from ostiary.base.ids import id_from_bytes, new_id
from ostiary.credentials import Passwords
from ostiary.database import Database, Reader, Transaction
from ostiary.permissions import Permission

BATCH = 1000
_MARK_LENGTH = 16
_RANDOM_BITS = 80  # of an id; those above are its time

_END_OF_TIME = 2**48 - 1

Outcome = Literal["active", "pending", "disabled", "skipped"] | Refused
"""The status of the account that was made, or why none was."""

_Write = Callable[[Sequence["ImportLine"]], Awaitable[list[Outcome]]]


class ImportLine(msgspec.Struct, frozen=True):
    """A line of a file: the account in it, or why there is none."""

    number: int
    found: ImportRow | Refused


class RefusedLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the report. Nothing of the account is in it."""

    line: int
    code: Refusal
    detail: str
    field: str | None = None


class ImportSummary(msgspec.Struct, frozen=True):
    """What has become of the lines so far.

    Attributes:
        created: accounts that were made, or would be; ``pending`` of them wait for the proof of their address.
        skipped: lines that an earlier run had imported.
        reasons: how many lines were refused, by code.
    """

    dry_run: bool
    lines: int
    created: int
    pending: int
    skipped: int
    refused: int
    reasons: dict[str, int]


class AccountImport:
    """The use case.

    Args:
        key: keys the marks that are kept of lines. Without it somebody who has the database could try on a mark which
            password an account once had.
    """

    def __init__(self, db: Database, passwords: Passwords, key: bytes, clock: Clock) -> None:
        self._db = db
        self._passwords = passwords
        self._key = key
        self._clock = clock
        self._store = ImportStore()

    async def __call__(
        self,
        caller: Caller,
        lines: Iterable[ImportLine],
        *,
        source: str = "",
        batch: int = BATCH,
        dry_run: bool = False,
        report: Callable[[RefusedLine], None] = lambda refused: None,
        progress: Callable[[ImportSummary], None] = lambda so_far: None,
    ) -> ImportSummary:
        """Import accounts.

        Args:
            lines: read one batch at a time, in the caller's thread.
            source: what the audit log calls them, such as the name of a file.
            batch: lines to a transaction; for so long, nobody else writes on SQLite.
            dry_run: find out what would become of them, and write nothing.
            report: is told each line that is refused, in order, once its batch is written.
            progress: is told after each batch.

        Raises:
            Forbidden: the caller may not create accounts.
            ConfigurationError: a hash needs a package that is not installed.
            Unavailable: the database is; all but the batch under way is written, and the same call goes on with it.
        """
        await caller.require(Permission.ACCOUNTS_CREATE)
        since = self._clock()
        tally = _Tally(dry_run)
        async with self._writer(caller, source, since, dry_run=dry_run) as write:
            for chunk in _chunks(lines, batch):
                for line, outcome in zip(chunk, await write(chunk), strict=True):
                    tally.count(outcome)
                    if isinstance(outcome, Refused):
                        report(RefusedLine(line.number, outcome.code, outcome.detail, outcome.field))
                progress(tally.summary())
        return tally.summary()

    @asynccontextmanager
    async def _writer(self, caller: Caller, source: str, since: int, *, dry_run: bool) -> AsyncIterator[_Write]:
        if not dry_run:
            yield lambda chunk: self._write(caller, source, since, chunk)
            return
        async with Seen.open() as seen:
            yield lambda chunk: self._rehearse(seen, chunk)

    async def _write(self, caller: Caller, source: str, since: int, chunk: Sequence[ImportLine]) -> list[Outcome]:
        now = self._clock()
        async with self._db.transaction() as tx:
            await tx.bump("authorization")  # before the accounts, like everybody
            outcomes = [await self._write_one(tx, line.found, since, now) for line in chunk]
            created = sum(_made(outcome) for outcome in outcomes)
            if created:
                await record(
                    tx,
                    now,
                    Event.ACCOUNTS_IMPORTED,
                    caller.actor,
                    source=source,
                    first_line=chunk[0].number,
                    last_line=chunk[-1].number,
                    created=created,
                    refused=sum(isinstance(outcome, Refused) for outcome in outcomes),
                )
        return outcomes

    async def _write_one(self, tx: Transaction, row: ImportRow | Refused, since: int, now: int) -> Outcome:
        if isinstance(row, Refused):
            return row
        mark, account_id = self._mark(msgspec.json.encode(row)), new_id("acc", now)
        while not await self._store.insert(tx, row, account_id, mark, now):
            clash = await self._clash(tx, row, mark, since)
            if clash is not None and not isinstance(clash, Holder):
                return clash
            if clash is not None:
                await self._store.delete_unproved(tx, clash.id)
        if row.password is not None:
            await self._passwords.store(tx, account_id, row.password, now)
        return row.status

    async def _clash(self, reader: Reader, row: ImportRow, mark: bytes, since: int) -> Outcome | Holder | None:
        """What stands in the row's way: None for nothing; a holder who has to make room.

        A proved address takes precedence over somebody who registered it and has not proved it, as everywhere.
        """
        makes_room = None
        if row.email_key is not None:
            holder = await self._store.holder_of_email(reader, row.email_key)
            if holder is not None and row.email_verified and _unproved(holder):
                makes_room = holder
            elif holder is not None:
                return _held(holder, mark, since, Refusal.DUPLICATE_EMAIL, Refusal.EMAIL_TAKEN)
        if row.username_key is not None:
            holder = await self._store.holder_of_username(reader, row.username_key)
            if holder is not None and holder != makes_room:
                return _held(holder, mark, since, Refusal.DUPLICATE_USERNAME, Refusal.USERNAME_TAKEN)
        return makes_room

    async def _rehearse(self, seen: Seen, chunk: Sequence[ImportLine]) -> list[Outcome]:
        async with seen.transaction() as tx:
            return [await self._rehearse_one(seen, tx, line.found) for line in chunk]

    async def _rehearse_one(self, seen: Seen, tx: Transaction, row: ImportRow | Refused) -> Outcome:
        if isinstance(row, Refused):
            return row
        email = self._name(b"email", row.email_key)
        username = self._name(b"username", row.username_key)
        if await seen.has(tx, email):
            return _taken(Refusal.DUPLICATE_EMAIL)
        clash = await self._clash(self._db, row, self._mark(msgspec.json.encode(row)), since=_END_OF_TIME)
        if clash is not None and not isinstance(clash, Holder):
            return clash
        if await seen.has(tx, username):
            return _taken(Refusal.DUPLICATE_USERNAME)
        await seen.add(tx, email, username)
        return row.status

    def _name(self, kind: bytes, key: str | None) -> bytes | None:
        return None if key is None else self._mark(kind + b" " + key.encode())

    def _mark(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, hashlib.sha256)[:_MARK_LENGTH]


class _Tally:
    """Counts outcomes."""

    def __init__(self, dry_run: bool) -> None:
        self._dry_run = dry_run
        self._outcomes: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()

    def count(self, outcome: Outcome) -> None:
        if isinstance(outcome, Refused):
            self._reasons[outcome.code] += 1
        else:
            self._outcomes[outcome] += 1

    def summary(self) -> ImportSummary:
        refused, skipped = self._reasons.total(), self._outcomes["skipped"]
        lines = self._outcomes.total() + refused
        return ImportSummary(
            dry_run=self._dry_run,
            lines=lines,
            created=lines - skipped - refused,
            pending=self._outcomes["pending"],
            skipped=skipped,
            refused=refused,
            reasons=dict(self._reasons.most_common()),
        )


def _chunks(lines: Iterable[ImportLine], size: int) -> Iterator[list[ImportLine]]:
    rest = iter(lines)
    while chunk := list(islice(rest, size)):
        yield chunk


def _made(outcome: Outcome) -> bool:
    return not isinstance(outcome, Refused) and outcome != "skipped"


def _unproved(holder: Holder) -> bool:
    return holder.status == "pending" and holder.import_mark is None


def _held(holder: Holder, mark: bytes, since: int, duplicate: Refusal, taken: Refusal) -> Outcome:
    """What it means that somebody has the name: an earlier line of this run, an earlier run, or somebody else."""
    first_of_this_run = id_from_bytes("acc", (since << _RANDOM_BITS).to_bytes(16))
    if holder.import_mark is not None and holder.id >= first_of_this_run:
        return _taken(duplicate)
    return "skipped" if holder.import_mark == mark else _taken(taken)


def _taken(code: Refusal) -> Refused:
    field = "email" if code in (Refusal.DUPLICATE_EMAIL, Refusal.EMAIL_TAKEN) else "username"
    where = "An earlier line" if code in (Refusal.DUPLICATE_EMAIL, Refusal.DUPLICATE_USERNAME) else "Another account"
    return Refused(code, f"{where} has it already.", field)
