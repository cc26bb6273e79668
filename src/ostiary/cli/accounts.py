"""`ostiary accounts`: who exists. ACCOUNT is an id, an e-mail address or a username."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ostiary.cli.accounts_import import import_
from ostiary.cli.command import Group
from ostiary.cli.operation import account_id, operation, paged

if TYPE_CHECKING:
    from ostiary.accounts import AccountView
    from ostiary.accounts.model import Kind
    from ostiary.app import Ostiary
    from ostiary.base.pages import Page


@click.group(cls=Group)
def accounts() -> None:
    """Administer accounts. ACCOUNT is an id, an e-mail address or a username."""


accounts.add_command(import_)


@accounts.command("list")
@paged
@operation("id", "kind", "status", "email", "username", "name", "created_at")
async def list_(ostiary: Ostiary, limit: int, cursor: str | None) -> Page[AccountView]:
    """List accounts, the oldest first."""
    from ostiary.base.pages import PageQuery

    return await ostiary.use.account_administration.list(ostiary.operator(), PageQuery(cursor, limit))


@accounts.command()
@click.argument("account")
@operation()
async def show(ostiary: Ostiary, account: str) -> AccountView:
    """Show one account."""
    from ostiary.accounts import account_view

    return account_view(await ostiary.use.account_administration.find(ostiary.operator(), account))


@accounts.command()
@click.argument("email", required=False)
@click.option("--username", help="A second name to sign in with.")
@click.option("--name", default="", help="The name of the person or the service.")
@click.option(
    "--kind",
    type=click.Choice(["user", "service", "agent"]),
    default="user",
    metavar="KIND",
    help="user (when left out), service or agent.",
)
@click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")
@operation()
async def create(
    ostiary: Ostiary, email: str | None, username: str | None, name: str, kind: Kind, password_stdin: bool
) -> AccountView:
    """Create an account with a verified address.

    A password is asked for on a terminal, or read with --password-stdin; an account may do without.
    """
    from ostiary.accounts import AccountCreate, account_view

    new = AccountCreate(email, username, name, kind, _password(kind, password_stdin))
    return account_view(await ostiary.use.account_administration.create(ostiary.operator(), new))


@accounts.command()
@click.argument("account")
@operation()
async def enable(ostiary: Ostiary, account: str) -> AccountView:
    """Let a disabled account sign in again."""
    return await _change_status(ostiary, account, active=True)


@accounts.command()
@click.argument("account")
@operation()
async def disable(ostiary: Ostiary, account: str) -> AccountView:
    """Shut an account out and end its sessions and tokens."""
    return await _change_status(ostiary, account, active=False)


@accounts.command()
@click.argument("account")
@operation()
async def delete(ostiary: Ostiary, account: str) -> None:
    """Delete an account with all that belongs to it. The audit log keeps its id."""
    await ostiary.use.account_administration.delete(ostiary.operator(), await account_id(ostiary, account))


@accounts.command()
@click.argument("account")
@operation("id", "kind", "created_at", "used_at", "expires_at", "address", "place", "device")
async def sessions(ostiary: Ostiary, account: str) -> object:
    """List where an account is signed in, by cookie or by token."""
    found = await ostiary.use.sign_ins.list(ostiary.operator(), await account_id(ostiary, account))
    return {"items": found, "next": None}


@accounts.command("end-sessions")
@click.argument("account")
@click.argument("session", required=False)
@operation()
async def end_sessions(ostiary: Ostiary, account: str, session: str | None) -> object:
    """End one sign-in of an account, or all of them."""
    operator, owner = ostiary.operator(), await account_id(ostiary, account)
    if session is None:
        return {"ended": await ostiary.use.sign_ins.end_all(operator, owner)}
    await ostiary.use.sign_ins.end(operator, session, owner)
    return {"ended": 1}


@accounts.command("first-administrator")
@operation()
async def first_administrator(ostiary: Ostiary) -> object:
    """Print a one-time link that makes the first administrator; an earlier link ends."""
    from ostiary.errors import Conflict

    link = await ostiary.use.first_administrator.link(ostiary.operator())
    if link is None:
        raise Conflict("There is an administrator already; `ostiary roles assign ACCOUNT administrator` makes another.")
    return {"link": link}


async def _change_status(ostiary: Ostiary, account: str, *, active: bool) -> AccountView:
    from ostiary.accounts import AccountChange, account_view

    change = AccountChange(status="active" if active else "disabled")
    changed = await ostiary.use.account_administration.change(
        ostiary.operator(), await account_id(ostiary, account), change
    )
    return account_view(changed)


def _password(kind: Kind, from_stdin: bool) -> str | None:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if kind != "user" or not sys.stdin.isatty():
        return None
    typed: str = click.prompt(
        "Password (empty for none)", default="", show_default=False, hide_input=True, confirmation_prompt=True, err=True
    )
    return typed or None
