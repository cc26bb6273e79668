"""What the two drivers' errors become. A mistake in the SQL itself stays the driver's own error: it is a bug."""

from __future__ import annotations

from ostiary.errors import Conflict


class UniqueViolation(Conflict):
    """A row with this primary or unique key is there already."""


class ForeignKeyViolation(Conflict):
    """The row refers to one that is not there, or is still referred to."""


FAILED = "the transaction has failed; catch errors around a savepoint, inside the transaction nothing else can follow"
NESTED = "this task is inside a transaction already; use its savepoint()"
OVER = "the transaction is over"
