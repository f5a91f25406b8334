"""The metrics of a load balancer of ours, where this lbtwist has them."""

from __future__ import annotations

import contextlib
import socket
import urllib.request

from benchmarks.ground import HOST
from benchmarks.processes import Failed

KEY = "status"
"""The table of the configuration that turns them on."""
PATH = "/metrics"
TIMEOUT = 10.0


def table(port: int) -> str:
    """What a configuration has, to serve them there."""
    return f'[{KEY}]\nendpoint = "{HOST}:{port}"\n'


def scrape(port: int) -> int:
    """Read them all; returns how many bytes they are. Raises Failed where they are not served."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}{PATH}", timeout=TIMEOUT) as answer:
            return len(answer.read())
    except OSError as error:
        raise Failed(f"nothing is served at {PATH}: {error}") from error


def asked(port: int, stack: contextlib.ExitStack) -> None:
    """Ask for them, and let the answer come when it comes; the connection is closed with `stack`."""
    connection = stack.enter_context(socket.create_connection((HOST, port), timeout=TIMEOUT))
    connection.sendall(f"GET {PATH} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
