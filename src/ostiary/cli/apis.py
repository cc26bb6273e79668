"""`ostiary apis`: what access tokens are for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ostiary.cli.command import Group
from ostiary.cli.operation import operation, paged

if TYPE_CHECKING:
    from ostiary.app import Ostiary
    from ostiary.base.pages import Page
    from ostiary.oauth import ApiView, IssuedApi

_SCOPE = click.option(
    "--scope", "scopes", multiple=True, metavar="NAME=TEXT", help="A scope, and what it lets do in words; repeat it."
)
_ALGORITHM = click.option(
    "--algorithm", type=click.Choice(["ES256", "RS256", "EdDSA", "HS256"]), help="Signs its tokens; ES256 if left out."
)
_OPAQUE = click.option("--opaque", is_flag=True, help="Tokens that only introspection understands.")
_TTL = click.option("--ttl", type=int, metavar="SECONDS", help="Life of its access tokens, 60 to 900.")


@click.group(cls=Group)
def apis() -> None:
    """Administer the protected APIs that tokens are for. API is the id of one, api_…"""


@apis.command("list")
@paged
@operation("id", "identifier", "definition", "updated_at")
async def list_(ostiary: Ostiary, limit: int, cursor: str | None) -> Page[ApiView]:
    """List APIs, the oldest first."""
    from ostiary.base.pages import PageQuery

    return await ostiary.use.oauth.apis.list(ostiary.operator(), PageQuery(cursor, limit))


@apis.command()
@click.argument("api")
@operation()
async def show(ostiary: Ostiary, api: str) -> ApiView:
    """Show one API."""
    return await ostiary.use.oauth.apis.get(ostiary.operator(), api)


@apis.command()
@click.argument("identifier")
@click.argument("name")
@_SCOPE
@_ALGORITHM
@_OPAQUE
@_TTL
@operation()
async def create(
    ostiary: Ostiary,
    identifier: str,
    name: str,
    scopes: tuple[str, ...],
    algorithm: str | None,
    opaque: bool,
    ttl: int | None,
) -> IssuedApi:
    """Register an API by its identifier, a URI like https://api.example.com."""
    from ostiary.oauth import ApiCreate

    definition = {"name": name, **_definition(scopes, algorithm, opaque, ttl)}
    return await ostiary.use.oauth.apis.create(ostiary.operator(), ApiCreate(identifier, definition))


@apis.command()
@click.argument("api")
@click.option("--name", help="What people know it by.")
@_SCOPE
@_ALGORITHM
@_OPAQUE
@_TTL
@operation()
async def change(
    ostiary: Ostiary,
    api: str,
    name: str | None,
    scopes: tuple[str, ...],
    algorithm: str | None,
    opaque: bool,
    ttl: int | None,
) -> IssuedApi:
    """Change an API. Scopes that are named are added to those that are there."""
    from ostiary.oauth import ApiChange

    definition = _definition(scopes, algorithm, opaque, ttl) | ({} if name is None else {"name": name})
    return await ostiary.use.oauth.apis.change(ostiary.operator(), api, ApiChange(definition))


@apis.command()
@click.argument("api")
@operation()
async def delete(ostiary: Ostiary, api: str) -> None:
    """Remove an API; no more tokens are made for it."""
    await ostiary.use.oauth.apis.delete(ostiary.operator(), api)


def _definition(scopes: tuple[str, ...], algorithm: str | None, opaque: bool, ttl: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if scopes:
        found["scopes"] = {name: text for name, _, text in (scope.partition("=") for scope in scopes)}
    if algorithm is not None:
        found["algorithm"] = algorithm
    if opaque:
        found["token_format"] = "opaque"
    if ttl is not None:
        found["token_ttl"] = ttl
    return found
