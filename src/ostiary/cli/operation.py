"""A command that is a use case: open the installation, act as its operator, show what comes back."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import click

from ostiary.cli.command import invocation

if TYPE_CHECKING:
    from ostiary.app import Ostiary
    from ostiary.authorization import Resource

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., object])


def operation(*columns: str) -> Callable[[Callable[Concatenate[Ostiary, P], Awaitable[object]]], Callable[P, None]]:
    """Make a command of a coroutine that takes the open installation and returns what is to be shown.

    Args:
        columns: the members that the table of a list shows.
    """

    def decorate(work: Callable[Concatenate[Ostiary, P], Awaitable[object]]) -> Callable[P, None]:
        @functools.wraps(work)
        def command(*arguments: P.args, **options: P.kwargs) -> None:
            from ostiary.cli.output import show

            result = carry_out(lambda ostiary: work(ostiary, *arguments, **options))
            if result is not None:
                show(result, columns)

        return command

    return decorate


def carry_out(work: Callable[[Ostiary], Awaitable[T]]) -> T:
    """Open the installation that this command works on, do ``work`` with it, and close it."""
    from ostiary.app import Ostiary
    from ostiary.cli.installation import settings_of

    settings = settings_of(invocation().data)

    async def act() -> T:
        async with await Ostiary.open(settings) as ostiary:
            return await work(ostiary)

    return asyncio.run(act())


def paged(command: F) -> F:
    """Add the options of a list that is read page by page."""
    command = click.option("--cursor", help="Read on from where the page before ended.")(command)
    return click.option(
        "--limit", type=click.IntRange(1, 200), default=50, metavar="N", help="How many, up to 200; 50 when left out."
    )(command)


def moment(context: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    """The callback of an option that takes a time."""
    try:
        return None if value is None else datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter("a time is written like 2030-01-31T18:00:00Z", context, parameter) from None


def resource_of(text: str | None) -> Resource | None:
    """``documents:7`` as a resource.

    Raises:
        InvalidRequest: it is none.
    """
    from ostiary.authorization import Resource
    from ostiary.authorization.model import parse_resource

    if text is None:
        return None
    kind, colon, id_ = text.partition(":")
    if not colon:
        raise click.BadParameter("a resource is written as type:id, like documents:7")
    return parse_resource(Resource(kind, id_))


async def account_id(ostiary: Ostiary, identifier: str) -> str:
    """The id of the account that is meant by an id, an e-mail address or a username. Raises NotFound."""
    return (await ostiary.use.account_administration.find(ostiary.operator(), identifier)).id
