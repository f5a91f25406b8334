"""Rule 74: listening sockets are taken from another process, and handed on to the next."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted

from lbtwist.model.address import parse_address
from lbtwist.model.endpoint import parse_endpoint
from lbtwist.net.port import open_port
from lbtwist.net.sockets import ListeningSockets, name_of, shown_name
from tests.net.test_port import KINDS, Accepted, Ground, reactor, turns


@pytest.fixture(params=KINDS)
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    ground = Ground(request.param, tmp_path)
    yield ground
    ground.close()


@pytest.mark.parametrize("text", [":80", "[::1]:80", "unix:/run/a%b", "tls:certs:8443:interface=\\:\\:1"])
def test_a_name_has_no_colon_and_tells_its_endpoint(text: str) -> None:
    name = name_of(parse_endpoint(text))
    assert ":" not in name
    assert shown_name(name) == text


def bound(host: str, port: int = 0, family: int = socket.AF_INET) -> socket.socket:
    listening = socket.socket(family)
    listening.bind((host, port))
    listening.listen()
    return listening


def test_a_given_socket_is_found_by_its_name_or_its_address_once() -> None:
    with bound("127.0.0.1") as named, bound("127.0.0.1") as other, bound("::", 0, socket.AF_INET6) as every:
        port, any_port = other.getsockname()[1], every.getsockname()[1]
        sockets = ListeningSockets(
            [("lb.socket", other), (name_of(parse_endpoint("127.0.0.1:0")), named), ("lb.socket", every)]
        )
        assert sockets.take(parse_endpoint(f"127.0.0.2:{port}")) is None
        assert sockets.take(parse_endpoint(f":{port}")) is None
        assert sockets.take(parse_endpoint("127.0.0.1:0")) is named
        assert sockets.take(parse_endpoint("127.0.0.1:0")) is None
        assert sockets.take(parse_endpoint(f"127.0.0.1:{port}")) is other
        assert not other.getblocking()
        assert sockets.take(parse_endpoint(f":{any_port}")) is every


def test_what_nobody_wants_is_closed() -> None:
    unwanted = bound("127.0.0.1")
    sockets = ListeningSockets([("lb.socket", unwanted)])
    assert sockets.close_rest() == ["lb.socket"]
    assert unwanted.fileno() == -1
    assert sockets.close_rest() == []


@pytest_twisted.ensureDeferred
async def test_rule_74_the_next_generation_accepts_what_waits_and_has_the_file(ground: Ground) -> None:
    old_sockets, old = ListeningSockets(), Accepted()
    old_port = open_port(ground.endpoint, ground.poller, reactor, old_sockets)
    await old_port.accept(old)
    address = parse_address(old_port.address())
    ((name, fileno),) = old_sockets.held()
    family = socket.AF_UNIX if ground.unix else socket.AF_INET
    new_sockets = ListeningSockets([(name, socket.socket(family, fileno=os.dup(fileno)))])
    ground.connect(address)  # before the old one has looked, and nobody else accepts
    old_sockets.hand_on(())
    await old_port.close()
    ground.connect(address)
    await turns()
    assert old.count == 0

    new_port, new = open_port(ground.endpoint, ground.poller, reactor, new_sockets), Accepted()
    await new_port.accept(new)
    while new.count < 2:
        await turns(1)
    assert parse_address(new_port.address()) == address
    assert new_sockets.close_rest() == []
    if ground.unix:
        assert stat.S_ISSOCK(ground.path.stat().st_mode)
    await new_port.close()
    assert not ground.path.exists()


@pytest_twisted.ensureDeferred
async def test_rule_74_what_the_next_generation_left_is_closed_as_ever(ground: Ground) -> None:
    sockets, accepted = ListeningSockets(), Accepted()
    port = open_port(ground.endpoint, ground.poller, reactor, sockets)
    await port.accept(accepted)
    ground.connect(parse_address(port.address()))
    sockets.hand_on([name_of(ground.endpoint)])
    await port.close()
    assert accepted.count == 1
    assert not ground.path.exists()
    assert sockets.held() == []


@pytest_twisted.ensureDeferred
async def test_what_is_bound_and_handed_on_before_it_accepted_stays_open(ground: Ground) -> None:
    if ground.twisted:
        return
    sockets = ListeningSockets()
    port = open_port(ground.endpoint, ground.poller, reactor, sockets)
    address = parse_address(port.address())
    ((_, fileno),) = sockets.held()
    with socket.socket(socket.AF_UNIX if ground.unix else socket.AF_INET, fileno=os.dup(fileno)):
        sockets.hand_on(())
        await port.close()
        ground.connect(address)
