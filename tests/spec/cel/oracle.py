"""The oracle: expressions evaluated by the official implementation (cel-cpp), in a process of its own.

One question a line, ``{"expression": …, "attributes": {"subject": …}}``; one answer a line: ``refused``, ``fault``,
``true``, ``false``, or ``other`` for any other value.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO

ROOTS = ("subject", "resource", "action", "context")


class Oracle:
    def __init__(self, questions: IO[str], answers: IO[str]) -> None:
        self._questions = questions
        self._answers = answers

    def ask(self, expression: str, attributes: Mapping[str, object]) -> str:
        self._questions.write(json.dumps({"expression": expression, "attributes": attributes}) + "\n")
        self._questions.flush()
        return self._answers.readline().strip()


@contextmanager
def oracle() -> Iterator[Oracle]:
    with subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise AssertionError
        yield Oracle(process.stdin, process.stdout)
        process.stdin.close()


def _say(answer: str) -> None:
    sys.stdout.write(answer + "\n")
    sys.stdout.flush()


def _answer() -> None:
    from cel_expr_python import cel  # type: ignore[import-untyped]

    maps = {root: cel.Type.Map(cel.Type.STRING, cel.Type.DYN) for root in ROOTS}
    environment = cel.NewEnv(variables={**maps, "now": cel.Type.TIMESTAMP})
    for line in sys.stdin:
        question = json.loads(line)
        try:
            compiled = environment.compile(question["expression"])
        except RuntimeError:
            _say("refused")
            continue
        value = compiled.eval(data=question["attributes"])
        kind = value.type()
        said = "fault" if kind == cel.Type.ERROR else "other"
        if kind == cel.Type.BOOL:
            said = "true" if value.value() else "false"
        _say(said)


if __name__ == "__main__":
    _answer()
