"""RFC 9106: Argon2id. The room hashes without secret and associated data, so the vectors are those of other makers."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from ostiary.crypto import PasswordHasher

# Made by the reference implementation (github.com/P-H-C/phc-winner-argon2, src/test.c, version 0x13, Argon2id).
REFERENCE = [
    (
        "password",
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    ),
    (
        "password",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
    ),
    (
        "password",
        "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
    ),
    (
        "password",
        "$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$9qWtwbpyPd3vm1rB1GThgPzZ3/ydHL92zKL+15XZypg",
    ),
    (
        "differentpassword",
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94",
    ),
    (
        "password",
        "$argon2id$v=19$m=65536,t=2,p=1$ZGlmZnNhbHQ$vfMrBczELrFdWP0ZsfhWsRPaHppYdP3MVEMIVlqoFBw",
    ),
]


def test_the_primitive_gives_the_tag_of_section_5_3() -> None:
    argon2id = Argon2id(
        salt=b"\x02" * 16, length=32, iterations=3, lanes=4, memory_cost=32, ad=b"\x04" * 12, secret=b"\x03" * 8
    )
    tag = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"
    assert argon2id.derive(b"\x01" * 32).hex() == tag


@pytest.mark.parametrize(("password", "phc"), REFERENCE)
async def test_hashes_of_the_reference_implementation_verify(password: str, phc: str) -> None:
    hasher = PasswordHasher(memory_kib=64, passes=1)
    assert await hasher.verify(phc, password)
    assert not await hasher.verify(phc, password + " ")


async def test_a_new_hash_is_a_phc_string_with_the_parameters_of_owasp() -> None:
    assert (await PasswordHasher().hash("a password")).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
