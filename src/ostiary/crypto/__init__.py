"""The only door to cryptographic primitives.

Owns password hashing, sealing of secrets at rest, signed tokens (JOSE) and the ring of signing keys with its table
``signing_keys``. Depends on the database for that table, on base and errors. Refuses to be gone round: no other room
imports ``cryptography`` or ``joserfc``. What a token or a password is *for* is decided above.
"""

from ostiary.crypto import jose
from ostiary.crypto.jose import ACCESS_TOKEN_CLAIMS, Verifier
from ostiary.crypto.keyring import KeyRing, SigningKey
from ostiary.crypto.keys import ALGORITHMS, Key, parse_key_set
from ostiary.crypto.passwords import PasswordHasher
from ostiary.crypto.sealing import Sealer, Unsealable, derive_key, new_master_key, parse_master_key

__all__ = [
    "ACCESS_TOKEN_CLAIMS",
    "ALGORITHMS",
    "Key",
    "KeyRing",
    "PasswordHasher",
    "Sealer",
    "SigningKey",
    "Unsealable",
    "Verifier",
    "derive_key",
    "jose",
    "new_master_key",
    "parse_key_set",
    "parse_master_key",
]
