"""`ostiary model`: the authorization model as a file, and what applies."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

import click

from ostiary.cli.command import ExitCode, Group, invocation
from ostiary.cli.operation import carry_out, operation, paged

if TYPE_CHECKING:
    from ostiary.app import Ostiary
    from ostiary.authorization import ModelReport, ModelVersion
    from ostiary.authorization.model_file import Fault
    from ostiary.authorization.supposing import Unmet
    from ostiary.base.pages import Page

_file = click.argument("file", type=click.File(encoding="utf-8"))
_name = click.option("--name", default="", metavar="MODEL", help="A named model; else the one that applies without.")


@click.group(cls=Group)
def model() -> None:
    """Check, try and apply the authorization model: types, relations, permissions, roles and policies in one file."""


@model.command()
@_file
def check(file: TextIO) -> None:
    """Tell everything that is wrong with FILE, with its place. Nothing is read but the file."""
    from ostiary.authorization.model_file import InvalidModel, read_model

    try:
        found = read_model(_text(file))
    except InvalidModel as invalid:
        _refuse_faults(file.name, invalid.faults)
    else:
        counts = f"{len(found.types)} types, {len(found.roles)} roles, {len(found.policies)} policies"
        _say(f"{file.name}: {counts}; no faults")


@model.command()
@_file
def test(file: TextIO) -> None:
    """Run the tests that FILE carries. Nothing is read but the file."""
    from ostiary.authorization.model_file import InvalidModel, model_tests, read_model
    from ostiary.authorization.supposing import run

    try:
        text = _text(file)
        tests = model_tests(text)
        unmet = run(read_model(text), tests)
    except InvalidModel as invalid:
        _refuse_faults(file.name, invalid.faults)
    else:
        _tell_tests(file.name, len(tests), unmet)


@model.command()
@_file
def diff(file: TextIO) -> None:
    """Tell in words what FILE would change, and for which of the accounts that exist."""
    text = _text(file)
    report = carry_out(lambda ostiary: ostiary.use.models.check(ostiary.operator(), text))
    if invocation().json:
        from ostiary.cli.output import show

        show(report)
        return
    _tell_changes(report)


@model.command()
@click.argument("file", type=click.File(encoding="utf-8"), required=False)
@click.option("--to", "version", type=click.IntRange(1), metavar="VERSION", help="Go back to an earlier version.")
@click.option("--expect", "expected", type=click.IntRange(0), metavar="VERSION", help="Only if this one applies now.")
@_name
@operation()
async def apply(
    ostiary: Ostiary, file: TextIO | None, version: int | None, expected: int | None, name: str
) -> ModelVersion:
    """Have the model in FILE decide from now on, if its own tests hold; or, with --to, an earlier version."""
    from ostiary.authorization import ModelChange

    change = ModelChange(None if file is None else _text(file), version, name, expected)
    return await ostiary.use.models.apply(ostiary.operator(), change)


@model.command()
@_name
def show(name: str) -> None:
    """Print the model that applies."""
    from ostiary.cli.output import show as show_result

    found = carry_out(lambda ostiary: ostiary.use.models.current(ostiary.operator(), name))
    if invocation().json:
        show_result(found)
    else:
        click.echo(found.text, nl=not found.text.endswith("\n"))


@model.command()
@_name
@paged
@operation("version", "applied_at", "applied_by")
async def versions(ostiary: Ostiary, name: str, limit: int, cursor: str | None) -> Page[ModelVersion]:
    """List the versions of the model, the newest first."""
    return await ostiary.use.models.versions(ostiary.operator(), name, cursor, limit)


def _text(file: TextIO) -> str:
    try:
        return str(file.read())
    except UnicodeDecodeError:
        raise click.BadParameter(f"{file.name} is not UTF-8 text") from None


def _say(line: str) -> None:
    if not invocation().json:
        click.echo(line)


def _refuse_faults(name: str, faults: tuple[Fault, ...]) -> None:
    from ostiary.cli.output import show as show_result

    if invocation().json:
        show_result({"faults": faults})
    for fault in faults:
        _say(f"{name}:{fault.line}:{fault.column}: {fault.message}{' ' + fault.hint if fault.hint else ''}")
    click.get_current_context().exit(ExitCode.REFUSED)


def _tell_tests(name: str, count: int, unmet: tuple[Unmet, ...]) -> None:
    from ostiary.cli.output import show as show_result

    if invocation().json:
        show_result({"tests": count, "unmet": unmet})
    for each in unmet:
        _say(f"{name}:{each.line}: {each.test}: {each.message}")
    _say(f"{count} tests, {len(unmet)} assertions that do not hold")
    if unmet:
        click.get_current_context().exit(ExitCode.REFUSED)


def _tell_changes(report: ModelReport) -> None:
    for change in (*report.changes, *report.affected):
        click.echo(change)
    if not report.changes:
        click.echo("nothing changes")
    for each in report.unmet:
        click.echo(f"line {each.line}: {each.test}: {each.message}")
