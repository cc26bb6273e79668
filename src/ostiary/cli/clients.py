"""`ostiary clients`: applications that get tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ostiary.cli.command import Group
from ostiary.cli.operation import account_id, operation, paged

if TYPE_CHECKING:
    from ostiary.app import Ostiary
    from ostiary.base.pages import Page
    from ostiary.oauth import ClientView, IssuedClient, IssuedSecret

_SET = click.option(
    "--set",
    "members",
    multiple=True,
    metavar="NAME=VALUE",
    help="Any other member of the metadata (RFC 7591 section 2), its value as JSON or text; repeat it.",
)


@click.group(cls=Group)
def clients() -> None:
    """Administer the applications that get tokens (OAuth 2.1, OpenID Connect). CLIENT is the id of one."""


@clients.command("list")
@paged
@operation("client_id", "source", "metadata", "updated_at")
async def list_(ostiary: Ostiary, limit: int, cursor: str | None) -> Page[ClientView]:
    """List clients."""
    from ostiary.base.pages import PageQuery

    return await ostiary.use.oauth.clients.list(ostiary.operator(), PageQuery(cursor, limit))


@clients.command()
@click.argument("client")
@operation()
async def show(ostiary: Ostiary, client: str) -> ClientView:
    """Show one client."""
    return await ostiary.use.oauth.clients.get(ostiary.operator(), client)


@clients.command()
@click.argument("name")
@click.option("--id", "client_id", metavar="ID", help="Its id; by default one is made.")
@click.option("--redirect-uri", "redirect_uris", multiple=True, metavar="URI", help="Where answers go; repeat it.")
@click.option("--scope", "scopes", multiple=True, metavar="SCOPE", help="What it may ask for; repeat it.")
@click.option("--grant", "grants", multiple=True, metavar="GRANT", help="A grant type; repeat it.")
@click.option("--public", is_flag=True, help="It can keep no secret: in a browser, or on people's devices.")
@click.option("--trusted", is_flag=True, help="It is one of ours: its users are not asked for consent.")
@click.option("--profile", type=click.Choice(["fapi2", "browser-bff", "mcp"]), help="Stricter rules to hold it to.")
@click.option("--account", metavar="ACCOUNT", help="A service account, whose roles its own tokens carry.")
@_SET
@operation()
async def create(
    ostiary: Ostiary,
    name: str,
    client_id: str | None,
    redirect_uris: tuple[str, ...],
    scopes: tuple[str, ...],
    grants: tuple[str, ...],
    public: bool,
    trusted: bool,
    profile: str | None,
    account: str | None,
    members: tuple[str, ...],
) -> IssuedClient:
    """Register a client and print its secret, this once.

    With a redirect URI it gets the grants authorization_code and refresh_token, without one client_credentials.
    """
    from ostiary.oauth import ClientCreate

    metadata: dict[str, Any] = {
        "client_name": name,
        "redirect_uris": list(redirect_uris),
        "grant_types": list(grants)
        or (["authorization_code", "refresh_token"] if redirect_uris else ["client_credentials"]),
        "scope": " ".join(scopes),
        "token_endpoint_auth_method": "none" if public else "client_secret_basic",
        "trusted": trusted,
        "profile": profile or "",
        **_members(members),
    }
    acting = None if account is None else await account_id(ostiary, account)
    return await ostiary.use.oauth.clients.create(ostiary.operator(), ClientCreate(metadata, client_id, acting))


@clients.command()
@click.argument("client")
@_SET
@click.option("--account", metavar="ACCOUNT", help="A service account, whose roles its own tokens carry.")
@operation()
async def change(ostiary: Ostiary, client: str, members: tuple[str, ...], account: str | None) -> ClientView:
    """Change what a client is registered with: --set redirect_uris='["https://app.example/callback"]'."""
    from ostiary.oauth import ClientChange

    acting = None if account is None else await account_id(ostiary, account)
    return await ostiary.use.oauth.clients.change(ostiary.operator(), client, ClientChange(_members(members), acting))


@clients.command("add-secret")
@click.argument("client")
@click.option("--overlap", type=int, metavar="SECONDS", help="How long the secrets before are still good.")
@operation()
async def add_secret(ostiary: Ostiary, client: str, overlap: int | None) -> IssuedSecret:
    """Give a client one more secret and print it, this once."""
    from ostiary.oauth import SecretCreate

    return await ostiary.use.oauth.clients.add_secret(ostiary.operator(), client, SecretCreate(overlap))


@clients.command("remove-secret")
@click.argument("client")
@click.argument("secret")
@operation()
async def remove_secret(ostiary: Ostiary, client: str, secret: str) -> None:
    """End one secret of a client, sec_…, at once."""
    await ostiary.use.oauth.clients.remove_secret(ostiary.operator(), client, secret)


@clients.command()
@click.argument("client")
@operation()
async def delete(ostiary: Ostiary, client: str) -> None:
    """Remove a client; its refresh tokens and consents end with it."""
    await ostiary.use.oauth.clients.delete(ostiary.operator(), client)


def _members(given: tuple[str, ...]) -> dict[str, Any]:
    import msgspec

    found: dict[str, Any] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not equals:
            raise click.BadParameter("a member is written as NAME=VALUE", param_hint="--set")
        try:
            found[name] = msgspec.json.decode(value.encode())
        except msgspec.DecodeError:
            found[name] = value
    return found
