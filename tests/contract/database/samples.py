"""A table of the schema that refers to no other, for tests that need some rows."""

from __future__ import annotations

import msgspec

from ostiary.database import Database, Reader, Transaction


class Role(msgspec.Struct, frozen=True):
    name: str
    description: str
    updated_at: int


BY_NAME = "SELECT name, description, updated_at FROM roles WHERE name = :name"


async def add_role(tx: Transaction, name: str, description: str = "") -> None:
    await tx.execute(
        "INSERT INTO roles (name, description, builtin, created_at, updated_at) VALUES (:name, :description, 0, 0, 0)",
        name=name,
        description=description,
    )


async def store_role(db: Database, name: str, description: str = "") -> None:
    async with db.transaction() as tx:
        await add_role(tx, name, description)


async def added_roles(reader: Reader) -> list[str]:
    """The names of the roles that did not come with the schema, in order."""
    rows = await reader.fetch_all(
        Role, "SELECT name, description, updated_at FROM roles WHERE builtin = 0 ORDER BY name"
    )
    return [row.name for row in rows]
