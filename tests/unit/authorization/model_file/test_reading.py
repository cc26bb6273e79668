"""YAML as nodes: what plain words are, and where the characters of a text stand in the file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.authorization.model_file.faults import Faults
from ostiary.authorization.model_file.reading import MAX_SIZE, Mapping, Plain, Scalar, plain, read

_SENTENCE = "one (two or three) four"


def _value(text: str) -> Scalar:
    root = read(text, Faults())
    assert isinstance(root, Mapping)
    value = root.get("key")
    assert isinstance(value, Scalar)
    return value


@pytest.mark.parametrize(
    "text",
    [
        f"key: {_SENTENCE}",
        f"a: b\n\nkey:   {_SENTENCE}   # a comment",
        "key: one\n  (two or\n\n    three)   four",
        f"key: '{_SENTENCE}'",
        f'key: "{_SENTENCE}"',
        'key: "one (t\\x77o \\u006fr\\x20three) \\\n   four"',
        "key: 'one\n  (two\n  or three) four'",
        f"key: |\n  {_SENTENCE}\n",
        f"key: >-  # a comment\n   {_SENTENCE}",
        "key: >\n  one\n  (two or three)\n  four\n",
        f"{{a: [1, 2], key: {_SENTENCE}}}",
        f"\ufeffkey: {_SENTENCE}",
        f"a: 1\r\nkey: {_SENTENCE}\r\n",
        f"é: ü\nkey: {_SENTENCE}",
    ],
)
def test_each_character_that_can_be_seen_has_its_place(text: str) -> None:
    value = _value(text)
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    escapes = {"\\": "w or"}
    for offset, character in enumerate(value.text):
        if not character.isspace():
            line, column = value.at(offset)
            there = lines[line - 1][column - 1]
            assert there == character or character in escapes.get(there, "")


def test_the_end_of_a_text_is_behind_its_last_character() -> None:
    assert _value("key: ab cd  \n").at(5) == (1, 11)
    assert _value("key: |\n  ab\n\n").at(4) == (2, 5)
    assert _value("key: ''").at(0) == (1, 7)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("true", True), ("False", False), ("12", 12), ("-3", -3), ("007", 7),
        ("1.5", 1.5), ("1e3", 1000.0), ("-.5", -0.5), ("no", "no"), ("on", "on"), ("10:30", "10:30"), ("0x1f", "0x1f"),
        ("1_000", "1_000"), ("2026-01-05", "2026-01-05"), (".inf", ".inf"), (".nan", ".nan"), ("'12'", "12"),
        ('"true"', "true"), ("''", ""), ("- 1", ["1"]), ("[1, [a]]", [1, ["a"]]), ("{a: {b: 1}}", {"a": {"b": 1}}),
        (str(2**63 - 1), 2**63 - 1),
    ],
)  # fmt: skip
def test_plain_words_mean_what_yaml_1_2_says(text: str, value: Plain) -> None:
    faults = Faults()
    root = read(f"key:\n {text}" if text.startswith("- ") else f"key: {text}", faults)
    assert isinstance(root, Mapping)
    node = root.get("key")
    assert node is not None
    found = plain(node, faults)
    assert found == ([1] if value == ["1"] else value)
    assert type(found) is type(value)
    faults.raise_any()


def test_a_file_may_be_as_large_as_it_may_be() -> None:
    assert read("#" * MAX_SIZE, Faults()) is None


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20))
def test_a_text_in_single_quotes_is_itself(text: str) -> None:
    value = _value("key: '" + text.replace("'", "''") + "'")
    if not any(each in text for each in "\x85\u2028\u2029"):
        assert value.text == text
