"""A data plane with listeners, clients and servers, over each kind of transport: what a test tells of
them is the same conversation."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as installed
from twisted.internet.address import IPv4Address
from twisted.internet.defer import maybeDeferred
from twisted.internet.protocol import Factory

from lbtwist.model.address import Address, parse_address
from lbtwist.model.endpoint import Endpoint, parse_endpoint
from lbtwist.model.plane import EVERYTHING, ListenerPolicy, Member, Rotation
from lbtwist.net.dialing import IDialer
from lbtwist.net.direct import DirectDialer
from lbtwist.net.pipes import LIMIT, Pipes
from lbtwist.net.plane import DataPlane
from lbtwist.net.poller import Poller
from lbtwist.net.port import open_port
from lbtwist.net.portable import EndpointDialer
from lbtwist.net.sweep import Sweep
from tests.net.bench import GROUP, WEB, FakePort, Observer, make_scheduler
from tests.net.fakes import CLIENT, FakeDialer, Wire
from tests.net.recorder import HalfCloseable, Recorder
from tests.net.spliced import from_the_first_byte

reactor = cast(Any, installed)
KINDS = ("fake", "tcp", "unix", "twisted-tcp", "twisted-unix")
RELAY_KINDS = (*KINDS, "spliced-tcp", "spliced-unix")
"""Where it makes a difference: in all of KINDS bytes are copied."""
TLS_KINDS = ("tls-tcp", "tls-unix", "tls-twisted-tcp")
"""Clients speak TLS, which has no half-close: a client that ends its sending ends all."""


class Server(Factory):
    """A server behind the load balancer; its ends are made before the connections are."""

    noisy = False

    def __init__(self, address: Address) -> None:
        self.address = address
        self.ends: list[Recorder] = []
        """All that were connected, in their order."""
        self._next: list[Recorder] = []

    def expect(self, end: Recorder) -> Recorder:
        """`end` is who gets the next connection that nobody else is expected for."""
        self._next.append(end)
        return end

    def buildProtocol(self, addr: object = None) -> Any:
        end = self._next.pop(0) if self._next else HalfCloseable()
        self.ends.append(end)
        return end


class World(ABC):
    """One data plane, and all who are connected through it."""

    tells_resets = True
    """A Unix socket has no RST: an abort with nothing unread is an end like another."""
    tells_truncation = False
    """TLS has an end that is none: one without close_notify."""

    def __init__(self, dialer: IDialer, sweep: Sweep, pipes: int = 0) -> None:
        self.pipes = Pipes(pipes)
        self.plane = DataPlane(reactor, dialer, sweep, self._open, make_scheduler, pipes=self.pipes)
        self.observer = Observer()
        self.plane.observe(self.observer)
        self.ends: list[Recorder] = []

    async def listen(self, number: int = WEB, group: str = GROUP, **keys: Any) -> None:
        """A listener, or a new policy for one."""
        if not self.plane.address(number):
            self.plane.bind(number, self._endpoint(number))
        await self.plane.serve(ListenerPolicy(number, f"l{number}", group, **keys))

    def rotate(self, *servers: Server, group: str = GROUP, **keys: Any) -> None:
        """These take new connections, as registrations 1, 2 …"""
        members = (Member(n, f"{group}/s{n}#{n}", s.address, 1) for n, s in enumerate(servers, 1))
        self.plane.rotate(group, Rotation(tuple(members), **keys))

    async def conversation(self, client: Recorder | None = None, end: Recorder | None = None) -> Any:
        """A client and a server that are connected through a listener of their own."""
        server = self.server()
        far = server.expect(end or HalfCloseable())
        self.rotate(server)
        await self.listen()
        near = await self.client(end=client)
        await far.until_heard("made")
        return near, far

    async def client(self, listener: int = WEB, end: Recorder | None = None) -> Any:
        """A client's end, connected to the listener."""
        end = end or HalfCloseable()
        self.ends.append(end)
        self._connect(listener, end)
        await end.until_heard("made")
        return end

    async def empty(self) -> None:
        """All connections have ended."""
        await self.plane.when_empty(EVERYTHING)

    async def close(self) -> None:
        """Leave nothing behind."""
        self.plane.close()
        for end in self.ends:
            end.transport.abortConnection()
        await self.empty()
        assert self.pipes.busy == 0

    @abstractmethod
    def server(self) -> Server:
        """A server that accepts."""

    @abstractmethod
    def dead(self) -> Server:
        """A server that refuses."""

    @abstractmethod
    def send(self, end: Recorder, data: bytes) -> None:
        """`end` sends `data`, which has left it when this returns."""

    @abstractmethod
    def _open(self, endpoint: Endpoint) -> Any: ...

    @abstractmethod
    def _endpoint(self, number: int) -> Endpoint: ...

    @abstractmethod
    def _connect(self, listener: int, end: Recorder) -> None: ...


