"""A status page in memory: requests are bytes, and time passes as the test says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from lbtwist.service.balancer import LoadBalancer
from lbtwist.status.service import StatusService
from lbtwist.status.site import StatusChannel
from tests.service.bench import Bench, config

ONE = """
[load_balancer]
shutdown_timeout = 0
[listeners.web]
endpoint = "127.0.0.1:8080"
protocol = "tcp"
[server_groups.app]
servers = { ecs01 = "10.0.0.1:80", ecs02 = "10.0.0.2:80" }
"""


class Pool:
    """A thread pool whose threads are this one."""

    def callInThreadWithCallback(self, done: Callable[[bool, Any], None], call: Any, *given: Any) -> None:
        done(True, call(*given))


class Port:
    """A listening port."""

    def __init__(self, endpoint: tuple[str, int]) -> None:
        self.endpoint = endpoint
        self.closed = False

    def getHost(self) -> tuple[str, int]:
        return self.endpoint

    def stopListening(self) -> Any:
        self.closed = True
        return succeed(None)


class Process(Clock):
    """The reactor of a process, as far as a status page asks it."""

    def __init__(self) -> None:
        super().__init__()
        self.ports: list[Port] = []
        self.factory: Any = None
        self.taken = False

    def callWhenRunning(self, call: Callable[[], object]) -> None:
        self.callLater(0, call)

    def getThreadPool(self) -> Pool:
        return Pool()

    def callFromThread(self, call: Any, *given: Any) -> None:
        call(*given)

    def listenTCP(self, port: int, factory: Any, interface: str) -> Port:
        if self.taken:
            raise OSError(98, "Address already in use")
        self.factory = factory
        factory.doStart()
        self.ports.append(Port((interface, port)))
        return self.ports[-1]


class Response(NamedTuple):
    """What a client gets."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.body)


class Wire(StringTransport):
    """A client's connection, which may be aborted and held up."""

    aborted = False
    protocol: StatusChannel

    def abortConnection(self) -> None:
        self.aborted = True
        self.loseConnection()

    def hold(self) -> None:
        """The client reads nothing any more."""
        assert self.producer is not None
        self.producer.pauseProducing()

    def release(self) -> None:
        assert self.producer is not None
        self.producer.resumeProducing()

    def text(self) -> str:
        """What has come since it was last asked."""
        text: str = self.value().decode()
        self.clear()
        return text


class Scene:
    """A load balancer with a status page."""

    def __init__(self, toml: str = ONE, endpoint: str = "127.0.0.1:8404", *, start: bool = True) -> None:
        self.bench = Bench(toml)
        self.process = Process()
        settings = config(f'[status]\nendpoint = "{endpoint}"').status
        assert settings is not None
        self.service = StatusService(settings, self.balancer, self.process)
        if start:
            self.service.privilegedStartService()
            self.service.startService()
            self.settle()

    @property
    def balancer(self) -> LoadBalancer:
        return self.bench.balancer

    def settle(self) -> None:
        """All that happens without time passing."""
        while any(call.getTime() <= self.process.seconds() for call in self.process.getDelayedCalls()):
            self.process.advance(0)

    def connect(self) -> Wire | None:
        """A client's connection; None where it is refused."""
        channel = self.process.factory.buildProtocol(None)
        if channel is None:
            return None
        wire = Wire()
        wire.protocol = channel
        channel.makeConnection(wire)
        return wire

    def open(self, path: str, *fields: str, method: str = "GET", host: str = "localhost:8404") -> Wire:
        """A request on a new connection, whose response comes to the wire."""
        wire = self.connect()
        assert wire is not None
        lines = [f"{method} {path} HTTP/1.1", *([f"Host: {host}"] if host else []), *fields, "", ""]
        wire.protocol.dataReceived("\r\n".join(lines).encode())
        self.settle()
        return wire

    def get(self, path: str, *fields: str, method: str = "GET", host: str = "localhost:8404") -> Response:
        """The whole response."""
        return read(self.open(path, *fields, method=method, host=host))

    def metrics(self) -> dict[str, Metric]:
        """Of /metrics, by name."""
        text = self.get("/metrics").body.decode()
        return {metric.name: metric for metric in text_string_to_metric_families(text)}

    def value(self, name: str, /, **labels: str) -> float:
        """Of the one series that has these labels, maybe among others."""
        (value,) = self.values(name, **labels)
        return value

    def values(self, name: str, /, **labels: str) -> list[float]:
        samples = (sample for metric in self.metrics().values() for sample in metric.samples)
        return [
            sample.value
            for sample in samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]


def read(wire: Wire) -> Response:
    head, _, body = wire.value().partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return Response(int(first.split()[1]), headers, body)
