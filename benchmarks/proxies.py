"""The load balancers that are compared: how each is started, and where it listens."""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import US
from benchmarks.ground import HOST, ROOT, START, Ground, await_port, filled, room
from benchmarks.processes import Child, Failed, free_ports
from benchmarks.programs import nginx_stream, program, twistd

WHERE = ("HTTP", "WEBSOCKET", "TCP", "BULK")
"""What a proxy listens for, each on a port of its own."""
TEMPLATES = {US: "lb.toml", "haproxy": "haproxy.cfg", "nginx": "nginx.conf"}
"""The proxies, and their configurations."""


@dataclass(frozen=True)
class Proxy:
    """One that runs."""

    name: str
    child: Child
    ports: Mapping[str, int]
    """For each of WHERE that its configuration has."""
    directory: Path
    file: Path
    """Its configuration."""
    values: Mapping[str, str]
    """What that was filled with."""


def available() -> list[str]:
    """The names of those that can be run here, ours first."""
    return [name for name in TEMPLATES if name == US or program(name)]


@contextlib.contextmanager
def running(
    name: str, ground: Ground, template: str = "", values: Mapping[str, str] | None = None
) -> Iterator[Proxy]:
    """The proxy `name` on its core, from when it serves. Raises Failed when it does not.

    Its configuration is `template`, or the usual one, filled with `values` too.
    """
    directory = room(ground.directory, name)
    ports = dict(zip(WHERE, free_ports(len(WHERE)), strict=True))
    text = {
        **ground.values,
        "MORE": "",
        **{where: str(port) for where, port in ports.items()},
        **(values or {}),
    }
    text["DIRECTORY"] = str(directory)
    if name == "nginx":
        module = nginx_stream()
        text["MODULE"] = module or ""
        text["STREAM"] = "" if module is None else filled("nginx-stream.conf", text)
    configuration = filled(template or TEMPLATES[name], text)
    used = {where: port for where, port in ports.items() if f":{port}" in configuration}
    file = directory / "configuration"
    file.write_text(configuration)
    # Ours is the one of this checkout, wherever another one may be installed.
    environ = {"PYTHONPATH": str(ROOT)}
    with Child(_words(name, directory, file), ground.proxy_core, directory, environ) as child:
        for port in used.values():
            await_port(port, child)
        if "HTTP" in used:
            _await_answer(used["HTTP"], child)
        yield Proxy(name, child, used, directory, file, text)


def _words(name: str, directory: Path, file: Path) -> list[str]:
    if name == US:
        return [twistd(), "-n", "--pidfile=", "lb", "--config", str(file)]
    if name == "haproxy":
        return [str(program("haproxy")), "-db", "-f", str(file)]
    return [str(program("nginx")), "-p", str(directory), "-e", "stderr", "-c", str(file)]


def _await_answer(port: int, child: Child) -> None:
    """Until a server answers through it: checks may have to be made first."""
    until = time.monotonic() + START
    while not _answered(port):
        child.must_run()
        if time.monotonic() > until:
            raise Failed(f"no server answers through port {port} after {START:.0f} s: see {child.log}")
        time.sleep(0.05)


def _answered(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=START)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
