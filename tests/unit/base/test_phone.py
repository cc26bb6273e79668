"""Telephone numbers: read as people write them, refused with a reason, one form for each."""

from __future__ import annotations

import phonenumbers
import pytest

from ostiary.base.phone import MAX_NUMBER, masked, parse_phone
from ostiary.errors import InvalidRequest


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("+49 170 1234567", None, "+491701234567"),
        ("+49 (0)170 / 123 45-67", None, "+491701234567"),
        ("0170 1234567", "DE", "+491701234567"),
        ("0049 170 1234567", "DE", "+491701234567"),
        ("  +491701234567 ", None, "+491701234567"),
        ("+44\u00a07911\u2011123456", "DE", "+447911123456"),
        ("\u202a+49 170 1234567\u202c", None, "+491701234567"),  # as copied from a list of contacts
        ("\u0660\u0661\u0667\u0660 \u0661\u0662\u0663\u0664\u0665\u0666\u0667", "DE", "+491701234567"),
        ("(202) 555-0143", "US", "+12025550143"),  # a mobile or not: North America does not tell
    ],
)
def test_every_spelling_of_a_number_is_one_number(text: str, region: str | None, number: str) -> None:
    found = parse_phone(text, region)
    assert (found.number, found.key) == (number, number)


def test_a_number_has_its_country_and_shows_little_of_itself() -> None:
    found = parse_phone("+43 664 1234567")
    assert found.region == "AT"
    assert "664" not in repr(found)


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("", "DE"),
        ("+", None),
        ("phone", "DE"),
        ("1-800-FLOWERS", "US"),
        ("+49 170 1234567 ext. 5", None),
        ("tel:253-0000;phone-context=+1-650", None),
        ("110", "DE"),
        ("+49 1", None),
        ("+49 170 12345678901", None),
        ("+99 999 1234567", None),
        ("+49 30 123456", None),
        ("0170 1234567", None),
        ("0170 1234567", "XX"),
        ("(" * MAX_NUMBER, "DE"),
        ("+49 170 1234567" + " " * MAX_NUMBER, None),
        ("1" * 100_000, "DE"),
    ],
)
def test_what_is_no_mobile_number_is_refused_and_names_the_field(text: str, region: str | None) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_phone(text, region, field="to")
    assert refused.value.field == "to"
    assert refused.value.detail is not None


def test_a_number_without_country_code_is_told_to_have_one() -> None:
    with pytest.raises(InvalidRequest, match="with its country code"):
        parse_phone("0170 1234567")


def test_only_the_countries_that_are_allowed_are_taken() -> None:
    assert parse_phone("+49 170 1234567", allowed=("AT", "DE")).region == "DE"
    with pytest.raises(InvalidRequest, match="country"):
        parse_phone("+1 876 555 1234", allowed=("US",))  # Jamaica has the same country code, 1


def test_the_country_code_and_two_digits_are_all_that_is_shown_of_any_number() -> None:
    for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
        assert masked(f"+{code}5551234542") == f"+{code} ••• •••42"
