"""`ostiary check`: may they, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ostiary.cli.command import Command, ExitCode, invocation
from ostiary.cli.operation import account_id, carry_out, resource_of

if TYPE_CHECKING:
    from ostiary.app import Ostiary
    from ostiary.authorization import Decision


@click.command(cls=Command)
@click.argument("subject")
@click.argument("permission")
@click.argument("resource", required=False)
def check(subject: str, permission: str, resource: str | None) -> None:
    """Tell whether SUBJECT holds PERMISSION, on RESOURCE or everywhere, and why.

    SUBJECT is an account: its id, e-mail address or username. RESOURCE is written as type:id, like documents:7. Exit
    code 0 when allowed, 1 when denied.
    """
    from ostiary.cli.output import show

    decision = carry_out(lambda ostiary: _decide(ostiary, subject, permission, resource))
    if invocation().json:
        show(
            {
                "allowed": decision.allowed,
                "reason": decision.reason,
                "permission": decision.permission,
                "resource": decision.resource,
                "because": list(map(str, decision.because)),
                "would_allow": decision.would_allow,
            }
        )
    else:
        _explain(decision)
    click.get_current_context().exit(ExitCode.DONE if decision.allowed else ExitCode.DENIED)


async def _decide(ostiary: Ostiary, subject: str, permission: str, resource: str | None) -> Decision:
    from ostiary.authorization import parse_permission
    from ostiary.permissions import Permission

    await ostiary.operator().require(Permission.DECISIONS_EVALUATE)
    account, wanted, place = await account_id(ostiary, subject), parse_permission(permission), resource_of(resource)
    return await ostiary.use.authorizer.decide(account, wanted, place)


def _explain(decision: Decision) -> None:
    where = "everywhere" if decision.resource is None else f"on {decision.resource}"
    word = click.style("allowed", fg="green") if decision.allowed else click.style("denied", fg="red")
    why = "" if decision.allowed else f" ({decision.reason})"
    click.echo(f"{word}: {decision.permission} {where}{why}")
    for path in decision.because:
        click.echo(f"  {path}")
    if decision.would_allow:
        click.echo(f"  would be allowed by the role {' or '.join(decision.would_allow)}")
