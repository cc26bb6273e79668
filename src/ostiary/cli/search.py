"""`ostiary who-can` and `ostiary what-can`: questions whose answers are lists."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ostiary.cli.command import Command
from ostiary.cli.operation import account_id, operation, paged, resource_of

if TYPE_CHECKING:
    from ostiary.app import Ostiary
    from ostiary.authorization import Resource
    from ostiary.base.pages import Page

context_option = click.option(
    "--context", metavar="JSON", help='What is known of the request, like {"acr": "aal2", "address": "192.0.2.1"}.'
)


def context_of(text: str | None) -> dict[str, Any]:
    """The option's value; BadParameter where it is no JSON object."""
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise click.BadParameter("this is not JSON", param_hint="--context") from None
    if not isinstance(found, dict):
        raise click.BadParameter("a context is a JSON object", param_hint="--context")
    return found


async def subject_of(ostiary: Ostiary, text: str) -> Resource:
    """An account by its id, address or username; anything else as type:id, like device:7."""
    from ostiary.authorization import Resource

    if ":" in text and not text.startswith("user:"):
        found = resource_of(text)
        assert found is not None  # noqa: S101 - only no text is no resource
        return found
    return Resource("user", await account_id(ostiary, text.removeprefix("user:")))


@click.command("who-can", cls=Command)
@click.argument("permission")
@click.argument("resource")
@click.option("--type", "type_", default="user", show_default=True, help="The type of subjects to look for.")
@context_option
@paged
@operation("type", "id")
async def who_can(
    ostiary: Ostiary, permission: str, resource: str, type_: str, context: str | None, limit: int, cursor: str | None
) -> Page[Resource]:
    """List who holds PERMISSION on RESOURCE, written as type:id, like documents:7."""
    from ostiary.authorization import parse_permission
    from ostiary.authorization.authorizer import Brought
    from ostiary.permissions import Permission

    await ostiary.operator().require(Permission.DECISIONS_EVALUATE)
    wanted, there = parse_permission(permission), resource_of(resource)
    assert there is not None  # noqa: S101 - click requires the argument
    brought = Brought(context=context_of(context))
    return await ostiary.use.search.subjects(wanted, there, type_, brought, cursor=cursor, limit=limit)


@click.command("what-can", cls=Command)
@click.argument("subject")
@click.argument("permission")
@context_option
@paged
@operation("type", "id")
async def what_can(
    ostiary: Ostiary, subject: str, permission: str, context: str | None, limit: int, cursor: str | None
) -> Page[Resource]:
    """List the resources on which SUBJECT holds PERMISSION, such as documents.read: those of its type that are known.

    SUBJECT is an account (id, e-mail address or username), or another subject written as type:id.
    """
    from ostiary.authorization import parse_permission
    from ostiary.authorization.authorizer import Brought
    from ostiary.permissions import Permission

    await ostiary.operator().require(Permission.DECISIONS_EVALUATE)
    type_, _, action = parse_permission(permission).rpartition(".")
    who, brought = await subject_of(ostiary, subject), Brought(context=context_of(context))
    return await ostiary.use.search.resources(who, action, type_, brought, cursor=cursor, limit=limit)
