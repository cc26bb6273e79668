"""What an SMS says: the code, for how long, and for which site; in one message."""

from __future__ import annotations

from typing import get_args

import pytest

from ostiary.base.clock import MINUTE, SECOND
from ostiary.notify import SmsTemplate
from ostiary.notify.texts import TEXTS, code

GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The letters of which 160 fit into one SMS (3GPP TS 23.038, section 6.2.1)."""


def test_every_text_is_in_the_table() -> None:
    assert set(get_args(SmsTemplate)) == set(TEXTS)


def test_a_code_is_bound_to_the_site_by_its_last_line() -> None:
    said = code(site_name="Ostiary", host="login.example.com", code="493817", valid_for=10 * MINUTE)
    first, *_, last = said.split("\n")
    assert last == "@login.example.com #493817"  # WICG sms-one-time-codes, section 3
    assert "493817" in first
    assert "Ostiary" in first
    assert "10 minutes" in first
    assert "Do not give it to anybody" in first


def test_a_code_fits_into_one_sms() -> None:
    said = code(
        site_name="A site with a long name", host="login.example-company.com", code="493817", valid_for=30 * MINUTE
    )
    assert set(said) <= GSM
    assert len(said) <= 160


@pytest.mark.parametrize(
    ("valid_for", "within"), [(1, "a minute"), (119 * SECOND, "a minute"), (2 * MINUTE, "2 minutes")]
)
def test_validity_is_said_in_whole_minutes(valid_for: int, within: str) -> None:
    assert f"for {within}." in code(site_name="Ostiary", host="localhost", code="1", valid_for=valid_for)
