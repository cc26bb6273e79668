"""`ostiary grants`: permissions allowed or denied to one account directly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from ostiary.cli.command import Group
from ostiary.cli.operation import account_id, moment, operation, paged, resource_of

if TYPE_CHECKING:
    from datetime import datetime

    from ostiary.app import Ostiary
    from ostiary.authorization import Grant
    from ostiary.base.pages import Page


@click.group(cls=Group)
def grants() -> None:
    """Administer direct grants. RESOURCE is written as type:id, like documents:7."""


@grants.command("list")
@click.argument("account")
@paged
@operation("id", "effect", "permission", "resource", "expires_at", "created_at")
async def list_(ostiary: Ostiary, account: str, limit: int, cursor: str | None) -> Page[Grant]:
    """List the grants of an account, the oldest first."""
    return await ostiary.use.grants.list(ostiary.operator(), await account_id(ostiary, account), cursor, limit)


@grants.command()
@click.argument("account")
@click.argument("effect", type=click.Choice(["allow", "deny"]))
@click.argument("permission")
@click.option("--on", "on", metavar="RESOURCE", help="Where it holds; everywhere when left out.")
@click.option(
    "--until", callback=moment, metavar="TIME", help="When it ends, like 2030-01-31T18:00:00Z; never when left out."
)
@operation()
async def create(
    ostiary: Ostiary,
    account: str,
    effect: Literal["allow", "deny"],
    permission: str,
    on: str | None,
    until: datetime | None,
) -> Grant:
    """Allow or deny an account a permission, or all that a wildcard covers. A denial wins over everything."""
    from ostiary.authorization import Effect, GrantCreate

    new = GrantCreate(permission, Effect(effect), resource_of(on), until)
    return await ostiary.use.grants.create(ostiary.operator(), await account_id(ostiary, account), new)


@grants.command()
@click.argument("account")
@click.argument("grant")
@operation()
async def delete(ostiary: Ostiary, account: str, grant: str) -> None:
    """Take a grant back, by its id."""
    await ostiary.use.grants.delete(ostiary.operator(), await account_id(ostiary, account), grant)
