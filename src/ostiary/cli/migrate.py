"""`ostiary migrate`: the database and the version of its tables."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from ostiary.cli.command import Group, invocation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ostiary.database import Database, MigrationStatus
    from ostiary.settings import Settings


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def migrate(context: click.Context) -> None:
    """Bring the database up to date. Several processes may do it at once."""
    if context.invoked_subcommand is not None:
        return
    from ostiary.cli.installation import settings_of
    from ostiary.database import migrate

    steps = asyncio.run(_on_database(settings_of(invocation().data, create=True), migrate))
    if steps or invocation().json:
        _show(steps)
    else:
        click.echo("The database is up to date.")


@migrate.command()
def status() -> None:
    """Tell which migrations have been applied. Exit code 1 when some have not."""
    from ostiary.cli.installation import settings_of
    from ostiary.database import status

    steps = asyncio.run(_on_database(settings_of(invocation().data), status))
    _show(steps)
    if any(step.applied_at is None for step in steps):
        click.get_current_context().exit(1)


async def _on_database(
    settings: Settings, work: Callable[[Database], Awaitable[list[MigrationStatus]]]
) -> list[MigrationStatus]:
    from ostiary.database import Database

    db = await Database.open(settings.database.url, pool_size=settings.database.pool)
    try:
        return await work(db)
    finally:
        await db.close()


def _show(steps: list[MigrationStatus]) -> None:
    from ostiary.base.clock import rfc3339
    from ostiary.cli.output import show

    items = [
        {
            "number": step.number,
            "name": step.name,
            "applied_at": None if step.applied_at is None else rfc3339(step.applied_at),
        }
        for step in steps
    ]
    show({"items": items, "next": None}, ("number", "name", "applied_at"))
