"""`ostiary credentials`: what accounts prove themselves with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ostiary.cli.api_keys import api_keys
from ostiary.cli.command import Group
from ostiary.cli.operation import account_id, operation

if TYPE_CHECKING:
    from ostiary.app import Ostiary
    from ostiary.authentication import CredentialView
    from ostiary.authentication.factor_removal import FactorRemoval
    from ostiary.base.pages import Page


@click.group(cls=Group)
def credentials() -> None:
    """Administer what accounts prove themselves with. ACCOUNT is an id, an e-mail address or a username."""


credentials.add_command(api_keys)


@credentials.command("list")
@click.argument("account")
@operation("id", "type", "name", "second", "created_at", "used_at")
async def list_(ostiary: Ostiary, account: str) -> Page[CredentialView]:
    """List what an account proves itself with."""
    from ostiary.base.pages import Page

    owner = await account_id(ostiary, account)
    return Page(await ostiary.use.own_credentials.list(ostiary.operator(), owner), None)


@credentials.command()
@click.argument("account")
@operation()
async def recover(ostiary: Ostiary, account: str) -> None:
    """Mail the owner of an account a way to a new password."""
    owner = await account_id(ostiary, account)
    await ostiary.use.factor_removals.mail_recovery(ostiary.operator(), owner)


@credentials.command()
@click.argument("account")
@operation()
async def remove_second_factors(ostiary: Ostiary, account: str) -> FactorRemoval:
    """Have the second factors of an account removed, for who has lost them.

    The owner is told by mail at once, and can stop it until it is due (see `recovery.administrator_wait`).
    """
    owner = await account_id(ostiary, account)
    return await ostiary.use.factor_removals.request(ostiary.operator(), owner)


@credentials.command()
@click.argument("account")
@operation()
async def keep_second_factors(ostiary: Ostiary, account: str) -> None:
    """Stop the removal of an account's second factors."""
    owner = await account_id(ostiary, account)
    await ostiary.use.factor_removals.stop(ostiary.operator(), owner)
