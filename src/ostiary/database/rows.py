"""From a row to a frozen struct, by column name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ostiary.database.face import R


def row_maker(row: type[R], columns: Sequence[str]) -> Callable[[Iterable[Any]], R]:
    """What turns the values of ``columns``, in that order, into a ``row``. Made once for a statement, then kept."""
    if len(set(columns)) != len(columns):
        raise TypeError(f"two columns have one name: {', '.join(columns)}")
    if tuple(columns) == row.__match_args__[: len(columns)]:
        return lambda values: row(*values)
    return lambda values: row(**dict(zip(columns, values, strict=True)))


class RowMakers:
    """The makers that one database has needed so far."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, type], Callable[[Iterable[Any]], Any]] = {}

    def get(self, row: type[R], sql: str, columns: Callable[[], Sequence[str]]) -> Callable[[Iterable[Any]], R]:
        """The maker for this statement; ``columns`` is asked only the first time, because asking is dear."""
        maker = self._made.get((sql, row))
        if maker is None:
            maker = self._made[sql, row] = row_maker(row, columns())
        return maker
