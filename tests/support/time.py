"""Time that a test turns by hand."""

from __future__ import annotations


class ManualClock:
    """A :data:`ostiary.base.clock.Clock` that stands still until :meth:`advance` is called."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, milliseconds: int) -> None:
        self.now += milliseconds
