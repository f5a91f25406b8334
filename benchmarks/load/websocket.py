"""Messages over WebSockets, each sent when the one before has come back."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time

from benchmarks.figures import Sample, percentile
from benchmarks.ground import HOST
from benchmarks.load.frames import ECHO, HANDSHAKE, MESSAGE
from benchmarks.processes import Failed
from benchmarks.proxies import Proxy

TIMEOUT = 10.0


def connect(port: int) -> socket.socket:
    """A WebSocket, blocking. Raises Failed where it is refused."""
    connection = socket.create_connection((HOST, port), timeout=TIMEOUT)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(HANDSHAKE)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = connection.recv(4096)
        if not data:
            break
        head += data
    if not head.startswith(b"HTTP/1.1 101 "):
        connection.close()
        raise Failed(f"a WebSocket was refused: {head!r}")
    return connection


def messages(proxy: Proxy, clients: int, seconds: float) -> Sample:
    """How many came back in `seconds`, and what CPU they took `proxy`. Raises Failed."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(connect(proxy.ports["WEBSOCKET"])) for _ in range(clients)]
        before = proxy.child.usage
        begin = time.perf_counter()
        latencies = _exchange([each.fileno() for each in sockets], begin + seconds)
        used, took = proxy.child.usage - before, time.perf_counter() - begin
    if not latencies:
        raise Failed(f"no message came back through {proxy.name}")
    p50, p99 = (percentile(latencies, percent) * 1e6 for percent in (50, 99))
    return Sample(len(latencies), took, used, p50, p99)


def _exchange(sockets: list[int], until: float) -> list[float]:
    """The seconds that each message took, until it is that late."""
    latencies: list[float] = []
    with select.epoll() as poll:
        sent, heard = dict.fromkeys(sockets, 0.0), dict.fromkeys(sockets, 0)
        for each in sockets:
            poll.register(each, select.EPOLLIN)
            sent[each] = time.perf_counter()
            os.write(each, MESSAGE)
        while (now := time.perf_counter()) < until:
            for each, _ in poll.poll(1.0):
                heard[each] += len(os.read(each, 4096)) or _gone()
                if heard[each] >= len(ECHO):
                    heard[each] = 0
                    now = time.perf_counter()
                    latencies.append(now - sent[each])
                    sent[each] = now
                    os.write(each, MESSAGE)
    return latencies


def _gone() -> int:
    raise Failed("a WebSocket was closed")