class FakeWorld(World):
    """All in memory."""

    def __init__(self) -> None:
        self.dialer = FakeDialer(reactor)
        self._ports: dict[str, FakePort] = {}
        self._servers: list[Server] = []
        super().__init__(self.dialer, Sweep(reactor))

    def server(self) -> Server:
        server = self.dead()
        self.dialer.answer(server.address, server.buildProtocol)
        return server

    def dead(self) -> Server:
        server = Server(Address(f"10.0.0.{len(self._servers) + 1}", 80))
        self._servers.append(server)
        return server

    def send(self, end: Recorder, data: bytes) -> None:
        end.transport.write(data)
        assert not end.transport.queue

    async def close(self) -> None:
        await super().close()
        for server in self._servers:
            for end in server.ends:
                end.transport.abortConnection()

    def _open(self, endpoint: Endpoint) -> FakePort:
        port = self._ports[str(endpoint)] = FakePort(endpoint)
        return port

    def _endpoint(self, number: int) -> Endpoint:
        return parse_endpoint(f"192.0.2.2:{number}")

    def _connect(self, listener: int, end: Recorder) -> None:
        port = self._ports[self.plane.address(listener)]
        assert port.factory is not None
        wire = Wire(reactor)
        wire.server._peer = IPv4Address("TCP", CLIENT.host, 50_000 + len(self.ends))
        wire.accept(port.factory, end)


class SocketWorld(World):
    """On loopback or Unix sockets: our own transports, or Twisted's. Clients and servers are Twisted's.

    Through transports of ours everything is copied, or everything is spliced.
    """

    def __init__(self, kind: str, path: Path) -> None:
        self.poller = Poller(reactor)
        self.twisted = kind.startswith("twisted")
        self.unix = kind.endswith("unix")
        self.tells_resets = not self.unix
        self._path = path
        self._ports: list[Any] = []
        self._servers: list[Server] = []
        self._silent: list[socket.socket] = []
        sweep = Sweep(reactor)
        dialer = EndpointDialer(reactor) if self.twisted else DirectDialer(self.poller, sweep)
        self._patches = ExitStack()
        spliced = kind.startswith("spliced")
        if spliced:
            self._patches.enter_context(from_the_first_byte())
        super().__init__(dialer, sweep, LIMIT if spliced else 0)

    def server(self) -> Server:
        server = Server(Address(str(self._path / f"server{len(self._ports)}")))
        if self.unix:
            port = reactor.listenUNIX(server.address.host, server)
        else:
            port = reactor.listenTCP(0, server, interface="127.0.0.1")
            server.address = Address("127.0.0.1", port.getHost().port)
        self._servers.append(server)
        self._ports.append(port)
        return server

    def dead(self) -> Server:
        if self.unix:
            return Server(Address(str(self._path / "nothing")))
        bound = socket.socket()
        bound.bind(("127.0.0.1", 0))  # it is nobody else's, and does not listen
        self._silent.append(bound)
        return Server(Address(*bound.getsockname()))

    def send(self, end: Recorder, data: bytes) -> None:
        assert end.transport.getHandle().send(data) == len(data)

    async def close(self) -> None:
        await super().close()
        for end in [end for server in self._servers for end in server.ends]:
            end.transport.abortConnection()
        for port in self._ports:
            await maybeDeferred(port.stopListening)
        for bound in self._silent:
            bound.close()
        self.poller.stop()
        self._patches.close()

    def _open(self, endpoint: Endpoint) -> Any:
        return partial(open_port, poller=self.poller, reactor=reactor)(endpoint)

    def _endpoint(self, number: int) -> Endpoint:
        path = self._path / f"listener{number}"
        if self.unix:
            return parse_endpoint(f"unix:address={path}" if self.twisted else f"unix:{path}")
        return parse_endpoint("tcp:0:interface=127.0.0.1" if self.twisted else "127.0.0.1:0")

    def _connect(self, listener: int, end: Recorder) -> None:
        address = parse_address(self.plane.address(listener))
        EndpointDialer(reactor).dial(address, lambda: end, 10.0, self._failed)

    def _failed(self, failure: object) -> None:
        raise AssertionError(f"a client could not connect: {failure}")


def make_world(kind: str, path: Path) -> World:
    if kind.startswith("tls-"):
        from tests.net.secure_world import SecureWorld  # it is made of what is here

        return SecureWorld(kind, path)
    return FakeWorld() if kind == "fake" else SocketWorld(kind, path)
