"""Servers that refuse, keep silent, reset or close at once; each gives its address."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable, Iterator

from tests.functional.peers import HOST, Watch

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: close(2) sends a reset."""

Bad = Callable[[Watch], contextlib.AbstractContextManager[str]]


@contextlib.contextmanager
def refusing(watch: Watch) -> Iterator[str]:
    """A port that is bound, so that nobody else gets it, and does not listen."""
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        yield shown(bound)


@contextlib.contextmanager
def silent(watch: Watch) -> Iterator[str]:
    """A backlog that is full: the kernel drops every further SYN. See listen(2)."""
    with socket.create_server((HOST, 0), backlog=0) as listening, contextlib.ExitStack() as fillers:
        for _ in range(3):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listening.getsockname())
        yield shown(listening)


@contextlib.contextmanager
def resetting(watch: Watch) -> Iterator[str]:
    """It accepts, and resets at once."""

    def accepted(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.close()

    with socket.create_server((HOST, 0)) as listening:
        watch.listen(listening, accepted)
        yield shown(listening)
        watch.close(listening)


@contextlib.contextmanager
def closing(watch: Watch) -> Iterator[str]:
    """It accepts, and closes at once."""
    with socket.create_server((HOST, 0)) as listening:
        watch.listen(listening, socket.socket.close)
        yield shown(listening)
        watch.close(listening)


KINDS: tuple[Bad, ...] = (refusing, silent, resetting, closing)


def shown(listening: socket.socket) -> str:
    host, port = listening.getsockname()
    return f"{host}:{port}"
