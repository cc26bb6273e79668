"""`ostiary policies`: rules over attributes that stand beside those of a model's file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ostiary.cli.command import Group
from ostiary.cli.operation import operation, paged

if TYPE_CHECKING:
    from ostiary.app import Ostiary
    from ostiary.authorization import Policy
    from ostiary.base.pages import Page


@click.group(cls=Group)
def policies() -> None:
    """Administer policies: who may do what, by attributes of who asks, of what is asked for, and of the request."""


@policies.command("list")
@paged
@operation("name", "rule")
async def list_(ostiary: Ostiary, limit: int, cursor: str | None) -> Page[Policy]:
    """List policies by name."""
    return await ostiary.use.policies.list(ostiary.operator(), cursor, limit)


@policies.command()
@click.argument("policy")
@operation()
async def show(ostiary: Ostiary, policy: str) -> Policy:
    """Show one policy."""
    return await ostiary.use.policies.get(ostiary.operator(), policy)


@policies.command("set")
@click.argument("policy")
@click.argument("effect", type=click.Choice(["allow", "deny"]))
@click.option("--action", "actions", multiple=True, required=True, help="What it is about; * is everything.")
@click.option("--resource", "resources", multiple=True, required=True, help="A type of resource; * is every one.")
@click.option("--when", metavar="CEL", help="When it applies, like user.department == 'engineering'.")
@click.option("--condition", metavar="JSON", help='The same in JSON, like {"user.department": "engineering"}.')
@click.option("--description", default="", help="What it is for.")
@operation()
async def set_(
    ostiary: Ostiary,
    policy: str,
    effect: str,
    actions: tuple[str, ...],
    resources: tuple[str, ...],
    when: str | None,
    condition: str | None,
    description: str,
) -> Policy:
    """Make a policy, or have it say something else. --action and --resource may be repeated."""
    from ostiary.authorization import Effect, PolicyRule

    rule = PolicyRule(Effect(effect), list(actions), list(resources), _condition(condition), when, description)
    return await ostiary.use.policies.put(ostiary.operator(), policy, rule)


@policies.command()
@click.argument("policy")
@operation()
async def delete(ostiary: Ostiary, policy: str) -> None:
    """Delete a policy."""
    await ostiary.use.policies.delete(ostiary.operator(), policy)


def _condition(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        raise click.BadParameter("this is not JSON", param_hint="--condition") from None
    if not isinstance(found, dict):
        raise click.BadParameter("a condition in JSON is an object", param_hint="--condition")
    return found
