"""Sockets that a service manager has opened: sd_listen_fds(3)."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator

import pytest
from twisted.internet import reactor
from twisted.python.failure import Failure

from lbtwist.model.endpoint import parse_endpoint
from lbtwist.net.inherited import inherited, listening_of
from lbtwist.net.sockets import ListeningSockets

Flush = Callable[..., list[Failure]]


class Given:
    """Descriptors that follow each other, as a service manager gives them."""

    def __init__(self) -> None:
        self.first = 200
        self.count = 0

    def add(self, opened: socket.socket) -> int:
        """One more; returns its port."""
        os.dup2(opened.fileno(), self.first + self.count, inheritable=True)
        self.count += 1
        port = int(opened.getsockname()[1]) if opened.family != socket.AF_UNIX else 0
        opened.close()
        return port

    def named(self, *names: str) -> list[tuple[int, str]]:
        """Each with its name."""
        return list(zip(range(self.first, self.first + self.count), names, strict=True))

    def is_open(self, index: int) -> bool:
        try:
            os.fstat(self.first + index)
        except OSError:
            return False
        return True

    def close(self) -> None:
        for index in range(self.count):
            if self.is_open(index):
                os.close(self.first + index)


@pytest.fixture
def given() -> Iterator[Given]:
    made = Given()
    yield made
    made.close()


def test_they_are_taken_by_name_and_not_handed_down(given: Given) -> None:
    ports = [given.add(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
    taken = list(listening_of(given.named("web", "api")))
    assert [(each.name, each.socket.getsockname()[1]) for each in taken] == list(
        zip(["web", "api"], ports, strict=True)
    )
    assert not any(each.socket.get_inheritable() for each in taken)
    for each in taken:
        each.socket.close()


def test_without_a_service_manager_there_are_none() -> None:
    environ = {"LISTEN_FDNAMES": "web", "HOME": "/"}
    assert inherited(reactor, environ) == []
    assert environ == {"HOME": "/"}


def test_what_does_not_listen_is_closed(given: Given, flush_logged_errors: Flush) -> None:
    given.add(socket.socket())
    given.add(socket.socket(type=socket.SOCK_DGRAM))
    port = given.add(socket.create_server(("127.0.0.1", 0)))
    (taken,) = listening_of([*given.named("a", "b", "c"), (given.first + 3, "d")])
    assert (taken.name, taken.socket.getsockname()[1]) == ("c", port)
    assert [given.is_open(index) for index in range(3)] == [False, False, True]
    assert [failure.getErrorMessage() for failure in flush_logged_errors()] == [
        "descriptor 200 (a) does not listen: closed",
        "descriptor 201 (b) does not listen: closed",
        "descriptor 203 (d): Bad file descriptor",
    ]
    taken.socket.close()


def test_one_that_is_lent_is_taken_again_and_never_shut(given: Given) -> None:
    """Who closes an endpoint and opens it again could not bind what the service manager holds."""
    port = given.add(socket.create_server(("127.0.0.1", 0)))
    endpoint = parse_endpoint(f"127.0.0.1:{port}")
    (lent,) = listening_of(given.named("web"))
    sockets = ListeningSockets(lent=[lent])
    for _ in range(2):
        taken = sockets.take(endpoint)
        assert taken is not None
        sockets.hold(endpoint, taken.fileno())
        assert sockets.release(taken.fileno())
        taken.close()
    assert sockets.close_rest() == []
    with socket.create_connection(("127.0.0.1", port), 5), lent.socket:
        pass


def test_one_that_is_lent_and_not_wanted_is_closed(given: Given) -> None:
    given.add(socket.create_server(("127.0.0.1", 0)))
    sockets = ListeningSockets(lent=listening_of(given.named("web")))
    assert sockets.take(parse_endpoint("127.0.0.1:1")) is None
    assert sockets.close_rest() == ["web"]
    assert not given.is_open(0)
