"""`ostiary credentials api-keys`: keys by which programs call as an account."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ostiary.cli.command import Group
from ostiary.cli.operation import account_id, moment, operation, paged

if TYPE_CHECKING:
    from datetime import datetime

    from ostiary.app import Ostiary
    from ostiary.authentication import ApiKeyView, IssuedApiKey
    from ostiary.base.pages import Page

_SCOPE = click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="PERMISSION",
    help="A permission or wildcard it is limited to; repeat it.",
)
_NETWORK = click.option(
    "--network",
    "networks",
    multiple=True,
    metavar="CIDR",
    help="A network it is good in, like 203.0.113.0/24; repeat it.",
)


@click.group("api-keys", cls=Group)
def api_keys() -> None:
    """Administer the API keys of an account. KEY is the id of one, key_…"""


@api_keys.command("list")
@click.argument("account")
@paged
@operation("id", "name", "hint", "scopes", "networks", "created_at", "used_at", "expires_at")
async def list_(ostiary: Ostiary, account: str, limit: int, cursor: str | None) -> Page[ApiKeyView]:
    """List the keys of an account, the oldest first."""
    from ostiary.base.pages import PageQuery

    listing = PageQuery(cursor, limit)
    return await ostiary.use.api_keys.list(ostiary.operator(), listing, await account_id(ostiary, account))


@api_keys.command()
@click.argument("account")
@click.argument("key")
@operation()
async def show(ostiary: Ostiary, account: str, key: str) -> ApiKeyView:
    """Show one key; its secret, nobody is shown again."""
    return await ostiary.use.api_keys.get(ostiary.operator(), key, await account_id(ostiary, account))


@api_keys.command()
@click.argument("account")
@click.argument("name")
@_SCOPE
@_NETWORK
@click.option("--until", callback=moment, metavar="TIME", help="When it ends, like 2030-01-31T18:00:00Z; else never.")
@operation()
async def create(
    ostiary: Ostiary,
    account: str,
    name: str,
    scopes: tuple[str, ...],
    networks: tuple[str, ...],
    until: datetime | None,
) -> IssuedApiKey:
    """Make a key and print its secret, this once.

    It may do what its scopes name, as far as the account may; without --scope it shows who calls and may do nothing.
    """
    from ostiary.authentication import ApiKeyCreate

    new = ApiKeyCreate(name, scopes, until, networks)
    return await ostiary.use.api_keys.create(ostiary.operator(), new, await account_id(ostiary, account))


@api_keys.command()
@click.argument("account")
@click.argument("key")
@click.option("--name", help="What it is called.")
@_SCOPE
@_NETWORK
@click.option("--anywhere", is_flag=True, help="Let it be good in every network.")
@click.option("--until", callback=moment, metavar="TIME", help="When it ends.")
@click.option("--no-end", is_flag=True, help="Let it last until it is revoked.")
@operation()
async def change(
    ostiary: Ostiary,
    account: str,
    key: str,
    name: str | None,
    scopes: tuple[str, ...],
    networks: tuple[str, ...],
    anywhere: bool,
    until: datetime | None,
    no_end: bool,
) -> ApiKeyView:
    """Change a key. What is not named stays as it is; scopes and networks replace those that are there."""
    from msgspec import UNSET

    from ostiary.authentication import ApiKeyUpdate

    update = ApiKeyUpdate(
        name=UNSET if name is None else name,
        scopes=scopes or UNSET,
        expires_at=until if until or no_end else UNSET,
        networks=networks if networks or anywhere else UNSET,
    )
    return await ostiary.use.api_keys.change(ostiary.operator(), key, update, await account_id(ostiary, account))


@api_keys.command()
@click.argument("account")
@click.argument("key")
@click.option(
    "--overlap",
    type=int,
    default=0,
    metavar="SECONDS",
    help="How long the secret before is still good, up to 604800 (seven days); 0 when left out.",
)
@operation()
async def rotate(ostiary: Ostiary, account: str, key: str, overlap: int) -> IssuedApiKey:
    """Give a key another secret and print that, this once."""
    from ostiary.authentication import ApiKeyRotate

    rotation = ApiKeyRotate(overlap)
    return await ostiary.use.api_keys.rotate(ostiary.operator(), key, rotation, await account_id(ostiary, account))


@api_keys.command()
@click.argument("account")
@click.argument("key")
@operation()
async def revoke(ostiary: Ostiary, account: str, key: str) -> None:
    """End a key at once."""
    await ostiary.use.api_keys.revoke(ostiary.operator(), key, await account_id(ostiary, account))


@api_keys.command()
@click.argument("secret", required=False)
def check(secret: str | None) -> None:
    """Tell whether the secret of a key is well formed, asking nobody; whether it is in use, this does not tell.

    Without SECRET it is read from the first line of standard input, so that it stays out of the shell's history.
    """
    from ostiary.cli.output import show as show_result
    from ostiary.credentials.api_key import hint_of, parse_key

    parsed = parse_key(sys.stdin.readline().strip() if secret is None else secret)
    show_result({"well_formed": True, "hint": hint_of(parsed)})
