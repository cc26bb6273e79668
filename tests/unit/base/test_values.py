"""Times, ids, random secrets and pages: the small values that everything else is made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.base import clock, ids, pages, tokens
from ostiary.errors import InvalidRequest


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_700_000_000_001, "2023-11-14T22:13:20.001Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
    ],
)
def test_times_are_rfc_3339_in_utc_to_the_millisecond(milliseconds: int, text: str) -> None:
    assert clock.rfc3339(milliseconds) == text


@given(st.integers(0, 2**47), st.integers(1, 10**9))
def test_ids_sort_by_the_millisecond_they_were_made_in(now: int, later: int) -> None:
    assert ids.new_id("acc", now) < ids.new_id("acc", now + later)


def test_ids_have_one_form() -> None:
    made = ids.new_id("acc", 1_767_225_600_000)
    assert ids.is_id(made, "acc")
    for wrong in (made[:-1], made + "0", made.upper(), made.replace("acc", "ses"), "acc_" + "i" * 26, made + "\n"):
        assert not ids.is_id(wrong, "acc"), wrong
    assert len({ids.new_id("acc", 0) for _ in range(1000)}) == 1000


@given(st.integers(0, 2**48 - 1))
def test_an_id_is_16_bytes_and_its_prefix(now: int) -> None:
    made = ids.new_id("ses", now)
    raw = ids.id_to_bytes(made)
    assert raw[:6] == now.to_bytes(6)
    assert ids.id_from_bytes("ses", raw) == made


@pytest.mark.parametrize("text", ["", "acc_", "acc_" + "i" * 26, "acc_" + "0" * 25, "8" * 26, "acc_" + "z" * 26])
def test_what_is_no_id_has_no_bytes(text: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        ids.id_to_bytes(text)


def test_tokens_have_256_random_bits_and_codes_their_digits() -> None:
    assert len({tokens.new_token() for _ in range(1000)}) == 1000
    assert {len(tokens.new_token("p_")) for _ in range(100)} == {2 + 43}
    codes = [tokens.new_code() for _ in range(2000)]
    assert {len(code) for code in codes} == {6}
    assert all(code.isdecimal() for code in codes)
    assert any(code.startswith("0") for code in codes)


def test_a_digest_is_sha_256_of_any_text() -> None:
    assert tokens.digest("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert len(tokens.digest("\ud800")) == 32


@given(st.text(min_size=1, max_size=80).filter(str.isprintable))
def test_a_cursor_is_the_key_again(key: str) -> None:
    assert pages.decode_cursor(pages.encode_cursor(key)) == key


@given(st.text(max_size=60))
def test_what_is_no_cursor_is_refused_or_means_one_key(cursor: str) -> None:
    try:
        key = pages.decode_cursor(cursor)
    except InvalidRequest:
        return
    assert pages.encode_cursor(key) == cursor


def test_a_page_says_that_there_is_more_only_when_there_is() -> None:
    for count, following in ((0, None), (2, None), (3, pages.encode_cursor("1"))):
        page = pages.page_of(list(range(count)), 2, str, lambda number: number)
        assert (page.items, page.next) == (list(range(count))[:2], following)
    for limit in (0, 201, -1):
        with pytest.raises(InvalidRequest):
            pages.check_limit(limit)
