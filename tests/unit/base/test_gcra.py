"""The rate limiter: so many at once, then one each so often, in bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.base.gcra import Limiter
from ostiary.errors import RateLimited

NOW = 1_767_225_600_000


def _hits(limiter: Limiter, key: str, now: int, tries: int = 100) -> int:
    """How many of ``tries`` at once get through."""
    through = 0
    for _ in range(tries):
        try:
            limiter.hit(key, now)
        except RateLimited:
            continue
        through += 1
    return through


def test_so_many_at_once_and_then_one_each_interval() -> None:
    limiter = Limiter(10, 300)
    assert _hits(limiter, "a", NOW) == 10
    assert _hits(limiter, "b", NOW) == 10  # each key for itself
    assert _hits(limiter, "a", NOW + 29_999) == 0
    assert _hits(limiter, "a", NOW + 30_000) == 1
    assert _hits(limiter, "a", NOW + 90_000) == 2
    assert _hits(limiter, "a", NOW + 10_000_000) == 10


def test_it_says_when_the_next_one_is_let_through() -> None:
    limiter = Limiter(2, 60)
    _hits(limiter, "a", NOW)
    with pytest.raises(RateLimited) as refused:
        limiter.hit("a", NOW + 500)
    wait = refused.value.retry_after or 0
    assert wait == 30
    limiter.hit("a", NOW + 500 + wait * 1000)


@given(st.lists(st.integers(0, 20_000), min_size=50, max_size=200))
def test_no_window_ever_holds_more_than_twice_the_count(gaps: list[int]) -> None:
    limiter, now, through = Limiter(5, 60), NOW, list[int]()
    for gap in gaps:
        now += gap
        if _hits(limiter, "a", now, 1):
            through.append(now)
    for start in through:
        assert sum(start <= at < start + 60_000 for at in through) < 2 * 5


def test_proving_oneself_starts_afresh() -> None:
    limiter = Limiter(3, 60)
    _hits(limiter, "a", NOW)
    limiter.forget("a")
    assert _hits(limiter, "a", NOW) == 3


def test_what_was_not_carried_out_is_taken_back_once_each() -> None:
    limiter = Limiter(3, 60)
    _hits(limiter, "a", NOW)
    limiter.take_back("a")
    limiter.take_back("nobody")
    assert _hits(limiter, "a", NOW) == 1


def test_memory_is_bounded_and_the_key_used_longest_ago_is_forgotten() -> None:
    limiter = Limiter(1, 60, max_keys=3)
    for key in ("a", "b", "c"):
        limiter.hit(key, NOW)
    limiter.hit("d", NOW)
    assert _hits(limiter, "b", NOW) == 0
    assert _hits(limiter, "a", NOW) == 1
