"""One question about decisions at growing numbers of facts, Ostiary and its peers in turn, a line each.

Times are those of the processor, as nothing here waits: what else the machine does counts less than by the clock.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

from bench.decision_peers import Peers, Point
from bench.figures import in_turn, in_turn_async, line, plain

ROUNDS = 5


def report(question: str, size: int, measured: float, goal: float) -> None:
    """Our own figure; ``measured`` and ``goal`` in seconds."""
    plain(f"{question}, {size:,} facts", f"{measured * 1e6:,.2f} us", f"under {goal * 1e6:,.0f} us", measured < goal)


def compare(question: str, size: int, peers: Peers, ours: Callable[[], float], goal: float) -> float:
    """Measure in process; ``ours`` gives seconds a check. Returns its median."""
    found = [ours() for _ in range(ROUNDS)]
    report(question, size, statistics.median(found), goal)
    for point in peers.at(size):
        _beside(question, size, point, *in_turn(ours, _seconds(point), ROUNDS))
    return statistics.median(found)


async def compare_async(
    question: str, size: int, peers: Peers, ours: Callable[[], Awaitable[float]], goal: float
) -> float:
    """The same where Ostiary reads a database."""
    found = [await ours() for _ in range(ROUNDS)]
    report(question, size, statistics.median(found), goal)
    for point in peers.at(size):
        measure = _seconds(point)

        async def theirs(measure: Callable[[], float] = measure) -> float:
            await asyncio.sleep(0)
            return measure()

        _beside(question, size, point, *await in_turn_async(ours, theirs, ROUNDS))
    return statistics.median(found)


def flat(question: str, measured: dict[int, float], smallest: int, goal: float) -> None:
    """How much dearer the largest size is than ``smallest``."""
    largest = max(measured)
    ratio = measured[largest] / measured[smallest]
    plain(f"{question}, {largest:,} beside {smallest:,}", f"{ratio:.2f} x", f"at most {goal:.1f} x", ratio <= goal)


def _seconds(point: Point) -> Callable[[], float]:
    def measure() -> float:
        start = time.process_time()
        for number in range(point.times):
            point.check(number)
        return (time.process_time() - start) / point.times

    return measure


def _beside(question: str, size: int, point: Point, ours: float, theirs: float, ratio: float) -> None:
    """The ratio that is printed is that of checks a second."""
    line(
        f"{question}, {size:,}: {point.name}",
        f"{ours * 1e6:,.2f} us",
        f"{point.name} {theirs * 1e6:,.2f} us",
        1 / ratio,
        "at least 1.00 x",
        ratio <= 1,
    )
