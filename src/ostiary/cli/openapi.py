"""`ostiary openapi`: the description of the HTTP API."""

from __future__ import annotations

import click

from ostiary.cli.command import Command, invocation


@click.command(cls=Command)
def openapi() -> None:
    """Print the description of the HTTP API (OpenAPI 3.1), the same as /openapi.json."""
    import msgspec

    from ostiary.cli.installation import settings_of
    from ostiary.web.openapi import openapi
    from ostiary.web.pages.render import Pages
    from ostiary.web.routes import TAGS, all_routes

    settings = settings_of(invocation().data, anywhere=True)
    described = [route for route in all_routes(settings, Pages(settings)) if route.tag]
    click.echo(msgspec.json.format(msgspec.json.encode(openapi(described, TAGS, settings)), indent=2))
