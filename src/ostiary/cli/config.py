"""`ostiary config`: what is set, and whether it will do."""

from __future__ import annotations

import asyncio

import click

from ostiary.cli.command import Group, invocation


@click.group(cls=Group)
def config() -> None:
    """See the settings, and check them."""


@config.command()
@click.option("--migrate", "migrate_first", is_flag=True, help="Accept a database that is behind its migrations.")
def check(migrate_first: bool) -> None:
    """Name everything for which `ostiary serve` would refuse to start."""
    from ostiary.cli.installation import settings_for_production

    asyncio.run(settings_for_production(invocation().data, migrate_first=migrate_first))
    click.echo('{"ok": true}' if invocation().json else "Everything is set for production.")


@config.command()
def show() -> None:
    """Print every setting with its source. Secrets are masked."""
    from ostiary.cli.installation import settings_of
    from ostiary.cli.output import show
    from ostiary.settings import shown

    names = ("setting", "value", "source")
    items = [dict(zip(names, row, strict=True)) for row in shown(settings_of(invocation().data, anywhere=True))]
    show({"items": items, "next": None}, names)
