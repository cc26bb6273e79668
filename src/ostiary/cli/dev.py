"""`ostiary dev`: everything in one folder, nothing to set up."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ostiary.cli.command import Command, invocation

if TYPE_CHECKING:
    from ostiary.app import Ostiary


@click.command(cls=Command)
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8000, metavar="N", help="Port to listen on; 8000 when left out."
)
def dev(port: int) -> None:
    """Run Ostiary for development, on http://localhost.

    Database and master key are kept in .ostiary, or where --data says; mail and SMS stay in an outbox that a page
    shows. Safe to stop at any time and to run again. Ctrl-C stops it.
    """
    from ostiary.cli.installation import DEV_FOLDER, settings_for_dev
    from ostiary.cli.logs import log_as_text
    from ostiary.cli.serving import listening, run

    folder = invocation().data or DEV_FOLDER

    async def ready(ostiary: Ostiary) -> None:
        await _announce(ostiary, folder.absolute())

    with listening(["127.0.0.1", "::1"], port) as sockets:  # browsers try both for localhost
        settings = settings_for_dev(folder, port)
        log_as_text()
        run(settings, sockets, migrate_first=True, grace=2, ready=ready)


async def _announce(ostiary: Ostiary, folder: Path) -> None:
    issuer = ostiary.use.settings.issuer
    places = {
        "sign_in": f"{issuer}/login",
        "first_administrator": await ostiary.use.first_administrator.link(ostiary.operator()),
        "outbox": f"{issuer}/dev/outbox",
        "reference": f"{issuer}/docs",
        "data": str(folder),
    }
    if invocation().json:
        import msgspec

        click.echo(msgspec.json.encode({"issuer": issuer, **places}))
        return
    click.secho(f"\nOstiary runs for development at {issuer}\n", bold=True)
    for name, place in places.items():
        if place is not None:
            click.echo(f"  {_LABELS[name]:<22} {click.style(place, fg='cyan')}")
    click.echo("\nPress Ctrl-C to stop it.\n")


_LABELS = {
    "sign_in": "Sign in",
    "first_administrator": "First administrator",
    "outbox": "Messages it would send",
    "reference": "API reference",
    "data": "Data",
}
