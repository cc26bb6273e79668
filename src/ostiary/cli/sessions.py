"""`ostiary sessions`: where they are kept."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

import click

from ostiary.cli.command import Group
from ostiary.cli.operation import operation

if TYPE_CHECKING:
    from ostiary.app import Ostiary


@click.group(cls=Group)
def sessions() -> None:
    """Move sessions from one store to the other. `ostiary accounts sessions` lists an account's."""


@sessions.command()
@click.option("--to", type=click.Choice(["database", "redis"]), required=True, help="Where they are to be kept.")
@operation()
async def migrate(ostiary: Ostiary, to: Literal["database", "redis"]) -> object:
    """Move all sessions of a running installation; nobody is signed out.

    First set redis.url (OSTIARY_REDIS_URL), and restart every server with it: who has it looks for sessions in both
    stores. New sessions go to the one that sessions.store names; set that before, or afterwards and ask once more.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(file=sys.stderr)
    columns = (TextColumn("Moving sessions"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        bar = shown.add_task("sessions", total=None)
        migrated = await ostiary.use.session_migration(
            ostiary.operator(), to, lambda done, of: shown.update(bar, completed=done, total=max(done, of))
        )
    if ostiary.use.settings.sessions.store != to:
        click.echo(f'New sessions still go to the other store: set sessions.store = "{to}" and restart.', err=True)
    return migrated
