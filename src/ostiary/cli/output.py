"""Results on standard output: JSON, a table on a terminal, tab-separated lines in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
import msgspec

from ostiary.cli.command import invocation


def show(result: object, columns: Sequence[str] = ()) -> None:
    """Print what a command found: one thing, or a page of things.

    Args:
        columns: the members that a table shows; JSON always has all of them.
    """
    if invocation().json:
        click.echo(msgspec.json.format(msgspec.json.encode(result), indent=2))
        return
    plain = msgspec.to_builtins(result)
    if "items" in plain:
        _show_rows(columns, plain["items"])
        if plain.get("next"):
            click.echo(f"There are more: --cursor {plain['next']}", err=True)
        return
    width = max(map(len, plain))
    for name, value in plain.items():
        click.echo(f"{name:<{width}}  {text(value)}".rstrip())


def text(value: Any) -> str:
    """One value on one line, without anything that could steer a terminal."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(text, value))
    if isinstance(value, Mapping):
        is_resource = value.keys() == {"type", "id"}
        found = f"{value['type']}:{value['id']}" if is_resource else msgspec.json.encode(value).decode()
        return text(found)
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in str(value))


def _show_rows(columns: Sequence[str], items: Sequence[Mapping[str, Any]]) -> None:
    rows = [[text(item[column]) for column in columns] for item in items]
    if not sys.stdout.isatty():
        for row in [columns, *rows]:
            click.echo("\t".join(row))
        return
    from rich.console import Console  # 60 ms that a pipe does not spend
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
