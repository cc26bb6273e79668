"""`ostiary relations`: who stands in which relation to what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ostiary.cli.command import Group
from ostiary.cli.operation import operation, paged

if TYPE_CHECKING:
    from ostiary.app import Ostiary
    from ostiary.authorization import RelationView, WriteAnswer
    from ostiary.base.pages import Page


@click.group(cls=Group)
def relations() -> None:
    """Administer relations. A TUPLE is written like document:1#viewer@user:7 or document:1#viewer@group:eng#member."""


@relations.command("list")
@click.option("--object", "object_", metavar="OBJECT", help="Of this object only, like document:1.")
@click.option("--type", "type_", metavar="TYPE", help="Of objects of this type only.")
@click.option("--relation", metavar="NAME", help="In this relation only.")
@click.option("--subject", metavar="SUBJECT", help="Of this subject only, like user:7 or group:eng#member.")
@paged
@operation("object", "relation", "subject", "created_at")
async def list_(
    ostiary: Ostiary,
    object_: str | None,
    type_: str | None,
    relation: str | None,
    subject: str | None,
    limit: int,
    cursor: str | None,
) -> Page[RelationView]:
    """List relations."""
    from ostiary.authorization import RelationQuery

    query = RelationQuery(object_, type_, relation, subject, cursor, limit)
    return await ostiary.use.relations.list(ostiary.operator(), query)


@relations.command()
@click.argument("tuples", metavar="TUPLE...", nargs=-1, required=True)
@click.option("--delete", "deletes", metavar="TUPLE", multiple=True, help="Delete this one in the same change.")
@operation()
async def write(ostiary: Ostiary, tuples: tuple[str, ...], deletes: tuple[str, ...]) -> WriteAnswer:
    """Write relations, all of them or none. Those that are there already stay."""
    from ostiary.authorization import RelationWrite

    return await ostiary.use.relations.write(ostiary.operator(), RelationWrite(tuples, deletes))


@relations.command()
@click.argument("tuples", metavar="TUPLE...", nargs=-1, required=True)
@operation()
async def delete(ostiary: Ostiary, tuples: tuple[str, ...]) -> WriteAnswer:
    """Delete relations, all of them or none. Those that are gone already are no fault."""
    from ostiary.authorization import RelationWrite

    return await ostiary.use.relations.write(ostiary.operator(), RelationWrite(deletes=tuples))
