"""`ostiary` itself."""

from __future__ import annotations

import click

from ostiary.cli.command import Root
from ostiary.cli.dev import dev
from ostiary.cli.serve import serve


@click.group(cls=Root)
def ostiary() -> None:
    """Who are you, and what may you do: authentication and authorization.

    Commands work on the folder that --data names; else on what the environment (OSTIARY_…) and ostiary.toml
    (OSTIARY_CONFIG names another file) say; else on ./.ostiary, which `ostiary dev` makes.

    \b
    Exit codes: 0 done or allowed, 1 denied, 2 wrong usage, 3 not found,
    4 refused, 5 wrong configuration, 6 unavailable, 7 a fault in Ostiary.
    """


for command in (dev, serve):
    ostiary.add_command(command)


def main() -> None:
    ostiary(prog_name="ostiary")
