"""Argon2 hashes (RFC 9106) in PHC strings: our own, and imported ones with other parameters."""

from __future__ import annotations

import hmac
import re
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.kdf.argon2 import Argon2i, Argon2id

from ostiary.crypto.base64 import decode_unpadded, encode_unpadded

Variant = Literal["argon2id", "argon2i"]

# What a stored hash may ask for: about a second. Imported hashes are dearer than ours; a hostile row is refused.
_MAX_MEMORY_KIB = 256 * 1024
_MAX_WORK = 1024 * 1024  # KiB times passes

_PHC = re.compile(
    r"\$(argon2id?)\$v=19\$m=([1-9][0-9]{0,8}),t=([1-9][0-9]{0,8}),p=([1-9][0-9]{0,8})"
    r"\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})"
)
_PRIMITIVES: dict[str, type[Argon2id] | type[Argon2i]] = {"argon2id": Argon2id, "argon2i": Argon2i}


class Argon2Hash(msgspec.Struct, frozen=True):
    """Parameters, salt and hash; ``memory_kib`` in KiB."""

    variant: Variant
    memory_kib: int
    passes: int
    lanes: int
    salt: bytes
    hash: bytes

    def __repr__(self) -> str:
        return "Argon2Hash()"

    @property
    def dear(self) -> bool:
        """Whether it asks for more memory or time than a hash from elsewhere may take."""
        return self.memory_kib > _MAX_MEMORY_KIB or self.memory_kib * self.passes > _MAX_WORK

    @property
    def cost(self) -> tuple[int, int, int]:
        return self.memory_kib, self.passes, self.lanes

    @property
    def phc(self) -> str:
        parameters = f"m={self.memory_kib},t={self.passes},p={self.lanes}"
        return f"${self.variant}$v=19${parameters}${encode_unpadded(self.salt)}${encode_unpadded(self.hash)}"

    def derive(self, password: bytes) -> bytes:
        """What ``password`` makes of these parameters and this salt; releases the GIL."""
        return _PRIMITIVES[self.variant](
            salt=self.salt,
            length=len(self.hash),
            iterations=self.passes,
            lanes=self.lanes,
            memory_cost=self.memory_kib,
        ).derive(password)

    def matches(self, password: bytes) -> bool:
        return hmac.compare_digest(self.derive(password), self.hash)


def parse_argon2(phc: str) -> Argon2Hash | None:
    """The hash in a PHC string of version 19; None where it is none. How dear it is, is not looked at."""
    match = _PHC.fullmatch(phc)
    if match is None:
        return None
    memory_kib, passes, lanes = map(int, match.group(2, 3, 4))
    if memory_kib < 8 * lanes:
        return None
    try:
        salt, expected = map(decode_unpadded, match.group(5, 6))
    except ValueError:
        return None
    return Argon2Hash("argon2id" if match[1] == "argon2id" else "argon2i", memory_kib, passes, lanes, salt, expected)
