"""Memory for each idle connection."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.cases.setting import Setting
from benchmarks.load.frames import ECHO, MESSAGE
from benchmarks.load.steady import asked
from benchmarks.load.websocket import connect
from benchmarks.processes import Failed
from benchmarks.proxies import running
from benchmarks.results import Figure, Limit, Measured

FIRST = 1_000
"""Connections that are there before, so that what a program makes once or keeps in store is used up."""
COUNT = 4_000
SETTLE = 0.5
"""Seconds for the proxy to be done with what it has been sent."""

Opening = Callable[[int], socket.socket]
"""A connection to that port, which has carried a request and its answer."""


class Memory:
    """Resident growth for each connection, once it has carried a request and its answer."""

    name = "memory"
    title = f"resident memory for each of {COUNT:,} idle connections, beside {FIRST:,}"
    needs: Sequence[str] = ("nginx",)

    def run(self, setting: Setting) -> Measured:
        """In a fresh process of each proxy, for each kind of connection."""
        figures = [
            Figure(what, "bytes", setting.each(partial(growth, setting, where, open_one)), limit)
            for what, where, open_one, limit in KINDS
        ]
        return Measured(self.name, self.title, figures)


def growth(setting: Setting, where: str, open_one: Opening, name: str) -> float:
    """Bytes for each connection. Raises Failed."""
    with running(name, setting.ground) as proxy, contextlib.ExitStack() as stack:
        if where not in proxy.ports:
            raise Failed(f"it has no {where}")
        resident = []
        for count in (FIRST, COUNT):
            for _ in range(count):
                stack.enter_context(open_one(proxy.ports[where]))
            time.sleep(SETTLE)
            resident.append(proxy.child.resident)
    return (resident[1] - resident[0]) / COUNT


def _after_a_request(port: int) -> socket.socket:
    return asked(port)[0]


def _after_a_message(port: int) -> socket.socket:
    connection = connect(port)
    connection.sendall(MESSAGE)
    if connection.recv(4096) != ECHO:
        connection.close()
        raise Failed("a message did not come back")
    return connection


KINDS: Sequence[tuple[str, str, Opening, Limit | None]] = (
    ("tcp", "TCP", _after_a_request, Limit(4096)),
    ("http", "HTTP", _after_a_request, None),
    ("WebSocket", "WEBSOCKET", _after_a_message, None),
)
