"""The reference page of all commands, made from the commands themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from ostiary.cli.root import ostiary

_HEAD = """\
# Commands

This page is made from the code: `python -m ostiary.cli.reference > docs/reference/cli.md`.
"""
_SHARED = {"--data", "--json", "--help"}
"""Options of every command; the page has them once."""


def reference() -> str:
    """``docs/reference/cli.md``."""
    return "\n".join([_HEAD, *_section(ostiary, click.Context(ostiary, info_name="ostiary"), 1)])


def _section(command: click.Command, context: click.Context, depth: int) -> Iterator[str]:
    if depth > 1:
        yield f"{'#' * depth} {context.command_path}\n"
    yield f"```\n{' '.join([context.command_path, *command.collect_usage_pieces(context)])}\n```\n"
    yield _prose(command)
    yield from _options(command, context)
    if isinstance(command, click.Group):
        for name, below in sorted(command.commands.items()):
            yield from _section(below, click.Context(below, parent=context, info_name=name), depth + 1)


def _prose(command: click.Command) -> str:
    """The help text; what stands line by line, after ``\\b``, as a list."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    return "\n\n".join(map(_paragraph, paragraphs)) + "\n"


def _paragraph(text: str) -> str:
    marker, _, lines = text.partition("\b\n")
    return text if marker or not lines else "".join(f"- {line}\n" for line in lines.splitlines()).rstrip()


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    options = [each for each in command.get_params(context) if isinstance(each, click.Option)]
    shown = [each for each in options if command is ostiary or not _SHARED.intersection(each.opts)]
    records = [(record[0], each.help) for each in shown if (record := each.get_help_record(context)) is not None]
    if records:
        rows = "".join(f"| `{written}` | {told} |\n" for written, told in records)
        yield f"| option | what it does |\n| --- | --- |\n{rows}"


if __name__ == "__main__":
    click.echo(reference(), nl=False)
