"""An installation to measure: in this process, or a server in one of its own."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from ostiary.app import Ostiary
from ostiary.settings import Settings, load

PASSWORD = "seven quiet lanterns"
UNLIMITED = dict.fromkeys(
    (
        "limits.login_address",
        "limits.login_account",
        "limits.register_address",
        "limits.verify_address",
        "limits.mail_account",
        "limits.anonymous_address",
        "limits.token_address",
        "limits.authorize_address",
    ),
    "1000000000/1s",
)


def settings_in(folder: Path) -> Settings:
    """Settings over a new SQLite database in ``folder``, without limits."""
    return load(
        {},
        None,
        {"dev": True, "master_key": "4f" * 32, "database.url": f"sqlite:///{folder / 'bench.db'}", **UNLIMITED},
    )


async def open_in(folder: Path) -> Ostiary:
    """An installation in this process."""
    return await Ostiary.open(settings_in(folder), migrate_first=True)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


class Server:
    """A server in a process of its own, pinned to ``core``."""

    def __init__(
        self,
        arguments: list[str],
        port: int,
        core: int,
        ready: str,
        environ: dict[str, str],
        *,
        command: bool = False,
    ) -> None:
        """``command``: the arguments are a whole command, and not this Python's."""
        self.port = port
        start = time.perf_counter()
        self._process = subprocess.Popen(
            ["taskset", "-c", str(core), *([] if command else [sys.executable]), *arguments],
            env=os.environ | environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not self._answers(ready):
            if self._process.poll() is not None:
                raise RuntimeError("the server did not start")
            time.sleep(0.002)
        self.started_in = time.perf_counter() - start
        """Seconds from starting the process to its first good answer."""

    def resident(self) -> float:
        """Resident memory of the process, in MiB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(15)

    def _answers(self, path: str) -> bool:
        connection = http.client.HTTPConnection("localhost", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


@contextlib.contextmanager
def ostiary_server(folder: Path, core: int, port: int | None = None) -> Iterator[Server]:
    """``ostiary dev`` over ``folder``, without limits; on ``port``, where tokens name it already."""
    port = port or free_port()
    limits = {"OSTIARY_" + name.upper().replace(".", "_"): value for name, value in UNLIMITED.items()}
    arguments = ["-m", "ostiary", "dev", "--port", str(port), "--data", str(folder)]
    server = Server(arguments, port, core, "/healthz", limits)
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def production_server(core: int, environ: dict[str, str]) -> Iterator[Server]:
    """``ostiary serve`` with these settings in its environment."""
    port = free_port()
    server = Server(["-m", "ostiary", "serve", "--migrate", "--port", str(port)], port, core, "/healthz", environ)
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def starlette_server(folder: Path, core: int, body: bytes) -> Iterator[Server]:
    """The baseline: uvicorn with one plain Starlette route that answers ``body``."""
    port = free_port()
    (folder / "body.json").write_bytes(body)
    server = Server(["-m", "bench.plain_starlette", str(port), str(folder / "body.json")], port, core, "/", {})
    try:
        yield server
    finally:
        server.stop()
