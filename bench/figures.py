"""How a figure is made and printed: both sides in turn, several rounds, medians, one line."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Awaitable, Callable


def line(question: str, ours: str, baseline: str, ratio: float, goal: str, reached: bool) -> None:
    """Print one figure beside its baseline."""
    mark = "reached" if reached else "MISSED"
    print(f"{question:<52} {ours:>14}  | {baseline:<42} | {ratio:6.2f} x | {goal:<22} {mark}", flush=True)


def plain(question: str, ours: str, goal: str, reached: bool) -> None:
    """Print one figure that stands by itself."""
    mark = "reached" if reached else "MISSED"
    print(f"{question:<52} {ours:>14}  | {'':<42} | {'':>8} | {goal:<22} {mark}", flush=True)


def seconds_of(work: Callable[[], object], times: int) -> float:
    """Seconds that one call of ``work`` takes, of ``times`` in a row."""
    start = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - start) / times


def in_turn(first: Callable[[], float], second: Callable[[], float], rounds: int) -> tuple[float, float, float]:
    """Medians of both, and the median of the ratios of the pairs: a noisy moment hits both sides of a pair alike."""
    pairs = [(first(), second()) for _ in range(rounds)]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


async def in_turn_async(
    first: Callable[[], Awaitable[float]], second: Callable[[], Awaitable[float]], rounds: int
) -> tuple[float, float, float]:
    """:func:`in_turn` for coroutines."""
    pairs = [(await first(), await second()) for _ in range(rounds)]
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def cores() -> tuple[int, int]:
    """A core for the server and one for the load; the same where there is only one."""
    available = sorted(os.sched_getaffinity(0))
    return available[0], available[-1]
