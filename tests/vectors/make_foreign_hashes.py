"""Makes ``foreign_hashes.json``: hashes as other systems make them, by the libraries that do.

    uv run --with passlib --with django --with bcrypt --with argon2-cffi --with firebase-scrypt \
        python tests/vectors/make_foreign_hashes.py

makes those of Python anew, and leaves those that it does not make as they are. They say how they were made: by the
named package of npm, in node; or they were found where that system's own makers, or people who run it, have published
them with the password.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

FILE = Path(__file__).with_name("foreign_hashes.json")
PLAIN = "correct horse battery"
UNICODE = "pässwörd ﬁve 🔑"  # with a ligature, which NFKC takes apart
LONG = "0123456789" * 7 + "ab"  # 72 bytes
FIREBASE = {
    "firebase_signer_key": base64.b64encode(bytes(range(64))).decode(),
    "firebase_salt_separator": "Bw==",
    "firebase_rounds": 8,
    "firebase_mem_cost": 14,
}

Vector = dict[str, object]


def main() -> None:
    made = [*_passlib(), *_bcrypt(), *_django(), *_argon2(), *_firebase(), *_keycloak()]
    names = {vector["name"] for vector in made}
    recorded = json.loads(FILE.read_text("utf-8")) if FILE.exists() else []
    kept = [vector for vector in recorded if vector["name"] not in names]
    FILE.write_text(json.dumps(made + kept, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _vector(name: str, format_name: str, made_by: str, password: str, hashed: str, **more: object) -> Vector:
    return {
        "name": name,
        "format": format_name,
        "made_by": made_by,
        "password": password,
        "password_hash": hashed,
        **more,
    }


def _passlib() -> Iterator[Vector]:
    from passlib import hash as passlib  # type: ignore[import-untyped]

    by = f"passlib {version('passlib')} (PyPI)"
    for name, format_name, hasher in (
        ("passlib scrypt", "scrypt", passlib.scrypt.using(rounds=10)),
        ("passlib scrypt, other parameters", "scrypt", passlib.scrypt.using(rounds=8, block_size=4, parallelism=2)),
        ("passlib pbkdf2_sha1", "pbkdf2", passlib.pbkdf2_sha1.using(rounds=1000)),
        ("passlib pbkdf2_sha256", "pbkdf2", passlib.pbkdf2_sha256.using(rounds=1000)),
        ("passlib pbkdf2_sha512", "pbkdf2", passlib.pbkdf2_sha512.using(rounds=1000)),
        ("passlib ldap_sha1", "ldap", passlib.ldap_sha1),
        ("passlib ldap_salted_sha1", "ldap", passlib.ldap_salted_sha1.using(salt_size=4)),
        ("passlib ldap_salted_sha256", "ldap", passlib.ldap_salted_sha256),
        ("passlib ldap_salted_sha512", "ldap", passlib.ldap_salted_sha512.using(salt_size=16)),
        ("passlib phpass, WordPress", "phpass", passlib.phpass.using(rounds=13)),
        ("passlib phpass, phpBB", "phpass", passlib.phpass.using(rounds=11, ident="H")),
    ):
        yield _vector(name, format_name, by, PLAIN, hasher.hash(PLAIN))
    yield _vector("passlib phpass, Unicode", "phpass", by, UNICODE, passlib.phpass.using(rounds=8).hash(UNICODE))


def _bcrypt() -> Iterator[Vector]:
    import bcrypt

    by = f"bcrypt {version('bcrypt')} (PyPI)"
    for name, password, prefix in (
        ("bcrypt 2b", PLAIN, b"2b"),
        ("bcrypt 2a", PLAIN, b"2a"),
        ("bcrypt, Unicode", UNICODE, b"2b"),
        ("bcrypt, 72 bytes", LONG, b"2b"),
        ("bcrypt, the empty password", "", b"2b"),
    ):
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(5, prefix)).decode()
        yield _vector(name, "bcrypt", by, password, hashed)


def _django() -> Iterator[Vector]:
    from django.conf import settings  # type: ignore[import-untyped]
    from django.contrib.auth import hashers  # type: ignore[import-untyped]

    settings.configure()
    by = f"django {version('django')} (PyPI), django.contrib.auth.hashers"
    for name, hasher in (
        ("django pbkdf2_sha256", hashers.PBKDF2PasswordHasher()),
        ("django pbkdf2_sha1", hashers.PBKDF2SHA1PasswordHasher()),
        ("django scrypt", hashers.ScryptPasswordHasher()),
        ("django argon2", hashers.Argon2PasswordHasher()),
        ("django bcrypt", hashers.BCryptPasswordHasher()),
        ("django bcrypt_sha256", hashers.BCryptSHA256PasswordHasher()),
    ):
        if isinstance(hasher, hashers.BCryptPasswordHasher | hashers.BCryptSHA256PasswordHasher):
            hasher.rounds = 5
        yield _vector(name, "django", by, PLAIN, hasher.encode(PLAIN, hasher.salt()))
    long = hashers.BCryptSHA256PasswordHasher()
    long.rounds = 5
    yield _vector("django bcrypt_sha256, long", "django", by, LONG * 2, long.encode(LONG * 2, long.salt()))
    unicode = hashers.PBKDF2PasswordHasher()
    yield _vector("django, Unicode", "django", by, UNICODE, unicode.encode(UNICODE, unicode.salt()))


def _argon2() -> Iterator[Vector]:
    from argon2 import PasswordHasher, Type  # type: ignore[import-not-found]

    by = f"argon2-cffi {version('argon2-cffi')} (PyPI)"
    for name, hasher in (
        ("argon2id", PasswordHasher(memory_cost=1024, time_cost=3, parallelism=2)),
        ("argon2id, long", PasswordHasher(memory_cost=512, time_cost=1, parallelism=1, hash_len=64, salt_len=32)),
        ("argon2i", PasswordHasher(memory_cost=1024, time_cost=3, parallelism=1, type=Type.I)),
    ):
        yield _vector(name, "argon2", by, PLAIN, hasher.hash(PLAIN))
    yield _vector(
        "argon2id, Unicode", "argon2", by, UNICODE, PasswordHasher(memory_cost=512, time_cost=1).hash(UNICODE)
    )


def _firebase() -> Iterator[Vector]:
    import firebase_scrypt  # type: ignore[import-not-found]

    by = f"firebase-scrypt {version('firebase-scrypt')} (PyPI), the encryption of a signer key of 64 bytes"
    salt = base64.b64encode(os.urandom(10)).decode()
    for name, password in (("firebase", PLAIN), ("firebase, Unicode", UNICODE)):
        key = firebase_scrypt.generate_derived_key(
            password,
            salt,
            FIREBASE["firebase_salt_separator"],
            FIREBASE["firebase_rounds"],
            FIREBASE["firebase_mem_cost"],
        )
        hashed = firebase_scrypt.encrypt(base64.b64decode(FIREBASE["firebase_signer_key"]), key[:32])  # type: ignore[arg-type]
        yield _vector(name, "firebase", by, password, base64.b64encode(hashed).decode(), password_salt=salt, **FIREBASE)


def _keycloak() -> Iterator[Vector]:
    """Of Keycloak's first algorithm nobody has published one; its shape is that of the others."""
    salt = secrets.token_bytes(16)
    hashed = hashlib.pbkdf2_hmac("sha1", PLAIN.encode(), salt, 20_000, 64)
    secret = {"value": base64.b64encode(hashed).decode(), "salt": base64.b64encode(salt).decode()}
    told = {"hashIterations": 20_000, "algorithm": "pbkdf2", "additionalParameters": {}}
    credential = {"type": "password", "secretData": json.dumps(secret), "credentialData": json.dumps(told)}
    by = "hashlib.pbkdf2_hmac in the shape of Keycloak's export"
    yield _vector("keycloak pbkdf2", "keycloak", by, PLAIN, json.dumps(credential))


if __name__ == "__main__":
    main()
