"""Sockets that a service manager has opened (LISTEN_FDS), so that a restart refuses no connection."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.functional.balancer import CONSOLE_HOST, HOST, Balancer, app
from tests.functional.load import Load
from tests.functional.peers import Server, Watch, asked

pytestmark = [pytest.mark.functional, pytest.mark.slow]

Pair = tuple[Server, Server]


def text_for(pair: Pair, endpoint: str) -> str:
    return app({server.name: str(server) for server in pair}, shutdown_timeout=60, endpoint=endpoint)


ENDPOINTS: dict[str, Callable[[int], str]] = {
    "own": lambda port: f"{HOST}:{port}",
    "twisted": lambda port: f"tcp:{port}:interface={HOST}",
}


@pytest.mark.parametrize("kind", ENDPOINTS)
def test_no_connection_is_refused_while_it_is_started_anew(
    tmp_path: Path, pair: Pair, watch: Watch, kind: str
) -> None:
    with socket.create_server((HOST, 0), backlog=4096) as web:
        port = web.getsockname()[1]
        lb = Balancer(tmp_path, text_for(pair, ENDPOINTS[kind](port)), sockets={"web": web})
        with Load(watch, (HOST, port)) as load:
            with lb:
                load.goes_on()
                lb.signal(signal.SIGTERM)
                assert lb.wait() == 0
            lb.forget()
            with lb:
                load.goes_on()
                load.stop()
        assert load.failed() == []


def test_a_listener_is_closed_and_opened_again(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    """The service manager has it still, so that it could not be bound."""
    with socket.create_server((HOST, 0)) as web:
        port = web.getsockname()[1]
        endpoint = f"{HOST}:{port}"
        with Balancer(tmp_path, text_for(pair, endpoint), sockets={"web": web}) as lb:
            lb.ask("disable", "app")
            lb.ask("enable", "app")
            assert asked(watch, (HOST, port)) in {"ecs01", "ecs02"}


def test_the_consoles_socket_and_one_that_nobody_wants(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    with (
        socket.create_server((CONSOLE_HOST, 0)) as console,
        socket.create_server((HOST, 0)) as other,
    ):
        port = console.getsockname()[1]
        lb = Balancer(
            tmp_path, text_for(pair, f"{HOST}:0"), sockets={"console": console, "other.socket": other}
        )
        lb.file.write_text(lb.file.read_text().replace(f"{CONSOLE_HOST}:0", f"{CONSOLE_HOST}:{port}"))
        with lb:
            assert lb.ports(CONSOLE_HOST) == [port]
            assert lb.ask("status")["state"] == "running"
            lb.wait_for_log("nothing listens on the socket other.socket that was given: closed")
            assert asked(watch, lb.address) in {"ecs01", "ecs02"}


def test_the_file_of_a_unix_socket_stays(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    path = tmp_path / "lb"
    with socket.socket(socket.AF_UNIX) as web:
        web.bind(str(path))
        web.listen()
        with Balancer(tmp_path, text_for(pair, f"unix:{path}"), sockets={"web": web}) as lb:
            assert asked(watch, str(path)) in {"ecs01", "ecs02"}
            lb.signal(signal.SIGTERM)
            assert lb.wait() == 0
        assert path.is_socket()
