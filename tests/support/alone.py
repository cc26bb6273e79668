"""``@pytest.mark.alone``: nothing else of the suite runs beside a test that measures, however many workers there are.

Two file locks, shared by the workers of a run, are a readers' and writers' lock in which writers do not starve: whoever
wants the machine to itself holds the gate while it waits, so nobody new gets in.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They come first: later, each would wait for whatever long test runs beside it."""
    items.sort(key=lambda item: item.get_closest_marker("alone") is None)


@pytest.fixture(autouse=True)
def _the_machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        yield
        return
    shared = tmp_path_factory.getbasetemp().parent  # of all workers of this run
    alone = request.node.get_closest_marker("alone") is not None
    with (shared / "gate").open("w") as gate, (shared / "room").open("w") as room:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        if not alone:
            fcntl.flock(gate, fcntl.LOCK_UN)
        yield
