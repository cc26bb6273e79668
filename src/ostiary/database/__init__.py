"""Everything that is stored: SQLite and PostgreSQL behind one small face.

Owns the connections, transactions, migrations and the only imports of database drivers. Depends on ``base`` and
``errors``. Refuses to know any table but its own two (``migrations``, ``revisions``): each room keeps its SQL in its
own ``store.py``. No query builder and no object mapper: SQL is written as SQL, once for both dialects.
"""

from __future__ import annotations

from ostiary.database.errors import ForeignKeyViolation, UniqueViolation
from ostiary.database.face import Database, Reader, Transaction, Value
from ostiary.database.memo import Memo
from ostiary.database.migrate import MigrationStatus, migrate, pending, require_migrated, status
from ostiary.database.sweeping import Sweeper

__all__ = [
    "Database",
    "ForeignKeyViolation",
    "Memo",
    "MigrationStatus",
    "Reader",
    "Sweeper",
    "Transaction",
    "UniqueViolation",
    "Value",
    "migrate",
    "pending",
    "require_migrated",
    "status",
]
