"""A model of documents in folders, with owners and access control lists, and how a test has it apply."""

from __future__ import annotations

from ostiary.app import Ostiary
from ostiary.authorization import RelationWrite
from ostiary.authorization.model_file import read_model

SHARING = """\
types:
  folder:
    relations: {parent: [folder], viewer: [user, group#member]}
    parents: [parent]
    acl: [viewer]
  document:
    relations:
      folder: [folder]
      owner: [user, group#member]
      editor: [user, group#member]
      viewer: [user, "user:*", "anyone:*", group#member, role#holder]
    parents: [folder]
    owner: owner
    acl: [owner, editor, viewer, comment]
    permissions:
      read: viewer or write
      write: editor or owner
      comment: write
      share: owner
    attributes:
      classification: string
      pages: {type: int}
      due: {type: timestamp}
  team:
    relations: {member: [user, team#member]}
  note:
    relations: {reader: [team#member]}
    permissions: {read: reader}
"""


async def apply_model(ostiary: Ostiary, text: str = SHARING) -> None:
    """Have this model decide from now on."""
    model = read_model(text)
    async with ostiary.use.db.transaction() as tx:
        for type_, relation in model.sets():
            await tx.execute(
                "INSERT INTO subject_sets (type, relation) VALUES (:type, :relation) ON CONFLICT DO NOTHING",
                type=type_,
                relation=relation,
            )
        await tx.bump("authorization")
        await tx.execute(
            "INSERT INTO authorization_models (name, version, text, applied_at, applied_by)"
            " VALUES (:name, 1, :text, 0, NULL)",
            name=model.name,
            text=text,
        )
        await tx.bump("model")


async def relate(ostiary: Ostiary, *tuples: str) -> str:
    """Write tuples as the operator; the token of the write."""
    return (await ostiary.use.relations.write(ostiary.operator(), RelationWrite(tuples))).revision


async def related(ostiary: Ostiary, object_: str) -> set[str]:
    """Every tuple of one object, as stored and shown."""
    from ostiary.authorization import RelationQuery

    page = await ostiary.use.relations.list(ostiary.operator(), RelationQuery(object=object_, limit=200))
    assert page.next is None
    return {each.tuple for each in page.items}
