"""What all commands share: two options, and one way to end when something is refused."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import click

from ostiary.errors import ConfigurationError, NotFound, OstiaryError

_log = logging.getLogger("ostiary.cli")


class ExitCode(IntEnum):
    """How a command ends; scripts may rely on it. 2 is click's, for arguments that are wrong."""

    DONE = 0
    DENIED = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    CONFIGURATION = 5
    UNAVAILABLE = 6
    FAULT = 7
    INTERRUPTED = 130


@dataclass
class Invocation:
    """The options that every command takes, wherever on the line they stand."""

    data: Path | None = None
    json: bool = False


def invocation() -> Invocation:
    """That of the command that is running."""
    return click.get_current_context().ensure_object(Invocation)


class Command(click.Command):
    """A command that takes ``--data`` and ``--json``."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params += _shared_options()


class Group(click.Group):
    """A group of such commands; it takes the two options as well."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params += _shared_options()


class Root(Group):
    """The outermost group: every error ends here, as one line on standard error and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OstiaryError as error:
            _say(error, as_json=ctx.ensure_object(Invocation).json)
            ctx.exit(exit_code(error))
        except (KeyboardInterrupt, click.Abort):
            ctx.exit(ExitCode.INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, BrokenPipeError):
            raise
        except Exception:  # noqa: BLE001 - a fault of ours must not look like "denied", Python's own exit code
            _log.exception("a fault in Ostiary itself")
            ctx.exit(ExitCode.FAULT)


def exit_code(error: OstiaryError) -> ExitCode:
    """The exit code that tells scripts what kind of error it was."""
    if isinstance(error, ConfigurationError):
        return ExitCode.CONFIGURATION
    if isinstance(error, NotFound):
        return ExitCode.NOT_FOUND
    if error.status in (401, 403):
        return ExitCode.DENIED
    if error.status < 500:
        return ExitCode.REFUSED
    return ExitCode.UNAVAILABLE if error.status == 503 else ExitCode.CONFIGURATION


def _say(error: OstiaryError, *, as_json: bool) -> None:
    faults = error.faults if isinstance(error, ConfigurationError) else []
    if as_json:
        import msgspec

        told = {"code": error.code, "title": error.title, "detail": str(error), "field": error.field, "faults": faults}
        click.echo(msgspec.json.encode({name: value for name, value in told.items() if value}), err=True)
    elif len(faults) > 1:
        click.echo("\n".join([f"error: {error.title} ({error.code})", *(f"  - {fault}" for fault in faults)]), err=True)
    else:
        where = f"{error.field}: " if error.field else ""
        click.echo(f"error: {where}{error} ({error.code})", err=True)


def _shared_options() -> list[click.Parameter]:
    return [
        click.Option(
            ["--data"],
            type=click.Path(path_type=Path, file_okay=False),
            metavar="FOLDER",
            expose_value=False,
            callback=_remember,
            help="Work on the database and the master key in this folder.",
        ),
        click.Option(
            ["--json"], is_flag=True, expose_value=False, callback=_remember, help="Print JSON, errors included."
        ),
    ]


def _remember(ctx: click.Context, parameter: click.Parameter, value: object) -> None:
    shared = ctx.ensure_object(Invocation)  # made by the outermost group, so that errors know of it as well
    if value and parameter.name:
        setattr(shared, parameter.name, value)
