"""Addresses: what is one, what counts as the same, and what never does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.accounts.store import identifier_key
from ostiary.base.email import parse_email
from ostiary.errors import InvalidRequest


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        (" ada@example.com ", "ada@example.com"),
        ("Straße@example.com", "STRASSE@example.com"),
        ("ada@münchen.example", "ada@xn--mnchen-3ya.example"),
        ("e\u0301va@example.com", "\u00e9va@example.com"),
    ],
)
def test_one_address_in_two_spellings(left: str, right: str) -> None:
    assert parse_email(left).key == parse_email(right).key


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("ada+shop@example.com", "ada@example.com"),
        ("a.da@example.com", "ada@example.com"),
        ("\u0430da@example.com", "ada@example.com"),  # a Cyrillic letter
        ("ada@example.com", "ada@example.org"),
    ],
)
def test_two_addresses_that_look_alike(left: str, right: str) -> None:
    assert parse_email(left).key != parse_email(right).key


def test_mail_goes_to_the_address_as_its_owner_wrote_it() -> None:
    assert parse_email("Ada.Lovelace@Example.COM").address == "Ada.Lovelace@example.com"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "ada@",
        "@example.com",
        "ada@example",
        "ada@@example.com",
        "ada@[127.0.0.1]",
        '"a b"@example.com',
        "Ada <ada@example.com>",
        "ada@example.com, eve@example.com",
        "ada@example.com\nBcc: eve@example.com",
        "ada\0@example.com",
        "ada@-example.com",
        "ada@" + "e" * 250 + ".com",
        "\ud800@example.com",
        ".ada@example.com",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_email(text, "new_address")
    assert refused.value.field == "new_address"


@given(
    st.from_regex(r"[A-Za-z0-9]{1,10}([.+_-][A-Za-z0-9]{1,10})?@[A-Za-z0-9]{1,10}\.(com|org|example)", fullmatch=True)
)
def test_sign_in_finds_an_ascii_address_under_the_key_it_is_stored_with(text: str) -> None:
    assert identifier_key(text) == ("email_key", parse_email(text).key)


@given(st.text(max_size=300))
def test_any_text_has_a_key_to_look_up(text: str) -> None:
    column, key = identifier_key(text)
    assert column == ("email_key" if "@" in text else "username_key")
    assert len(key) <= 300
