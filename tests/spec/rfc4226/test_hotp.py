"""HOTP: the values of RFC 4226 appendix D, and the length of secrets."""

from __future__ import annotations

import base64

import pytest

from ostiary.crypto.otp import hotp, new_otp_secret, otp_secret_as_text

SECRET = b"12345678901234567890"
APPENDIX_D = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]


@pytest.mark.parametrize(("counter", "code"), list(enumerate(APPENDIX_D)))
def test_values_of_appendix_d(counter: int, code: str) -> None:
    assert hotp(SECRET, counter) == code


def test_a_secret_has_160_random_bits() -> None:
    """Section 4, R6."""
    secrets = {new_otp_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert {len(secret) for secret in secrets} == {20}


def test_a_secret_is_written_in_base_32_without_padding() -> None:
    secret = new_otp_secret()
    text = otp_secret_as_text(secret)
    assert (len(text), base64.b32decode(text)) == (32, secret)
