"""`ostiary roles`: named sets of permissions, and who has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ostiary.cli.command import Group
from ostiary.cli.operation import F, account_id, operation, paged, resource_of

if TYPE_CHECKING:
    from ostiary.app import Ostiary
    from ostiary.authorization import Assignment, Role
    from ostiary.authorization.model import SignInPolicy
    from ostiary.base.pages import Page


@click.group(cls=Group)
def roles() -> None:
    """Administer roles and who has them. RESOURCE is written as type:id, like documents:7."""


@roles.command("list")
@paged
@operation("name", "description", "permissions", "includes", "builtin")
async def list_(ostiary: Ostiary, limit: int, cursor: str | None) -> Page[Role]:
    """List roles by name."""
    return await ostiary.use.roles.list(ostiary.operator(), cursor, limit)


@roles.command()
@click.argument("role")
@operation()
async def show(ostiary: Ostiary, role: str) -> Role:
    """Show one role."""
    return await ostiary.use.roles.get(ostiary.operator(), role)


def _described(command: F) -> F:
    for option in (
        click.option("--include", "includes", multiple=True, metavar="ROLE", help="A role that it includes."),
        click.option(
            "--permission", "permissions", multiple=True, help="A permission that it holds; * ends wildcards."
        ),
        click.option(
            "--sign-in-policy",
            "policy",
            type=click.Choice(["any", "two_factors", "phishing_resistant"]),
            help="What a sign-in has to show of whoever holds it, where that is more than the setting asks.",
        ),
        click.option("--description", help="What it is for."),
    ):
        command = option(command)
    return command


@roles.command()
@click.argument("role")
@_described
@operation()
async def create(
    ostiary: Ostiary,
    role: str,
    description: str | None,
    policy: SignInPolicy | None,
    permissions: tuple[str, ...],
    includes: tuple[str, ...],
) -> Role:
    """Make a role. --permission and --include may be repeated."""
    from ostiary.authorization import RoleCreate

    new = RoleCreate(role, description or "", permissions, includes, policy)
    return await ostiary.use.roles.create(ostiary.operator(), new)


@roles.command()
@click.argument("role")
@_described
@operation()
async def change(
    ostiary: Ostiary,
    role: str,
    description: str | None,
    policy: SignInPolicy | None,
    permissions: tuple[str, ...],
    includes: tuple[str, ...],
) -> Role:
    """Change a role, for everybody who has it.

    What is given replaces what is there; what is left out stays. --permission "" takes every permission away, and
    --include "" every included role.
    """
    from msgspec import UNSET

    from ostiary.authorization import RoleChange

    wanted = RoleChange(
        description=UNSET if description is None else description,
        permissions=tuple(filter(None, permissions)) if permissions else UNSET,
        includes=tuple(filter(None, includes)) if includes else UNSET,
        sign_in_policy=policy or UNSET,
    )
    return await ostiary.use.roles.change(ostiary.operator(), role, wanted)


@roles.command()
@click.argument("role")
@operation()
async def delete(ostiary: Ostiary, role: str) -> None:
    """Delete a role that nobody has."""
    await ostiary.use.roles.delete(ostiary.operator(), role)


@roles.command()
@click.argument("account")
@paged
@operation("id", "role", "resource", "created_at")
async def assigned(ostiary: Ostiary, account: str, limit: int, cursor: str | None) -> Page[Assignment]:
    """List the roles of an account."""
    owner = await account_id(ostiary, account)
    return await ostiary.use.assignments.list(ostiary.operator(), owner, cursor, limit)


@roles.command()
@click.argument("account")
@click.argument("role")
@click.option("--on", "on", metavar="RESOURCE", help="Where the role holds; everywhere when left out.")
@operation()
async def assign(ostiary: Ostiary, account: str, role: str, on: str | None) -> Assignment:
    """Give an account a role."""
    from ostiary.authorization import AssignmentCreate

    new = AssignmentCreate(role, resource_of(on))
    return await ostiary.use.assignments.assign(ostiary.operator(), await account_id(ostiary, account), new)


@roles.command()
@click.argument("account")
@click.argument("role")
@click.option("--on", "on", metavar="RESOURCE", help="Where the role holds; everywhere when left out.")
@operation()
async def unassign(ostiary: Ostiary, account: str, role: str, on: str | None) -> None:
    """Take a role away from an account."""
    operator, owner, resource = ostiary.operator(), await account_id(ostiary, account), resource_of(on)
    cursor: str | None = None
    while True:
        page = await ostiary.use.assignments.list(operator, owner, cursor, 200)
        for held in page.items:
            if (held.role, held.resource) == (role, resource):
                return await ostiary.use.assignments.unassign(operator, owner, held.id)
        if page.next is None:
            from ostiary.errors import NotFound

            raise NotFound("The account has no such role there.")
        cursor = page.next
