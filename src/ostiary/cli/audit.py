"""`ostiary audit`: what happened, and who did it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from ostiary.cli.command import Command
from ostiary.cli.operation import account_id, operation, paged

if TYPE_CHECKING:
    from ostiary.app import Ostiary
    from ostiary.audit import AuditEvent, Event
    from ostiary.base.pages import Page


@click.command(cls=Command)
@click.option("--account", help="Only what happened to this account: its id, e-mail address or username.")
@click.option("--event", help="Only events of this name, like sign_in.failed.")
@paged
@operation("at", "event", "actor", "account_id", "address", "data")
async def audit(
    ostiary: Ostiary, account: str | None, event: str | None, limit: int, cursor: str | None
) -> Page[AuditEvent]:
    """Read the audit log, the newest event first."""
    from ostiary.authorization import AuditQuery
    from ostiary.base.ids import is_id

    owner = account
    if account is not None and not is_id(account, "acc"):  # the log keeps the ids of accounts that are gone
        owner = await account_id(ostiary, account)
    query = AuditQuery(account_id=owner, event=_event(event), cursor=cursor, limit=limit)
    return await ostiary.use.audit.list(ostiary.operator(), query)


def _event(name: str | None) -> Event | None:
    from ostiary.audit import Event

    if name is None:
        return None
    try:
        return Event(name)
    except ValueError:
        close = get_close_matches(name, list(Event), n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise click.BadParameter(f"there is no event {name}{hint}") from None
