"""The picture of what sessions and tokens cost is that of the figures that are kept beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

IMAGES = Path(__file__).parents[2] / "docs/images"
FIGURES = IMAGES / "sessions-or-tokens.txt"


def _plot(figures: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "utf8", str(IMAGES / "plot.py")]
    return subprocess.run(command, input=figures, capture_output=True, encoding="utf-8", timeout=60, check=False)


def test_the_plot_is_drawn_of_the_figures_that_are_kept_with_it() -> None:
    drawn = _plot(FIGURES.read_text("utf-8"))
    assert drawn.stdout == FIGURES.with_suffix(".svg").read_text("utf-8"), drawn.stderr


def test_a_run_of_the_bench_that_lacks_a_figure_is_not_drawn() -> None:
    kept = FIGURES.read_text("utf-8").splitlines(keepends=True)
    drawn = _plot("".join(line for line in kept if not line.startswith("session read, Redis, 100,000")))
    assert (drawn.returncode, drawn.stdout) == (1, "")
    assert "session read, Redis, 100,000 sessions" in drawn.stderr
