"""Servers that refuse, keep silent, reset, or leave: the client gets another, and never waits for ever."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.functional.balancer import HOST, Balancer, app
from tests.functional.peers import Server, Watch, asked
from tests.functional.waiting import eventually

pytestmark = [pytest.mark.functional, pytest.mark.slow]

CLIENTS = 6
CONNECT_TIMEOUT = 0.3
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


def beside(good: Server | None, *bad: str) -> str:
    servers = {f"bad{number}": address for number, address in enumerate(bad)}
    if good is not None:
        servers["good"] = str(good)
    return app(servers, listener=f"connect_timeout = {CONNECT_TIMEOUT}", group=f"retries = {len(bad)}")


@pytest.mark.parametrize("kind", KINDS)
def test_another_server_takes_the_client(tmp_path: Path, watch: Watch, kind: Bad) -> None:
    good = Server("good", watch)
    with kind(watch) as bad, Balancer(tmp_path, beside(good, bad)) as lb:
        assert [asked(watch, lb.address) for _ in range(CLIENTS)] == ["good"] * CLIENTS
        assert lb.state("app/bad0")["failed"] > 0
        eventually(lambda: lb.ask("connections") == [])


def test_a_client_goes_past_every_kind_to_the_last_server(tmp_path: Path, watch: Watch) -> None:
    good = Server("good", watch)
    with contextlib.ExitStack() as stack:
        bad = [stack.enter_context(kind(watch)) for kind in KINDS]
        with Balancer(tmp_path, beside(good, *bad)) as lb:
            assert [asked(watch, lb.address) for _ in range(CLIENTS)] == ["good"] * CLIENTS
            eventually(lambda: lb.ask("connections") == [])


@pytest.mark.parametrize("kind", KINDS)
def test_a_client_without_a_server_is_closed(tmp_path: Path, watch: Watch, kind: Bad) -> None:
    with kind(watch) as bad, Balancer(tmp_path, beside(None, bad)) as lb:
        clients = [watch.connect(lb.address) for _ in range(CLIENTS)]
        for client in clients:
            client.ended(5)
            assert client.heard == b""
        eventually(lambda: lb.ask("connections") == [])


@pytest.mark.parametrize("kind", [resetting, closing])
def test_a_client_that_speaks_first_is_answered_or_closed(tmp_path: Path, watch: Watch, kind: Bad) -> None:
    """Whether the server was of use when it left, the order of two packets decides."""
    good = Server("good", watch)
    with kind(watch) as bad, Balancer(tmp_path, beside(good, bad)) as lb:
        for _ in range(5 * CLIENTS):
            client = watch.connect(lb.address)
            client.say("a line\n")
            eventually(lambda: client.end is not None or b"good: a line\n" in client.heard)  # noqa: B023
            client.leave()
            client.ended()
        eventually(lambda: lb.ask("connections") == [])


@pytest.mark.parametrize(("linger", "how"), [(None, "fin"), (RESET, "reset")], ids=["fin", "reset"])
def test_a_server_that_leaves_in_the_middle_ends_its_client_alike(
    tmp_path: Path, watch: Watch, linger: bytes | None, how: str
) -> None:

    def accepted(connection: socket.socket) -> None:
        connection.sendall(b"half of")
        connections.append(connection)

    connections: list[socket.socket] = []
    good = Server("good", watch)
    with socket.create_server((HOST, 0)) as listening:
        watch.listen(listening, accepted)
        with Balancer(tmp_path, beside(good, shown(listening))) as lb:
            client = watch.connect(lb.address)
            client.hear("half of")
            (connection,) = connections
            if linger:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            connection.close()
            if not linger:
                assert client.end is None or client.end.how == how
                client.leave()
            assert client.ended().how == how
            assert client.heard == b"half of"
        watch.close(listening)
    assert good.sides == []
