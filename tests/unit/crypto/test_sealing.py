from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.crypto import Sealer, Unsealable, derive_key, new_master_key, parse_master_key
from ostiary.errors import ConfigurationError

MASTER = bytes(range(224, 256))
SEALER = Sealer(MASTER)


@given(st.binary(max_size=300), st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_what_was_sealed_opens_in_its_context(plaintext: bytes, context: str) -> None:
    assert SEALER.open(SEALER.seal(plaintext, context), context) == plaintext


def test_sealing_twice_never_gives_the_same_bytes() -> None:
    assert SEALER.seal(b"secret", "c") != SEALER.seal(b"secret", "c")


def test_another_context_does_not_open_it() -> None:
    with pytest.raises(Unsealable, match="belongs to something else"):
        SEALER.open(SEALER.seal(b"secret", "row/1"), "row/2")


def test_another_master_key_does_not_open_it_and_the_operator_is_told_why() -> None:
    with pytest.raises(Unsealable, match="master key does not match this database") as caught:
        Sealer(bytes(32)).open(SEALER.seal(b"secret", "c"), "c")
    assert caught.value.status == 500
    assert caught.value.detail is None


def test_no_byte_can_be_changed_or_left_out() -> None:
    sealed = SEALER.seal(b"secret", "c")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(Unsealable):
            SEALER.open(bytes(changed), "c")
        with pytest.raises(Unsealable):
            SEALER.open(sealed[:place], "c")


def test_each_purpose_has_its_own_key() -> None:
    keys = {derive_key(MASTER, purpose) for purpose in ("sealing", "csrf", "links")}
    assert len(keys) == 3
    assert all(len(key) == 32 for key in keys)
    assert derive_key(MASTER, "csrf") == derive_key(MASTER, "csrf") != derive_key(bytes(32), "csrf")
    with pytest.raises(ValueError, match="32 bytes"):
        derive_key(b"short", "csrf")


@pytest.mark.parametrize(
    "text",
    [
        MASTER.hex(),
        MASTER.hex().upper(),
        base64.b64encode(MASTER).decode(),
        base64.b64encode(MASTER).decode().rstrip("="),
        base64.urlsafe_b64encode(MASTER).decode(),
        f"  {MASTER.hex()}\n",
    ],
)
def test_a_master_key_is_read_in_hex_base64_and_base64url(text: str) -> None:
    assert parse_master_key(text) == MASTER


@pytest.mark.parametrize("text", ["", "secret", "00" * 31, "00" * 33, "=" * 44, "A" * 42, "A" * 44, "é" * 43])
def test_what_does_not_hold_32_bytes_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_master_key(text)
    assert not text or text not in str(caught.value)


def test_a_new_master_key_can_be_read() -> None:
    assert len(parse_master_key(new_master_key())) == 32
