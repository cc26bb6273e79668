"""Why an imported hash cannot be used."""

from __future__ import annotations

from enum import StrEnum


class HashFault(StrEnum):
    """Stable codes; the import's report has them."""

    UNKNOWN = "unknown_password_format"
    INVALID = "invalid_password_hash"
    COSTLY = "costly_password_hash"


class UnusableHash(Exception):
    """A hash that is refused. The text never has a part of it."""

    def __init__(self, fault: HashFault, text: str) -> None:
        super().__init__(text)
        self.fault = fault


def invalid(kind: str) -> UnusableHash:
    return UnusableHash(HashFault.INVALID, f"This is not a complete {kind} hash.")


def costly(kind: str, bound: str) -> UnusableHash:
    return UnusableHash(HashFault.COSTLY, f"Verifying this {kind} hash would take too long; {bound} is the most.")
