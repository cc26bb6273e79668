"""The form of an API key: its checksum tells what was mistyped, and a scanner's pattern finds what is one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.credentials.api_key import PATTERN, hint_of, looks_like_key, new_key, parse_key
from ostiary.errors import InvalidToken

KEY = "ost_live_njgjDNLTECcVdg9qYYKAZZX7Es3NYGbunjNo6eYNPhw1VFkZe"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def test_a_new_key_is_one_each_time_another_and_found_by_the_pattern_in_a_text() -> None:
    made = {new_key() for _ in range(1000)}
    assert len(made) == 1000
    for key in made:
        assert parse_key(key) == key
        assert re.findall(rf"\b{PATTERN}\b", f'api_key = "{key}"') == [key]


def test_the_form_is_what_was_published() -> None:
    """Keys that are out there, and scanners that know them, must not come to nothing by a change here."""
    assert parse_key(KEY) == KEY
    assert (len(KEY), hint_of(KEY)) == (58, "FkZe")
    assert new_key().startswith("ost_live_")


def test_every_bit_is_random() -> None:
    """62^43 is a little more than 2^256."""
    made = [new_key().removeprefix("ost_live_")[:43] for _ in range(4000)]
    assert all(sum(ALPHABET.index(each) * 62 ** (42 - i) for i, each in enumerate(key)) < 2**256 for key in made)
    for place in range(1, 43):
        assert {key[place] for key in made} == set(ALPHABET)


@given(place=st.integers(9, 57), letter=st.sampled_from(ALPHABET))
@settings(max_examples=500)
def test_one_wrong_character_is_told(place: int, letter: str) -> None:
    wrong = KEY[:place] + letter + KEY[place + 1 :]
    if wrong != KEY:
        with pytest.raises(InvalidToken, match="mistyped"):
            parse_key(wrong)


@pytest.mark.parametrize("place", range(9, 57))
def test_two_characters_in_the_wrong_order_are_told(place: int) -> None:
    wrong = KEY[:place] + KEY[place + 1] + KEY[place] + KEY[place + 2 :]
    if wrong != KEY:
        with pytest.raises(InvalidToken, match="mistyped"):
            parse_key(wrong)


@pytest.mark.parametrize(
    "text", [KEY[:-1], KEY + "0", KEY[:20], "ost_live_", KEY[:-1] + "é", KEY + "\n", KEY[:30] + " "]
)
def test_a_key_that_is_cut_off_is_told(text: str) -> None:
    with pytest.raises(InvalidToken, match="not whole"):
        parse_key(text)


@pytest.mark.parametrize("text", ["", "x", "ost_test_" + KEY[9:], KEY.upper(), " " + KEY, "eyJhbGciOiJFUzI1NiJ9.e30.x"])
def test_what_is_no_key_is_told(text: str) -> None:
    assert not looks_like_key(text)
    with pytest.raises(InvalidToken, match="not an API key"):
        parse_key(text)


def test_no_error_repeats_what_was_typed() -> None:
    for text in (KEY[:-1], KEY[:-1] + "0", "sk_live_secret"):
        with pytest.raises(InvalidToken) as refused:
            parse_key(text)
        assert text not in str(refused.value)
