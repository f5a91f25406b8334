"""Servers that refuse, keep silent, reset, or leave: the client gets another, and never waits for ever."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import pytest

from tests.functional.bad_servers import KINDS, RESET, Bad, closing, resetting, shown
from tests.functional.balancer import HOST, Balancer, app, section
from tests.functional.peers import Server, Watch, asked
from tests.functional.waiting import eventually

pytestmark = [pytest.mark.functional, pytest.mark.slow]

CLIENTS = 4
IMPATIENT = "connect_timeout = 0.3"
ALONE = "127.0.0.3"


def beside(good: Server, *bad: str) -> str:
    servers = {f"bad{number}": address for number, address in enumerate(bad)} | {"good": str(good)}
    return app(servers, listener=IMPATIENT, group=f"retries = {len(bad)}")


@pytest.mark.parametrize("kind", KINDS)
def test_another_server_takes_the_client_and_without_one_it_is_closed(
    tmp_path: Path, watch: Watch, kind: Bad
) -> None:
    good = Server("good", watch)
    with kind(watch) as bad:
        alone = section({"bad": bad}, name="alone", endpoint=f"{ALONE}:0", listener=IMPATIENT)
        with Balancer(tmp_path, beside(good, bad) + alone) as lb:
            assert [asked(watch, lb.address) for _ in range(CLIENTS)] == ["good"] * CLIENTS
            assert lb.state("app/bad0")["failed"] > 0
            without = [watch.connect((ALONE, lb.port(ALONE))) for _ in range(CLIENTS)]
            for client in without:
                client.ended(5)
                assert client.heard == b""
            eventually(lambda: lb.ask("connections") == [])


def test_a_client_goes_past_every_kind_to_the_last_server(tmp_path: Path, watch: Watch) -> None:
    good = Server("good", watch)
    with contextlib.ExitStack() as stack:
        bad = [stack.enter_context(kind(watch)) for kind in KINDS]
        with Balancer(tmp_path, beside(good, *bad)) as lb:
            assert [asked(watch, lb.address) for _ in range(CLIENTS)] == ["good"] * CLIENTS
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
