"""What is wrong with a model file: every fault with its place, and the name that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

import msgspec

from ostiary.errors import InvalidRequest

MAX_FAULTS = 100
_MAX_COMPARED = 500  # a comparison of names costs some microseconds, and a file can hold many thousands


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong, and where.

    Attributes:
        line, column: counted from 1, as editors do.
        hint: what would probably be right.
    """

    message: str
    line: int
    column: int
    hint: str | None = None

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}" + (f" {self.hint}" if self.hint else "")


class InvalidModel(InvalidRequest):
    """``faults`` in the order of the file; its problem details carry them as ``faults``, too."""

    code = "invalid_model"
    title = "The authorization model has faults."
    remedy = "Correct the file: `faults` has each with its `line`, `column`, `message` and, where there is one, `hint`."

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        more = f" That is the first of {len(faults)} faults." if len(faults) > 1 else ""
        super().__init__(
            f"{str(faults[0])[0].upper()}{str(faults[0])[1:]}{more}",
            extra={"faults": [msgspec.to_builtins(fault) for fault in faults]},
        )
        self.faults = faults


class TooManyFaults(Exception):
    """Raised within the reader to give up; never leaves it."""


class Faults:
    """Collects faults while a file is read, so that one reading tells of all of them."""

    def __init__(self) -> None:
        self._found: list[Fault] = []

    def add(self, place: tuple[int, int], message: str, hint: str | None = None) -> None:
        """Raises TooManyFaults when there are so many that nobody would read on."""
        self._found.append(Fault(message, *place, hint))
        if len(self._found) >= MAX_FAULTS:
            raise TooManyFaults

    def raise_any(self) -> None:
        """Raises InvalidModel when anything was found."""
        if self._found:
            raise InvalidModel(tuple(sorted(self._found, key=lambda fault: (fault.line, fault.column))))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """``Did you mean viewer?`` when a known name is close, else the known names when they are few."""
    names = dict.fromkeys(known)
    alike = list(islice((each for each in names if abs(len(each) - len(name)) <= 3), _MAX_COMPARED))
    if found := get_close_matches(name[:128], alike, 1):
        return f"Did you mean {found[0]}?"
    return f"There is {', '.join(names)}." if 0 < len(names) <= 8 else None
