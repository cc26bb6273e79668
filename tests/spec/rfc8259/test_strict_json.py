"""RFC 8259: JSON that has one meaning, and bounded work to find out."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.base.strict_json import decode
from ostiary.errors import InvalidRequest

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


@given(VALUES, st.booleans(), st.sampled_from([None, 2]))
def test_every_value_survives_in_every_spelling(value: Any, ascii_only: bool, indent: int | None) -> None:
    assert decode(json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()) == value


@given(st.binary() | st.text('[]{}":,\\u0d8aefntr1-. ').map(str.encode))
def test_no_bytes_raise_anything_but_invalid_request(data: bytes) -> None:
    try:
        value = decode(data)
    except InvalidRequest:
        return
    assert value == json.loads(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{"a":1,"\\u0061":2}',
        b'[{"deep":{"a":1,"b":2,"a":3}}]',
        b'{"":1,"":1}',
    ],
)
def test_duplicate_members_are_refused_at_any_depth_and_in_any_spelling(data: bytes) -> None:
    with pytest.raises(InvalidRequest, match="same member twice"):
        decode(data)


@pytest.mark.parametrize("data", [b'"\\u0000"', b'{"a":["x\\u0000y"]}', b'{"a\\u0000":1}', b'"\\\\\\u0000"'])
def test_nul_is_refused_in_values_and_names(data: bytes) -> None:
    with pytest.raises(InvalidRequest, match="NUL"):
        decode(data)


def test_a_backslash_followed_by_u0000_is_not_nul() -> None:
    assert decode(b'"\\\\u0000"') == "\\u0000"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e400",
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b'"\x00"',
        b'{"a":1}\x00',
        b"{'a':1}",
        b"[1,]",
        b"[1] [2]",
        b"01",
        b'"a\nb"',
        b"9" * 60_000,
    ],
)
def test_what_is_not_json_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest):
        decode(data)


def test_nesting_is_counted_in_brackets_outside_strings() -> None:
    assert decode(b"[" * 32 + b"]" * 32) is not None
    assert decode(b'["' + b"[{" * 100 + b'\\"[["]') is not None
    assert decode(b"[" + b"[]," * 100 + b"[]]") is not None
    with pytest.raises(InvalidRequest, match="deeper than 32"):
        decode(b"[" * 33 + b"]" * 33)
    with pytest.raises(InvalidRequest, match="deeper than 2"):
        decode(b'{"a":[{}]}', max_depth=2)


@pytest.mark.parametrize("unit", [b"[", b"{", b'{"a":', b'["', b"[1,", b'"\\"[', b'["\\'])
def test_a_hundred_thousand_brackets_are_refused_quickly(unit: bytes) -> None:
    with pytest.raises(InvalidRequest):
        decode(unit * 100_000)


def test_the_work_grows_with_the_length_even_in_a_string_that_never_ends() -> None:
    start = time.process_time()
    with pytest.raises(InvalidRequest):
        decode(b'"' + b'\\"' * 50_000 + b"[" * 33)
    assert time.process_time() - start < 1
