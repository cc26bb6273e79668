"""The real executable, in processes of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

COMMAND = [sys.executable, "-m", "ostiary"]


def environment(**changed: str) -> dict[str, str]:
    """This process's environment, without settings of an Ostiary."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OSTIARY_")}
    return clean | {"PYTHONWARNINGS": "error"} | changed


def free_port() -> int:
    """A port that nobody listens on, on either loopback address."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
    return port


class CommandLine:
    """Runs commands in a folder where nothing is configured, on the data in ``data``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"

    def __call__(
        self, *arguments: str, stdin: str = "", data: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        where = ["--data", str(self.data)] if data else []
        return subprocess.run(
            [*COMMAND, *arguments, *where],
            cwd=self.folder,
            env=environment(**variables),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def ok(self, *arguments: str, stdin: str = "") -> Any:
        """What a command that must succeed prints as JSON; None for nothing."""
        done = self(*arguments, "--json", stdin=stdin)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else None


class Server:
    """`ostiary dev` or `ostiary serve` in a process of its own."""

    def __init__(self, arguments: list[str], folder: Path, **variables: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=folder,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[str, str]:
        """End it by a signal; the rest of what it printed. It must end by itself, and well."""
        self.process.send_signal(number)
        self.process.wait(20)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        # Not communicate(): it goes past the buffers, in which a line that was read may have left the next one.
        printed = self.process.stdout.read(), self.process.stderr.read()
        assert self.process.returncode == 0, printed
        return printed

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class DevServer(Server):
    def __init__(self, line: CommandLine) -> None:
        self.port = free_port()
        super().__init__(["dev", "--json", "--port", str(self.port), "--data", str(line.data)], line.folder)
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        assert first, self.process.communicate()
        self.said: dict[str, Any] = json.loads(first)
        self.url = f"http://localhost:{self.port}"


@pytest.fixture
def line(tmp_path: Path) -> CommandLine:
    """The command line of an installation that nobody has made yet."""
    return CommandLine(tmp_path)


@pytest.fixture
def dev_server(line: CommandLine) -> Iterator[DevServer]:
    """`ostiary dev` on the data of ``line``, ready."""
    server = DevServer(line)
    yield server
    server.kill()
