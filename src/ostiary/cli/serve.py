"""`ostiary serve`: production."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import click

from ostiary.cli.command import Command, invocation

if TYPE_CHECKING:
    from ostiary.app import Ostiary

_GRACE = 20
_log = logging.getLogger("ostiary.serve")


@click.command(cls=Command)
@click.option("--migrate", "migrate_first", is_flag=True, help="Bring the database up to date first.")
@click.option("--host", metavar="ADDRESS", help="Address to listen on, instead of the setting server.host.")
@click.option(
    "--port", type=click.IntRange(1, 65535), metavar="N", help="Port to listen on, instead of the setting server.port."
)
def serve(migrate_first: bool, host: str | None, port: int | None) -> None:
    """Run Ostiary in production.

    Names everything that is not fit for production, and does not start then. Logs JSON on standard error. SIGTERM and
    Ctrl-C stop it when the running requests have been answered, after 20 seconds at the latest.
    """
    from ostiary.cli.installation import settings_for_production
    from ostiary.cli.logs import log_as_json
    from ostiary.cli.serving import listening, run

    settings = asyncio.run(
        settings_for_production(invocation().data, migrate_first=migrate_first, host=host, port=port)
    )
    with listening([settings.server.host], settings.server.port) as sockets:
        log_as_json()
        run(settings, sockets, migrate_first=migrate_first, grace=_GRACE, ready=_announce)
    _log.info("stopped")


async def _announce(ostiary: Ostiary) -> None:
    from ostiary.authorization import has_administrator

    settings = ostiary.use.settings
    _log.info("ready: %s on %s port %s", settings.issuer, settings.server.host, settings.server.port)
    if not await has_administrator(ostiary.use.db):
        _log.warning("there is no administrator yet: `ostiary accounts first-administrator` prints a link to make one")
