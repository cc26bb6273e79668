"""`ostiary accounts import`: accounts from elsewhere, with the password hashes that they have there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ostiary.cli.command import Command, ExitCode
from ostiary.cli.operation import carry_out

if TYPE_CHECKING:
    from ostiary.accounts.import_row import ImportDefaults
    from ostiary.accounts.importing import ImportLine, ImportSummary, RefusedLine
    from ostiary.cli.import_file import FileKind, ImportFile

_FILE = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)


@click.command("import", cls=Command)
@click.argument("file", type=_FILE)
@click.option("--format", "kind", type=click.Choice(["jsonl", "csv"]), help="When the file's name does not tell it.")
@click.option("--dry-run", is_flag=True, help="Tell what would become of each line, and write nothing.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Write a line of JSON here for each line that is refused: its number, a code and what is wrong.",
)
@click.option(
    "--batch",
    type=click.IntRange(1, 10_000),
    default=1000,
    metavar="N",
    help="Lines to a transaction; 1000 when left out.",
)
@click.option(
    "--password-format", metavar="NAME", help="How hashes are written, where neither line nor hash says it by itself."
)
@click.option(
    "--firebase-parameters",
    type=_FILE,
    metavar="FILE",
    help="A file with the password hash parameters that the console of Firebase shows.",
)
def import_(
    file: Path,
    kind: FileKind | None,
    dry_run: bool,
    report: Path | None,
    batch: int,
    password_format: str | None,
    firebase_parameters: Path | None,
) -> None:
    """Import accounts from FILE, JSON Lines or CSV.

    Each line is an account: email, email_verified, username, name, kind, password_hash, password_format, created_at,
    disabled. Run again with the same file, it goes on where it stopped: lines that have made an account are skipped.
    The guide to importing has the formats of hashes and all members.

    Exit code 4 when lines were refused; the others are imported.
    """
    from ostiary.accounts.import_row import ImportDefaults
    from ostiary.cli.import_file import ImportFile, read_firebase_parameters
    from ostiary.cli.output import show

    if report is not None and report.exists() and report.samefile(file):
        raise click.BadParameter("the report would overwrite the file", param_hint="--report")
    firebase = None if firebase_parameters is None else read_firebase_parameters(firebase_parameters)
    defaults = ImportDefaults(_format_name(password_format), firebase)
    with ExitStack() as opened:
        accounts = opened.enter_context(ImportFile(file, kind or _kind_of(file)))
        refused = opened.enter_context(_report(report))
        told = opened.enter_context(_progress(accounts))
        summary = carry_out(
            lambda ostiary: ostiary.use.account_import(
                ostiary.operator(),
                read_lines(accounts, defaults, ostiary.use.clock()),
                source=file.name,
                batch=batch,
                dry_run=dry_run,
                report=refused,
                progress=told,
            )
        )
    show(summary)
    if summary.refused:
        if report is None:
            click.echo("Lines were refused; --report FILE writes which, and why.", err=True)
        click.get_current_context().exit(ExitCode.REFUSED)


def read_lines(accounts: ImportFile, defaults: ImportDefaults, now: int) -> Iterator[ImportLine]:
    """The account in each line, or why there is none; read as they are asked for. ``now`` in milliseconds."""
    from ostiary.accounts.import_row import Refused, parse_row
    from ostiary.accounts.importing import ImportLine

    for number, members in accounts.members():
        try:
            found = members if isinstance(members, Refused) else parse_row(members, now, defaults, lax=accounts.lax)
        except Refused as refused:
            found = refused
        yield ImportLine(number, found)


def _kind_of(file: Path) -> FileKind:
    if file.suffix.lower() in (".jsonl", ".ndjson"):
        return "jsonl"
    if file.suffix.lower() == ".csv":
        return "csv"
    raise click.BadParameter("the name of the file ends in .jsonl or .csv, or --format says which it is")


def _format_name(name: str | None) -> str | None:
    from ostiary.crypto.foreign_hashes import FORMATS

    if name is not None and name not in FORMATS:
        raise click.BadParameter(f"is one of {', '.join(FORMATS)}", param_hint="--password-format")
    return name


@contextmanager
def _report(path: Path | None) -> Iterator[Callable[[RefusedLine], None]]:
    import msgspec

    if path is None:
        yield lambda refused: None
        return
    try:
        file = path.open("wb")
    except OSError as cause:
        raise click.BadParameter(cause.strerror or "cannot be written", param_hint="--report") from None
    with file:

        def write(refused: RefusedLine) -> None:
            file.write(msgspec.json.encode(refused) + b"\n")

        yield write


@contextmanager
def _progress(accounts: ImportFile) -> Iterator[Callable[[ImportSummary], None]]:
    """A bar on a terminal, by bytes: nobody has counted the lines."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(file=sys.stderr)
    columns = (
        TextColumn("Importing"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[created]:,} created, {task.fields[refused]:,} refused"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        bar = shown.add_task("accounts", total=accounts.size, created=0, refused=0)
        yield lambda so_far: shown.update(
            bar, completed=accounts.position, created=so_far.created, refused=so_far.refused
        )
