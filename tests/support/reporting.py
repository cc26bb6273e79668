"""At the end of a run: what did not run, and why. A skip that nobody reads is a test that nobody has."""

from __future__ import annotations

from collections import Counter

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    if not reasons:
        return
    terminalreporter.section("did not run")
    for reason, count in sorted(reasons.items()):
        terminalreporter.line(f"{count:4}  {reason}")


def _reason(report: pytest.TestReport) -> str:
    # A skip is reported as (file, line, "Skipped: reason").
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")
