"""`ostiary outbox`: mail and SMS that are not sent, or not yet."""

from __future__ import annotations

import click

from ostiary.cli.command import Command, invocation
from ostiary.cli.operation import carry_out


@click.command(cls=Command)
@click.option("--limit", type=click.IntRange(1, 500), default=10, metavar="N", help="How many; 10 when left out.")
def outbox(limit: int) -> None:
    """Show the newest mails and SMS of the outbox; where they are sent, those that wait or failed."""
    from ostiary.cli.output import show, text

    messages = carry_out(lambda ostiary: ostiary.use.mailer.outbox(limit))
    if invocation().json:
        show({"items": messages, "next": None})
        return
    for message in reversed(messages):  # the newest is what one has just waited for: it ends up above the prompt
        body = "\n".join("    " + text(line) for line in message.text.strip().splitlines())
        click.secho(f"{message.created_at}  to {text(message.to)}: {text(message.subject) or 'SMS'}", bold=True)
        click.echo(f"\n{body}\n")
