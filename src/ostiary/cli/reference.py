"""The reference page of all commands, made from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator

import click

from ostiary.cli.command import Group
from ostiary.cli.root import ostiary

_HEAD = """\
# Commands

This page is made from the code: `python -m ostiary.cli.reference > docs/reference/cli.md`.
"""
_SHARED = {"data", "json", "help"}


def reference() -> str:
    """``docs/reference/cli.md``."""
    return "\n".join([_HEAD, *_section(ostiary, click.Context(ostiary, info_name="ostiary"))])


def _section(command: click.Command, context: click.Context) -> Iterator[str]:
    if command is not ostiary:
        yield f"## {context.command_path}\n"
    yield f"```\n{' '.join([context.command_path, *command.collect_usage_pieces(context)])}\n```\n"
    yield _prose(command) + "\n"
    yield from _options(command, context)
    if isinstance(command, Group):
        for name in command.list_commands(context):
            below = command.commands[name]
            yield from _section(below, click.Context(below, parent=context, info_name=name))


def _prose(command: click.Command) -> str:
    """The help text, whose lines are kept where ``\\b`` asks for that."""
    paragraphs = (command.help or "").split("\n\n")
    return "\n\n".join(
        "- " + text.removeprefix("\b\n").replace("\n", "\n- ") if text.startswith("\b") else text for text in paragraphs
    )


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    shown = [each for each in command.get_params(context) if command is ostiary or each.name not in _SHARED]
    records = [record for each in shown if (record := each.get_help_record(context)) is not None]
    if records:
        rows = "".join(f"| `{written}` | {told} |\n" for written, told in records)
        yield f"| option | what it does |\n| --- | --- |\n{rows}"


if __name__ == "__main__":
    click.echo(reference(), nl=False)
