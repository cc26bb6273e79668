"""Redis servers that a test starts, stops and pauses itself: one, one with Sentinels, a cluster."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import redis

from tests.support import services

_PATIENCE = 30


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def until(condition: Callable[[], Any]) -> Any:
    """What ``condition`` answers as soon as that is true. Redis that does not answer yet counts as false."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            if answer := condition():
                return answer
        except (redis.RedisError, OSError):
            pass
        time.sleep(0.02)
    raise TimeoutError(condition)


class RedisServer:
    """A ``redis-server`` on a free port of this machine, with a folder of its own for what it keeps."""

    def __init__(self, folder: Path, *options: str, port: int | None = None, password: str | None = None) -> None:
        found = shutil.which("redis-server")
        if found is None:
            services.missing("redis-server", "PATH", "not installed")
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.port = port or free_port()
        self.password = password
        guarded = ["--requirepass", password, "--masterauth", password] if password else []
        listening = ["--port", str(self.port), "--bind", "127.0.0.1"]
        self._command = [found, *listening, "--dir", str(folder), "--save", "", *guarded, *options]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{f':{self.password}@' if self.password else ''}127.0.0.1:{self.port}/0"

    def start(self) -> Self:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        until(lambda: self.ask("PING"))
        return self

    def ask(self, *command: Any) -> Any:
        """One command by a connection of its own."""
        return self._ask(command, as_text=True)

    def raw(self, *command: Any) -> Any:
        """The same, with keys and values as bytes."""
        return self._ask(command, as_text=False)

    def _ask(self, command: tuple[Any, ...], *, as_text: bool) -> Any:
        with redis.Redis(
            port=self.port, password=self.password, socket_timeout=_PATIENCE, decode_responses=as_text
        ) as client:
            return client.execute_command(*command)

    def kill(self) -> None:
        """End it at once, even when it is paused; what it had not written down is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """It takes connections still, but neither answers nor closes any."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()


class Watched:
    """A master and a replica of it, watched by one Sentinel, which makes the replica the master when that is away."""

    name = "ostiary"

    def __init__(self, master: RedisServer, replica: RedisServer, sentinel: RedisServer) -> None:
        self.master = master
        self.replica = replica
        self.sentinel = sentinel


@contextmanager
def watched(folder: Path, password: str) -> Iterator[Watched]:
    """``password`` is that of all three."""
    with ExitStack() as stack:
        at_once = ("--repl-diskless-sync-delay", "0")
        master = stack.enter_context(RedisServer(folder / "master", *at_once, password=password))
        follow = ("--replicaof", f"127.0.0.1 {master.port}", *at_once)
        replica = stack.enter_context(RedisServer(folder / "replica", *follow, password=password))
        until(lambda: master.ask("INFO", "replication").get("slave0", {}).get("state") == "online")
        sentinel = stack.enter_context(_sentinel(folder / "sentinel", master, password))
        until(lambda: [seen["flags"] for seen in sentinel.ask("SENTINEL", "REPLICAS", Watched.name)] == ["slave"])
        yield Watched(master, replica, sentinel)


def _sentinel(folder: Path, master: RedisServer, password: str) -> RedisServer:
    folder.mkdir()
    name = Watched.name
    file = folder / "sentinel.conf"
    file.write_text(
        f"sentinel monitor {name} 127.0.0.1 {master.port} 1\n"
        f"sentinel auth-pass {name} {password}\n"
        f"sentinel down-after-milliseconds {name} 400\n"
        f"sentinel failover-timeout {name} 3000\n"
    )
    server = RedisServer(folder, password=password)
    guarded = ["--requirepass", password]
    listening = ["--port", str(server.port), "--bind", "127.0.0.1", "--dir", str(folder)]
    server._command = [server._command[0], str(file), "--sentinel", *listening, *guarded]
    return server


@contextmanager
def cluster(folder: Path, password: str) -> Iterator[list[RedisServer]]:
    """Three nodes that share the slots, without replicas."""
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(
                RedisServer(
                    folder / f"node{number}",
                    *("--cluster-enabled", "yes", "--cluster-port", str(free_port())),
                    *("--cluster-node-timeout", "1000"),
                    password=password,
                )
            )
            for number in range(3)
        ]
        hosts = [f"127.0.0.1:{node.port}" for node in nodes]
        command = ["redis-cli", "-a", password, "--no-auth-warning", "--cluster", "create", *hosts, "--cluster-yes"]
        subprocess.run(command, check=True, capture_output=True, timeout=_PATIENCE)
        until(lambda: all(node.ask("CLUSTER INFO")["cluster_state"] == "ok" for node in nodes))
        yield nodes
