"""What all proxies of a run stand on: a directory, two cores, and the servers behind them."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import Child, Failed, free_ports
from benchmarks.programs import program

HOST = "127.0.0.1"
CONFIGURATIONS = Path(__file__).with_name("configurations")
ROOT = Path(__file__).parents[1]
LARGE = 64 * 1024
"""Bytes of the large response."""
START = 20.0
"""Seconds that a program has until it serves."""
CONNECTIONS = 18_000
"""What a proxy may have on both sides, where the limit of descriptors allows it."""


@dataclass(frozen=True)
class Ground:
    """Made by `prepared`."""

    directory: Path
    proxy_core: int
    load_core: int
    backend: int
    """The port of nginx, at all addresses."""
    echo: int
    """The port of the WebSocket server."""
    iperf: int

    @property
    def values(self) -> dict[str, str]:
        """What configurations need to know of it."""
        connections = min(CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 500)
        return {
            "BACKEND": str(self.backend),
            "ECHO": str(self.echo),
            "IPERF": str(self.iperf),
            "CONNECTIONS": str(connections),
            "CLIENTS": str(connections // 3),  # haproxy keeps descriptors for pipes
            "USER": "user root;" if os.geteuid() == 0 else "",
        }


def filled(template: str, values: Mapping[str, str]) -> str:
    """A configuration with each @NAME@ in its place. Raises KeyError for a name without a value."""
    text = (CONFIGURATIONS / template).read_text()
    return re.sub(r"@([A-Z]+)@", lambda found: values[found[1]], text)


def room(directory: Path, name: str) -> Path:
    """A directory in it for one program, with one for files that nginx may make."""
    made = directory / f"{name}-{len(list(directory.iterdir()))}"
    (made / "temp").mkdir(parents=True)
    return made


@contextlib.contextmanager
def prepared(directory: Path, proxy_core: int, load_core: int) -> Iterator[Ground]:
    """The servers behind the proxies, as many kinds as there are programs for."""
    ground = Ground(directory, proxy_core, load_core, *free_ports(3))
    with contextlib.ExitStack() as stack:
        stack.enter_context(_backend(ground))
        echo = [sys.executable, "-m", "benchmarks.load.echo", str(ground.echo)]
        stack.enter_context(_serving(echo, ground.echo, ground, "echo"))
        if iperf := program("iperf3"):
            words = [iperf, "-s", "-B", HOST, "-p", str(ground.iperf)]
            stack.enter_context(_serving(words, ground.iperf, ground, "iperf"))
        yield ground


def await_port(port: int, child: Child) -> None:
    """Until something listens. Raises Failed when `child` has ended, or takes too long."""
    until = time.monotonic() + START
    while True:
        child.must_run()
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=START):
            return
        if time.monotonic() > until:
            raise Failed(f"nothing listens on port {port} after {START:.0f} s: see {child.log}")
        time.sleep(0.02)


@contextlib.contextmanager
def _backend(ground: Ground) -> Iterator[Child]:
    place = room(ground.directory, "backend")
    (place / "large").write_bytes(b"x" * LARGE)
    file = place / "backend.conf"
    file.write_text(filled("backend.conf", {**ground.values, "DIRECTORY": str(place)}))
    words = [str(program("nginx")), "-p", str(place), "-e", "stderr", "-c", str(file)]
    with Child(words, ground.load_core, place) as child:
        await_port(ground.backend, child)
        yield child


@contextlib.contextmanager
def _serving(words: list[str], port: int, ground: Ground, name: str) -> Iterator[Child]:
    environ = {"PYTHONPATH": str(ROOT)}
    with Child(words, ground.load_core, room(ground.directory, name), environ) as child:
        await_port(port, child)
        yield child
