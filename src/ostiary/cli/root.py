"""`ostiary` itself."""

from __future__ import annotations

import click

from ostiary.cli.accounts import accounts
from ostiary.cli.apis import apis
from ostiary.cli.audit import audit
from ostiary.cli.check import check, explain
from ostiary.cli.clients import clients
from ostiary.cli.command import Root, invocation
from ostiary.cli.config import config
from ostiary.cli.credentials import credentials
from ostiary.cli.dev import dev
from ostiary.cli.grants import grants
from ostiary.cli.keys import keys
from ostiary.cli.migrate import migrate
from ostiary.cli.model import model
from ostiary.cli.openapi import openapi
from ostiary.cli.outbox import outbox
from ostiary.cli.policies import policies
from ostiary.cli.relations import relations
from ostiary.cli.roles import roles
from ostiary.cli.search import what_can, who_can
from ostiary.cli.serve import serve
from ostiary.cli.sessions import sessions


@click.group(cls=Root)
def ostiary() -> None:
    """Who are you, and what may you do: authentication and authorization.

    Commands work on the folder that --data names; else on what the environment (OSTIARY_…) and ostiary.toml
    (OSTIARY_CONFIG names another file) say; else on ./.ostiary, which `ostiary dev` makes. They act as the operator of
    this machine, whom no permission limits, and the audit log says so.

    Exit codes:

    \b
    0 done, or allowed
    1 denied; for `migrate status`, not up to date
    2 the arguments are wrong
    3 there is no such thing
    4 refused: invalid, or contradicting what is there
    5 wrong configuration; every fault is named
    6 unavailable; try again
    7 a fault in Ostiary itself
    """


@ostiary.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version

    found = version("ostiary")
    click.echo(f'{{"version": "{found}"}}' if invocation().json else found)


for command in (
    dev,
    serve,
    migrate,
    config,
    accounts,
    credentials,
    sessions,
    roles,
    grants,
    relations,
    policies,
    model,
    check,
    explain,
    who_can,
    what_can,
    clients,
    apis,
    keys,
    audit,
    outbox,
    openapi,
):
    ostiary.add_command(command)


def main() -> None:
    """The console script."""
    ostiary(prog_name="ostiary")
