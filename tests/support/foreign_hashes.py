"""The recorded hashes of other systems (``tests/vectors/foreign_hashes.json``)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from ostiary.crypto.foreign_hashes import Beside, FirebaseParameters

FILE = Path(__file__).parents[1] / "vectors" / "foreign_hashes.json"
FORMAT_MEMBERS = (
    "password_salt",
    "firebase_signer_key",
    "firebase_salt_separator",
    "firebase_rounds",
    "firebase_mem_cost",
)


class Vector(msgspec.Struct, frozen=True):
    name: str
    format: str
    made_by: str
    password: str
    password_hash: str
    password_salt: str | None = None
    firebase_signer_key: str | None = None
    firebase_salt_separator: str = ""
    firebase_rounds: int = 0
    firebase_mem_cost: int = 0

    @property
    def beside(self) -> Beside:
        """What comes beside the hash."""
        if self.firebase_signer_key is None:
            return Beside(self.password_salt)
        return Beside(
            self.password_salt,
            FirebaseParameters(
                self.firebase_signer_key, self.firebase_salt_separator, self.firebase_rounds, self.firebase_mem_cost
            ),
        )

    @property
    def members(self) -> dict[str, Any]:
        """The members of a line to import."""
        members: dict[str, Any] = {"password_hash": self.password_hash, "password_format": self.format}
        if self.firebase_signer_key is not None:
            members |= {name: getattr(self, name) for name in FORMAT_MEMBERS}
        return members


VECTORS = msgspec.json.decode(FILE.read_bytes(), type=list[Vector])


def vector(name: str) -> Vector:
    """The one with this name."""
    return next(each for each in VECTORS if each.name == name)


def one_of_each_format() -> list[Vector]:
    """The first of each."""
    first: dict[str, Vector] = {}
    for each in VECTORS:
        first.setdefault(each.format, each)
    return list(first.values())


def json_of_keycloak(found: Vector, **changed: Any) -> str:
    """A credential of Keycloak with other members in its two nested objects."""
    credential = json.loads(found.password_hash)
    for outer in ("secretData", "credentialData"):
        inner = json.loads(credential[outer])
        credential[outer] = json.dumps(inner | {name: changed[name] for name in inner if name in changed})
    return json.dumps(credential)
