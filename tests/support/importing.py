"""Imports in a test: lines as somebody writes them, into an installation of this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ostiary.accounts.import_row import ImportDefaults, Refused, parse_row
from ostiary.accounts.importing import ImportLine, ImportSummary, RefusedLine
from ostiary.app import Ostiary

Outcome = tuple[ImportSummary, list[RefusedLine]]


async def import_lines(
    ostiary: Ostiary, members: Sequence[dict[str, Any]], defaults: ImportDefaults | None = None, **options: Any
) -> Outcome:
    """Import these accounts as the operator; what became of them, and the lines that were refused."""
    refused: list[RefusedLine] = []
    lines = _lines(members, ostiary.use.clock(), defaults or ImportDefaults())
    summary = await ostiary.use.account_import(
        options.pop("caller", ostiary.operator()), lines, report=refused.append, **options
    )
    return summary, refused


async def stored_hash(ostiary: Ostiary, email: str) -> str | None:
    """What is kept of the password of the account with this address."""
    found: str | None = await ostiary.use.db.fetch_value(
        "SELECT hash FROM passwords JOIN accounts ON accounts.id = passwords.account_id WHERE email_key = :email",
        email=email,
    )
    return found


def _lines(members: Sequence[dict[str, Any]], now: int, defaults: ImportDefaults) -> Iterator[ImportLine]:
    for number, each in enumerate(members, 1):
        try:
            yield ImportLine(number, parse_row(each, now, defaults))
        except Refused as refused:
            yield ImportLine(number, refused)
