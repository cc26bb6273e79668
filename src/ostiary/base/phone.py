"""Telephone numbers: what was typed, and the one form (E.164) under which it is sent to and counts as one number.

Only numbers that can be a person's mobile are taken. To premium-rate, shared-cost, personal (070) and satellite numbers
a message costs whoever sends it many times as much, and part of that goes to whoever has the number (toll fraud).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import Annotated

import msgspec
from msgspec import Meta

from ostiary.errors import InvalidRequest

MAX_NUMBER = 40
"""As typed, with whatever stands between the digits; E.164 itself has 15 digits."""

# For the published schema only: ``parse_phone`` is the rule, and says what is wrong in words for people.
TypedPhone = Annotated[
    str, Meta(extra_json_schema={"maxLength": MAX_NUMBER, "format": "phone", "examples": ["+49 170 1234567"]})
]

_TYPED = re.compile(r"\+?[\d ().\-/\u2010-\u2015\u00a0\u202f]+")
_COUNTRY_CODE = re.compile(r"[17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3}|")
"""ITU-T E.164 annex D: no code begins another."""


class PhoneNumber(msgspec.Struct, frozen=True):
    """A number that somebody can have.

    Attributes:
        number: in E.164, ``+491701234567``; what is sent to.
        key: equal keys are one number.
        region: its country, ISO 3166-1 alpha-2.
    """

    number: str
    key: str
    region: str

    def __repr__(self) -> str:
        return f"PhoneNumber({masked(self.number)})"


def parse_phone(
    text: str, region: str | None = None, *, allowed: Collection[str] = (), field: str = "phone"
) -> PhoneNumber:
    """Parse a mobile number as people write it, with its country code or as it is dialled in ``region``.

    Args:
        allowed: the countries whose numbers are taken; empty for all.

    Raises:
        InvalidRequest: it is no number, no mobile number, or of another country; ``field`` names the input member.
    """
    typed = _visible(text[: MAX_NUMBER + 1])
    if len(text) > MAX_NUMBER or _TYPED.fullmatch(typed) is None:
        raise InvalidRequest("This is not a telephone number.", field=field)
    # Imported here: the library costs 90 ms, comes with an extra, and is not needed where no SMS is sent.
    import phonenumbers

    try:
        found = phonenumbers.parse(typed, region)
    except phonenumbers.NumberParseException as fault:
        alone = fault.error_type == phonenumbers.NumberParseException.INVALID_COUNTRY_CODE
        detail = "Write the number with its country code, like +49 170 1234567." if alone else None
        raise InvalidRequest(detail or "This is not a telephone number.", field=field) from None
    country = phonenumbers.region_code_for_number(found) or ""
    for wrong, detail in (
        (not phonenumbers.is_valid_number(found), "There is no such telephone number."),
        (phonenumbers.number_type(found) not in _mobile(), "This is not the number of a mobile telephone."),
        # Networks of no country, as of satellites, have digits in the place of its code.
        (
            not country.isalpha() or bool(allowed and country not in allowed),
            "Numbers of this country are not accepted.",
        ),
    ):
        if wrong:
            raise InvalidRequest(detail, field=field)
    number = phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)
    return PhoneNumber(number, number, country)


def _visible(text: str) -> str:
    """``text`` without the invisible marks of direction that numbers are wrapped in when they are copied."""
    return "".join(letter for letter in text if unicodedata.category(letter) != "Cf").strip(" ")


def _mobile() -> tuple[int, int]:
    from phonenumbers import PhoneNumberType

    return PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE  # North America does not tell them apart


def masked(number: str) -> str:
    """An E.164 number for its owner to recognise and nobody else to learn: ``+49 ••• •••42``."""
    digits = number.removeprefix("+")
    code = _COUNTRY_CODE.match(digits)
    return f"+{code[0] if code else ''} ••• •••{digits[-2:]}"
