"""A PostgreSQL database back as its migrations left it, by one message to the server and without touching its files.

To drop the schema and migrate anew costs a hundred milliseconds, to truncate every table not much less: each is a file
of its own, as each of its indexes is. A test leaves few rows, and to delete those costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import TopologicalSorter

import asyncpg

_NORMAL_OID = 16384  # what is below came with the server
_CHANGED = "OST01"  # SQLSTATE, of a class that PostgreSQL leaves to applications

_TABLES = """
    SELECT relation.oid::regclass::text AS name,
        array_remove(array_agg(parent.confrelid::regclass::text), NULL) AS parents
    FROM pg_class AS relation
    LEFT JOIN pg_constraint AS parent
        ON parent.conrelid = relation.oid AND parent.contype = 'f' AND parent.confrelid <> relation.oid
    WHERE relation.relkind = 'r' AND relation.relnamespace = 'public'::regnamespace
    GROUP BY relation.oid
"""
_SEQUENCES = """
    SELECT oid::regclass::text AS name FROM pg_class
    WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace ORDER BY name
"""
_CATALOGUES = """
    SELECT relation.relname AS name, min(attribute.attname) AS key
    FROM pg_class AS relation
    JOIN pg_attribute AS attribute ON attribute.attrelid = relation.oid
        AND (attribute.attname = 'oid' OR (relation.relname, attribute.attname) IN (VALUES
            ('pg_attribute', 'attrelid'), ('pg_index', 'indexrelid'), ('pg_sequence', 'seqrelid'),
            ('pg_inherits', 'inhrelid'), ('pg_description', 'objoid')))
    WHERE relation.relkind = 'r' AND NOT relation.relisshared AND relation.relnamespace = 'pg_catalog'::regnamespace
    GROUP BY relation.relname ORDER BY relation.relname
"""
_RESTORE = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend';
    DO $restore$ BEGIN
        {lock}
        IF ({shape}) <> '{was}' THEN
            RAISE EXCEPTION USING ERRCODE = '{changed}', MESSAGE = 'the schema was changed';
        END IF;
        {statements}
    END $restore$
"""


class Pristine:
    """What a database was like when this was made of it, and the way back there.

    Rows and sequences are put back; whether anything else was changed (tables, columns, indexes, constraints,
    functions, rights, settings) is told by the system catalogues: every such change leaves a row there that is newer,
    or takes one away. No rights are needed but those of who owns the database.
    """

    def __init__(self, script: str) -> None:
        self._script = script

    @classmethod
    async def of(cls, connection: asyncpg.Connection[asyncpg.Record]) -> Pristine:
        parents = {row["name"]: row["parents"] for row in await connection.fetch(_TABLES)}
        tables = list(TopologicalSorter(parents).static_order())
        statements = [f"DELETE FROM {table};" for table in reversed(tables)]
        for table in tables:
            statements += await _rows(connection, table)
        for row in await connection.fetch(_SEQUENCES):
            position = await connection.fetchrow(f"SELECT last_value, is_called FROM {row['name']}")
            assert position is not None
            statements.append(f"PERFORM setval('{row['name']}', {position['last_value']}, {position['is_called']});")
        shape = _shape((row["name"], row["key"]) for row in await connection.fetch(_CATALOGUES))
        # Who was about to commit has done it, or has been ended, before what there is is looked at.
        lock = f"LOCK TABLE {', '.join(tables)} IN EXCLUSIVE MODE;" if tables else ""
        was = await connection.fetchval(shape)
        text = _RESTORE.format(lock=lock, shape=shape, was=was, changed=_CHANGED, statements="\n".join(statements))
        return cls(text)

    async def restore(self, connection: asyncpg.Connection[asyncpg.Record]) -> bool:
        """End every other connection and undo what was done. False: it was more than rows, and nothing is undone."""
        try:
            await connection.execute(self._script)
        except asyncpg.PostgresError as error:
            if error.sqlstate == _CHANGED or isinstance(error, asyncpg.UndefinedTableError):
                return False
            raise
        return True


async def _rows(connection: asyncpg.Connection[asyncpg.Record], table: str) -> list[str]:
    """The statement that puts back what is in a table, if anything is."""
    literal = await connection.fetchval(f"SELECT format('%L', jsonb_agg(to_jsonb(rows))) FROM {table} AS rows")
    if literal == "NULL":
        return []
    rows = f"jsonb_populate_recordset(NULL::{table}, {literal})"
    return [f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM {rows};"]


def _shape(catalogues: Iterable[tuple[str, str]]) -> str:
    """A query that answers otherwise as soon as the schema, a right or a setting of the database has been changed."""
    parts = [
        f"SELECT '{name}' AS place, xmin::text AS made, {key}::bigint AS key FROM {name} WHERE {key} >= {_NORMAL_OID}"
        for name, key in catalogues
        if name != "pg_namespace"
    ]
    parts.append("SELECT 'pg_namespace', xmin::text, oid::bigint FROM pg_namespace")
    parts.append(
        "SELECT 'settings', md5(setconfig::text), 0 FROM pg_db_role_setting"
        " WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    together = " UNION ALL ".join(parts)
    return f"SELECT md5(string_agg(place || made || key, ',' ORDER BY place, key, made)) FROM ({together}) AS all_of_it"
