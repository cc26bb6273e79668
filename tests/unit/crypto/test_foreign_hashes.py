"""Hashes that other systems made: each is verified as its maker does; what is broken or too costly is refused."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import sys
import time
import unicodedata

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.crypto import PasswordHasher
from ostiary.crypto.foreign_hashes import (
    FORMATS,
    Beside,
    HashFault,
    UnusableHash,
    is_kept,
    kept,
    parse_foreign,
    parse_kept,
)
from ostiary.errors import ConfigurationError, Unavailable
from tests.support.foreign_hashes import VECTORS, Vector, json_of_keycloak, one_of_each_format, vector

each_vector = pytest.mark.parametrize("found", VECTORS, ids=lambda each: each.name)
LONGEST = 264


@pytest.fixture
def hasher() -> PasswordHasher:
    return PasswordHasher(memory_kib=64, passes=1)


def kept_of(found: Vector) -> str:
    return kept(parse_foreign(found.password_hash, found.format, found.beside))


def fault_of(text: str, format_name: str | None = None, beside: Beside | None = None) -> HashFault:
    with pytest.raises(UnusableHash) as refused:
        parse_foreign(text, format_name, beside)
    return refused.value.fault


def test_there_is_a_vector_of_every_format() -> None:
    assert {found.format for found in VECTORS} == set(FORMATS)


@each_vector
async def test_the_right_password_verifies_and_others_do_not(found: Vector, hasher: PasswordHasher) -> None:
    stored = kept_of(found)
    assert await hasher.verify(stored, _normal(found.password), as_typed=found.password)
    for wrong in ("x" + found.password, found.password[1:] or "x", found.password[:60] + "x"):
        assert not await hasher.verify(stored, _normal(wrong), as_typed=wrong)
    assert hasher.outdated(stored)


@each_vector
def test_a_hash_tells_its_format_by_itself(found: Vector) -> None:
    assert kept(parse_foreign(found.password_hash, None, found.beside)) == kept_of(found)


@each_vector
def test_what_is_kept_names_its_kind_and_is_short_and_read_again(found: Vector) -> None:
    stored = kept_of(found)
    assert is_kept(stored)
    assert len(stored) <= LONGEST
    assert stored.isascii()
    assert kept(parse_kept(stored)) == stored


@each_vector
@pytest.mark.parametrize("missing", [1, 2, 3, 4, 6, 7])
def test_a_hash_that_was_cut_off_is_refused(found: Vector, missing: int) -> None:
    assert fault_of(found.password_hash[:-missing], found.format, found.beside) is HashFault.INVALID


@pytest.mark.parametrize("found", [each for each in VECTORS if each.format != "keycloak"], ids=lambda each: each.name)
def test_a_garbled_hash_is_refused(found: Vector) -> None:
    text = found.password_hash
    for garbled in (
        text + "\n",
        " " + text,
        text + "A",
        text[:-10] + "!" + text[-9:],
        text[:-10] + "é" + text[-9:],
        text[:-10] + "\0" + text[-10:],
        text[:1] + text,
        text + text,
        "",
        "x" * 100_000,
    ):
        assert fault_of(garbled, found.format, found.beside) is HashFault.INVALID, garbled[:200]


def test_bits_that_mean_nothing_are_refused() -> None:
    """Two spellings of one hash would be two hashes that one password fits, and one of them a typing error."""
    for name, last in (
        ("bcrypt 2b", "z"),
        ("phpass of npm", "z"),
        ("passlib ldap_salted_sha1", "B=="),
        ("argon2i", "z"),
    ):
        text = vector(name).password_hash
        assert fault_of(text[: -len(last)] + last, vector(name).format) is HashFault.INVALID


def test_a_hash_of_another_format_than_was_told_is_refused() -> None:
    bcrypt = vector("bcrypt 2b").password_hash
    for name in FORMATS:
        if name != "bcrypt":
            assert fault_of(bcrypt, name) is HashFault.INVALID
    assert fault_of(bcrypt, "md5") is HashFault.UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "$1$salt$qJH7.N4xYta3aEG/dfqo/0",
        "$6$salt$" + "A" * 86,
        "$2x$05$" + "." * 53,
        "{CRYPT}$1$salt$qJH7.N4xYta3aEG/dfqo/0",
        "{MD5}X03MO1qnZdYdgyfeuILPmQ==",
        "md5$salt$" + "a" * 32,
        "password",
        "!unusable",
        "imported$P$BIlIHRFhaJqwpo.TzF3tyevsuMMNaYO.",
    ],
)
def test_what_is_no_known_hash_is_refused(text: str) -> None:
    assert fault_of(text) in (HashFault.UNKNOWN, HashFault.INVALID)


def test_a_salt_beside_a_hash_that_has_one_is_refused() -> None:
    assert fault_of(vector("bcrypt 2b").password_hash, "bcrypt", Beside("c2FsdA==")) is HashFault.INVALID
    firebase = vector("firebase")
    assert fault_of(firebase.password_hash, "firebase", Beside(firebase.password_salt)) is HashFault.INVALID
    assert fault_of(firebase.password_hash, "firebase", Beside(None, firebase.beside.firebase)) is HashFault.INVALID


_SALT, _HASH = "c29tZXNhbHRzb21lc2FsdA", "A" * 43
COSTLY = {
    "bcrypt": "$2b$15$" + "." * 53,
    "argon2, 512 MiB": f"$argon2id$v=19$m=524288,t=1,p=1${_SALT}${_HASH}",
    "argon2, passes": f"$argon2i$v=19$m=65536,t=100,p=1${_SALT}${_HASH}",
    "scrypt, 512 MiB": f"$scrypt$ln=19,r=8,p=1${_SALT}${_HASH}",
    "scrypt, 2 GiB in r": f"$scrypt$ln=14,r=1024,p=1${_SALT}${_HASH}",
    "scrypt, p": f"$scrypt$ln=14,r=8,p=99${_SALT}${_HASH}",
    "scrypt, ln": f"$scrypt$ln=63,r=8,p=1${_SALT}${_HASH}",
    "pbkdf2": f"$pbkdf2-sha256$60000000${_SALT}${_HASH}",
    "pbkdf2, blocks": f"$pbkdf2$2000000${_SALT}${'A' * 86}",
    "django": "pbkdf2_sha256$99999999$salt$" + "A" * 43 + "=",
    "django scrypt": "scrypt$1048576$salt$8$1$" + "A" * 86 + "==",
    "aspnet": base64.b64encode(bytes([1, 0, 0, 0, 1]) + b"\xff" * 4 + bytes([0, 0, 0, 16]) + bytes(48)).decode(),
    "phpass": "$P$H" + "." * 30,
    "keycloak": json_of_keycloak(vector("keycloak pbkdf2-sha512"), hashIterations=2_000_001),
    "keycloak argon2": json_of_keycloak(vector("keycloak argon2"), hashIterations=1000),
}


@pytest.mark.parametrize("text", COSTLY.values(), ids=COSTLY)
def test_a_hash_that_would_take_seconds_or_half_a_gigabyte_is_refused(text: str) -> None:
    start = time.process_time()
    assert fault_of(text) is HashFault.COSTLY
    assert time.process_time() - start < 0.1


def test_what_firebase_may_cost_is_bounded() -> None:
    found = vector("firebase")
    parameters = found.beside.firebase
    assert parameters is not None
    costly: list[dict[str, object]] = [{"rounds": 100_000}, {"mem_cost": 30}, {"mem_cost": 10**9}]
    none: list[dict[str, object]] = [{"rounds": 0}, {"mem_cost": 0}, {"rounds": -8}]
    none += [{"signer_key": "AAAA"}, {"salt_separator": "B"}]
    for changed in costly + none:
        beside = Beside(found.password_salt, msgspec.structs.replace(parameters, **changed))
        fault = HashFault.COSTLY if changed in costly else HashFault.INVALID
        assert fault_of(found.password_hash, "firebase", beside) is fault, changed


@pytest.mark.parametrize(
    "changed",
    [
        {"algorithm": "pbkdf2-md5"},
        {"hashIterations": 0},
        {"hashIterations": -1},
        {"hashIterations": "27500"},
        {"value": "AAAA"},
        {"value": "!" * 44},
        {"salt": ""},
        {"salt": None},
    ],
    ids=str,
)
def test_a_credential_of_keycloak_with_other_members_is_refused(changed: dict[str, object]) -> None:
    assert fault_of(json_of_keycloak(vector("keycloak pbkdf2-sha256"), **changed)) is HashFault.INVALID


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '{"secretData": 1, "credentialData": 2}',
        "[]",
        '{"secretData": "{", "credentialData": "{}"}',
        '{"' * 99,
    ],
)
def test_what_is_no_credential_of_keycloak_is_refused(text: str) -> None:
    assert fault_of(text, "keycloak") is HashFault.INVALID
    whole = vector("keycloak argon2").password_hash
    for garbled in (whole + "A", whole + whole, whole.replace("}", ""), whole.replace("argon2", "argon2é")):
        assert fault_of(garbled, "keycloak") is HashFault.INVALID


@pytest.mark.parametrize(
    "more",
    [
        {},
        None,
        {"type": ["d"], "version": ["1.3"], "memory": ["7168"], "parallelism": ["1"]},
        {"type": ["id"], "version": ["1.0"], "memory": ["7168"], "parallelism": ["1"]},
        {"type": ["id"], "version": ["1.3"], "memory": ["-1"], "parallelism": ["1"]},
        {"type": ["id"], "version": ["1.3"], "memory": ["7168"], "parallelism": ["9999"]},
        {"type": ["id"], "version": ["1.3"], "memory": [], "parallelism": ["1"]},
    ],
    ids=str,
)
def test_argon2_of_keycloak_with_other_parameters_is_refused(more: object) -> None:
    text = json_of_keycloak(vector("keycloak argon2"), additionalParameters=more)
    assert fault_of(text) is HashFault.INVALID


HOSTILE = [
    "imported",
    "imported$",
    "imported$2b$31$" + "." * 53,
    f"imported$scrypt$ln=24,r=8,p=1${_SALT}${_HASH}",
    f"imported$pbkdf2-sha256$i=999999999${_SALT}${_HASH}",
    "imported$P$S" + "." * 30,
    f"imported$argon2id$v=19$m=4194304,t=1,p=1${_SALT}${_HASH}",
    f"$pbkdf2-sha256$i=1000${_SALT}${_HASH}",
    "$P$9" + "." * 30,
]


@pytest.mark.parametrize("stored", HOSTILE)
async def test_a_hostile_row_is_wrong_and_costs_no_more_than_a_hash_of_ours(
    stored: str, hasher: PasswordHasher
) -> None:
    start = time.process_time()
    assert not await hasher.verify(stored, "anything", as_typed="anything")
    assert time.process_time() - start < 0.1
    assert hasher.outdated(stored)


@given(st.text())
def test_whatever_is_no_hash_is_refused_and_raises_nothing_else(text: str) -> None:
    for parse in (parse_foreign, lambda each: parse_kept("imported" + each), parse_kept):
        with pytest.raises(UnusableHash):
            parse(text)


async def test_what_comes_after_72_bytes_was_never_part_of_a_bcrypt_hash(hasher: PasswordHasher) -> None:
    stored = kept_of(vector("bcrypt, 72 bytes"))
    password = vector("bcrypt, 72 bytes").password
    assert await hasher.verify(stored, password + " and more")
    assert not await hasher.verify(stored, password[:-1])


async def test_nul_does_not_end_a_password(hasher: PasswordHasher) -> None:
    assert not await hasher.verify(kept_of(vector("bcrypt, the empty password")), "\0anything")
    assert not await hasher.verify(kept_of(vector("bcrypt 2b")), vector("bcrypt 2b").password + "\0anything")


async def test_a_lone_surrogate_is_a_wrong_password(hasher: PasswordHasher) -> None:
    for found in one_of_each_format():
        assert not await hasher.verify(kept_of(found), "\ud800", as_typed="\ud800")


async def test_a_password_is_tried_as_typed_and_in_normal_form(hasher: PasswordHasher) -> None:
    """Few systems normalise, so what was hashed has its ligature; those that do have hashed the letters apart."""
    not_normalised = vector("passlib phpass, Unicode")
    typed, normal = not_normalised.password, _normal(not_normalised.password)
    assert typed != normal
    stored = kept_of(not_normalised)
    assert await hasher.verify(stored, normal, as_typed=typed)
    assert not await hasher.verify(stored, normal, as_typed=normal)
    argon2 = kept_of(vector("argon2id, Unicode"))
    assert await hasher.verify(argon2, normal, as_typed=typed)

    normalised = "imported" + await hasher.hash(normal)
    assert await hasher.verify(normalised, normal, as_typed=typed)
    assert not await hasher.verify(await hasher.hash(typed), normal, as_typed=typed)  # one of ours: normal form only


async def test_the_signer_key_of_firebase_is_not_kept_and_a_wrong_one_fits_no_password(hasher: PasswordHasher) -> None:
    found = vector("firebase")
    assert found.beside.firebase is not None
    key = base64.b64decode(found.beside.firebase.signer_key)
    stream = base64.b64decode(kept_of(found).rpartition("$")[2] + "==")
    assert len(stream) == 64
    assert key not in stream
    other = msgspec.structs.replace(found.beside.firebase, signer_key=base64.b64encode(key[::-1]).decode())
    stored = kept(parse_foreign(found.password_hash, None, Beside(found.password_salt, other)))
    assert not await hasher.verify(stored, found.password)


def test_firebase_writes_base64_in_either_alphabet() -> None:
    found = vector("firebase-scrypt of npm")
    for_urls = found.password_hash.replace("+", "-").replace("/", "_")
    assert for_urls != found.password_hash
    assert kept(parse_foreign(for_urls, "firebase", found.beside)) == kept_of(found)


def test_reprs_and_errors_show_nothing_of_a_hash() -> None:
    for found in VECTORS:
        parsed = parse_foreign(found.password_hash, found.format, found.beside)
        assert repr(parsed) == f"{type(parsed).__name__}()"
        with pytest.raises(UnusableHash) as refused:
            parse_foreign(found.password_hash + "!", found.format, found.beside)
        assert found.password_hash[-20:] not in str(refused.value)
        assert repr(found.beside) == "Beside()"


def test_without_the_package_bcrypt_is_refused_where_accounts_are_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    for name in ("bcrypt 2b", "django bcrypt", "django bcrypt_sha256", "wordpress 6.8"):
        with pytest.raises(ConfigurationError, match=r"pip install 'ostiary\[import\]'"):
            parse_foreign(vector(name).password_hash)


async def test_without_the_package_bcrypt_fits_no_password_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch, hasher: PasswordHasher, caplog: pytest.LogCaptureFixture
) -> None:
    stored = kept_of(vector("bcrypt 2b"))
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    with caplog.at_level(logging.ERROR):
        assert not await hasher.verify(stored, vector("bcrypt 2b").password)
    assert "pip install 'ostiary[import]'" in caplog.text
    assert stored not in caplog.text


async def test_imported_hashes_wait_in_the_same_bounded_queue() -> None:
    cores = len(os.sched_getaffinity(0))
    hasher = PasswordHasher(memory_kib=64, passes=1, max_queue=2)
    stored = kept_of(vector("django scrypt"))
    answers = await asyncio.gather(
        *(hasher.verify(stored, "wrong") for _ in range(cores + 2)), hasher.hash("x"), return_exceptions=True
    )
    assert [answer is False for answer in answers] == [True] * (cores + 2) + [False]
    assert isinstance(answers[-1], Unavailable)


async def test_the_event_loop_turns_while_an_imported_hash_is_verified() -> None:
    hasher = PasswordHasher(memory_kib=64, passes=1)
    slow_phpass = "imported$P$G" + "." * 30
    for stored in (kept_of(vector("django pbkdf2_sha256")), kept_of(vector("django scrypt")), slow_phpass):
        verifying = asyncio.ensure_future(hasher.verify(stored, "wrong"))
        turns = 0
        while not verifying.done():
            await asyncio.sleep(0)
            turns += 1
        assert turns > 10, stored


@pytest.mark.alone
@pytest.mark.parametrize("name", ["passlib ldap_salted_sha1", "aspnet v2", "phpass of npm"])
async def test_a_wrong_password_on_a_fast_hash_takes_the_time_of_one_of_ours(name: str) -> None:
    hasher = PasswordHasher()
    stored = kept_of(vector(name))

    async def cost(hashed: str | None) -> float:
        start = time.process_time()  # of all threads; what else the machine does is not in it
        await hasher.verify(hashed, "wrong", as_typed="wrong")
        return time.process_time() - start

    rounds = [[await cost(each) for each in (None, stored)] for _ in range(25)]
    nobody, imported = map(min, zip(*rounds, strict=True))
    assert imported == pytest.approx(nobody, rel=0.2)


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)
