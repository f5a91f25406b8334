"""A dialer on real sockets, and listening servers."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.defer import gatherResults, maybeDeferred
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.protocol import Factory

from lbtwist.model.address import Address
from lbtwist.net.direct import DirectDialer
from lbtwist.net.poller import Poller
from lbtwist.net.sweep import Sweep

Serve = Callable[..., Address]


@pytest.fixture
def dialer(real_reactor: PosixReactorBase) -> Iterator[DirectDialer]:
    """The dialer that the load balancer has."""
    poller = Poller(real_reactor)
    yield DirectDialer(poller, Sweep(real_reactor))
    poller.stop()


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nobody listens, and nobody else can."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def serve(real_reactor: PosixReactorBase) -> Iterator[Serve]:
    """`serve(factory)` listens on loopback, `serve(factory, path)` on a Unix socket; gives the address."""
    ports = []

    def listen(factory: Factory, path: Path | None = None) -> Address:
        if path is not None:
            ports.append(real_reactor.listenUNIX(str(path), factory))
            return Address(str(path))
        ports.append(real_reactor.listenTCP(0, factory, interface="127.0.0.1"))
        return Address("127.0.0.1", ports[-1].getHost().port)

    yield listen
    pytest_twisted.blockon(gatherResults([maybeDeferred(port.stopListening) for port in ports]))
