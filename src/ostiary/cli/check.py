"""`ostiary check` and `ostiary explain`: may they, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ostiary.cli.command import Command, ExitCode, invocation
from ostiary.cli.operation import carry_out, resource_of
from ostiary.cli.search import context_of, context_option, subject_of

if TYPE_CHECKING:
    from ostiary.app import Ostiary
    from ostiary.authorization import Decision


def _question(command: Callable[..., None]) -> Callable[..., None]:
    """The arguments of a question."""
    for part in (context_option, click.argument("resource", required=False), click.argument("permission")):
        command = part(command)
    return click.argument("subject")(command)


@click.command(cls=Command)
@_question
def check(subject: str, permission: str, resource: str | None, context: str | None) -> None:
    """Tell whether SUBJECT holds PERMISSION, on RESOURCE or everywhere, and why.

    SUBJECT is an account (its id, e-mail address or username), or another subject written as type:id. RESOURCE is
    written as type:id too, like documents:7. Exit code 0 when allowed, 1 when denied.
    """
    from ostiary.cli.output import show

    decision = carry_out(lambda ostiary: _decide(ostiary, subject, permission, resource, context))
    if invocation().json:
        show(_shown(decision))
    else:
        _tell(decision)
        if decision.would_allow:
            click.echo(f"  would be allowed by the role {' or '.join(decision.would_allow)}")
    click.get_current_context().exit(ExitCode.DONE if decision.allowed else ExitCode.DENIED)


@click.command(cls=Command)
@_question
def explain(subject: str, permission: str, resource: str | None, context: str | None) -> None:
    """Tell why SUBJECT may or may not do PERMISSION, and each nearest way to it.

    The question is the one of `ostiary check`, and so is the decision; beside the facts that made it, there is each
    role, relation or better proof that alone would change a denial. The exit code says nothing of the decision.
    """
    from ostiary.authorization.nearest import nearest
    from ostiary.cli.output import show

    decision = carry_out(lambda ostiary: _decide(ostiary, subject, permission, resource, context))
    ways = nearest(decision)
    if invocation().json:
        show({**_shown(decision), "nearest": ways})
        return
    _tell(decision)
    for way in ways.in_words():
        click.echo(f"  would be allowed {way}")


def _shown(decision: Decision) -> dict[str, Any]:
    return {
        "allowed": decision.allowed,
        "reason": decision.reason,
        "permission": decision.permission,
        "resource": decision.resource,
        "because": list(map(str, decision.because)),
        "failed": decision.failed,
        "would_allow": decision.would_allow,
    }


async def _decide(
    ostiary: Ostiary, subject: str, permission: str, resource: str | None, context: str | None
) -> Decision:
    from ostiary.authorization import parse_permission
    from ostiary.authorization.authorizer import Brought
    from ostiary.authorization.schema import USER
    from ostiary.permissions import Permission

    await ostiary.operator().require(Permission.DECISIONS_EVALUATE)
    who, wanted, place = await subject_of(ostiary, subject), parse_permission(permission), resource_of(resource)
    brought = Brought(context=context_of(context))
    if who.type == USER:
        return await ostiary.use.authorizer.decide(who.id, wanted, place, brought)
    return await ostiary.use.authorizer.decide_other(who, wanted, place, brought)


def _tell(decision: Decision) -> None:
    where = "everywhere" if decision.resource is None else f"on {decision.resource}"
    word = click.style("allowed", fg="green") if decision.allowed else click.style("denied", fg="red")
    why = "" if decision.allowed else f" ({decision.reason})"
    click.echo(f"{word}: {decision.permission} {where}{why}")
    for path in decision.because:
        click.echo(f"  {path}")
    for failed in decision.failed:
        read = ", ".join(f"{name} is {value!r}" for name, value in sorted(failed.values.items()))
        click.echo(f"  policy {failed.policy} does not apply: {failed.why or read}")
