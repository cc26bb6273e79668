"""TOTP: the values of RFC 6238 appendix B, steps, drift, and codes that are used once."""

from __future__ import annotations

import pytest

from ostiary.base.clock import SECOND
from ostiary.crypto.otp import Algorithm, hotp, time_step, totp_step

SEED = b"1234567890" * 7
LENGTHS: dict[Algorithm, int] = {"sha1": 20, "sha256": 32, "sha512": 64}
"""Of the secrets behind the appendix's values, by its erratum 2866."""
APPENDIX_B: list[tuple[int, dict[Algorithm, str]]] = [
    (59, {"sha1": "94287082", "sha256": "46119246", "sha512": "90693936"}),
    (1111111109, {"sha1": "07081804", "sha256": "68084774", "sha512": "25091201"}),
    (1111111111, {"sha1": "14050471", "sha256": "67062674", "sha512": "99943326"}),
    (1234567890, {"sha1": "89005924", "sha256": "91819424", "sha512": "93441116"}),
    (2000000000, {"sha1": "69279037", "sha256": "90698825", "sha512": "38618901"}),
    (20000000000, {"sha1": "65353130", "sha256": "77737706", "sha512": "47863826"}),
]
SECRET = SEED[:20]


@pytest.mark.parametrize(("seconds", "codes"), APPENDIX_B)
def test_values_of_appendix_b(seconds: int, codes: dict[Algorithm, str]) -> None:
    step = time_step(seconds * SECOND)
    for algorithm, code in codes.items():
        assert hotp(SEED[: LENGTHS[algorithm]], step, 8, algorithm) == code


@pytest.mark.parametrize(("seconds", "codes"), APPENDIX_B)
def test_values_of_appendix_b_with_six_digits_are_taken_in_their_step(
    seconds: int, codes: dict[Algorithm, str]
) -> None:
    """Six digits of a code are the last six of eight (RFC 4226 section 5.3)."""
    now = seconds * SECOND
    assert totp_step(SECRET, codes["sha1"][-6:], now, after=-1) == time_step(now)


@pytest.mark.parametrize(("milliseconds", "step"), [(0, 0), (29_999, 0), (30_000, 1), (59_000, 1), (60_000, 2)])
def test_a_step_lasts_30_seconds_from_the_epoch(milliseconds: int, step: int) -> None:
    """Section 4.2."""
    assert time_step(milliseconds) == step


@pytest.mark.parametrize(("steps", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_clocks_may_differ_by_one_step_each_way(steps: int, taken: bool) -> None:
    """Section 5.2 recommends at most one step of delay, section 6 a window for clocks that drift."""
    now = 1_111_111_111 * SECOND
    step = time_step(now) + steps
    assert totp_step(SECRET, hotp(SECRET, step), now, after=-1) == (step if taken else None)


def test_a_code_of_a_step_that_was_used_or_passed_over_is_refused() -> None:
    """Section 5.2: not twice, and nothing of before, which somebody may have seen without its being used."""
    now = 1_111_111_111 * SECOND
    step = time_step(now)
    for used in (step, step + 1):
        assert totp_step(SECRET, hotp(SECRET, step), now, after=used) is None
    assert totp_step(SECRET, hotp(SECRET, step + 1), now, after=step) == step + 1


def test_at_the_epoch_itself_there_is_no_step_before() -> None:
    assert totp_step(SECRET, hotp(SECRET, 0), 0, after=-1) == 0
