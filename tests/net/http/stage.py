"""An http listener in memory, and what is said on it: clients and servers that speak and hear bytes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, NamedTuple

from twisted.internet.task import Clock

from lbtwist.wire.websocket_handshake import accept_key
from tests.net.bench import CHUNK, Bench, closed, member
from tests.net.fakes import CAPACITY
from tests.net.recorder import HalfCloseable

NOW = 784111777.0
DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"
"""What a Date says here: the example of RFC 9110, 5.6.7."""
MASK = b"\x11\x22\x33\x44"
"""What the load balancer masks its frames with here."""
KEY = base64.b64encode(bytes(range(16)))


def request(
    method: str = "GET",
    target: str = "/",
    *fields: str,
    body: bytes = b"",
    version: str = "1.1",
    host: str = "a.example",
) -> bytes:
    """A request; with a body it has its Content-Length."""
    lines = [f"{method} {target} HTTP/{version}"]
    lines += [f"Host: {host}"] if host else []
    lines += [*fields, *([f"Content-Length: {len(body)}"] if body else [])]
    return "\r\n".join([*lines, "", ""]).encode() + body


def response(
    body: bytes = b"", *fields: str, status: int = 200, version: str = "1.1", length: bool = True
) -> bytes:
    """A response; with its Content-Length, unless `length` is false."""
    lines = [f"HTTP/{version} {status} Said", *fields, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunks(*pieces: bytes, trailers: str = "", last: bool = True) -> bytes:
    """A body in chunks, each of the `pieces` one."""
    framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return framed + (b"0\r\n%b\r\n" % trailers.encode() if last else b"")


CHUNKED = "Transfer-Encoding: chunked"
UPGRADE = request(
    "GET",
    "/chat",
    "Connection: Upgrade",
    "Upgrade: websocket",
    f"Sec-WebSocket-Key: {KEY.decode()}",
    "Sec-WebSocket-Version: 13",
)
SWITCHED = response(
    b"",
    "Upgrade: websocket",
    "Connection: Upgrade",
    f"Sec-WebSocket-Accept: {accept_key(KEY).decode()}",
    status=101,
    length=False,
)


class Said(NamedTuple):
    """One message, as a plain reader has it."""

    first: bytes
    fields: dict[bytes, list[bytes]]
    """By names in small letters."""
    body: bytes
    framed: bool
    """Its end was that which its framing has."""
    rest: bytes

    @property
    def status(self) -> int:
        return int(self.first.split()[1])

    def field(self, name: str) -> bytes | None:
        """The one value of a field; None where there is none."""
        values = self.fields.get(name.encode(), [])
        assert len(values) < 2
        return values[0] if values else None


def read(data: bytes, bodyless: bool = False) -> Said:
    """The first message of `data`, by a reader that shares nothing with the real one."""
    head, end, rest = data.partition(b"\r\n\r\n")
    assert end, f"{data!r} is no whole head"
    first, *lines = head.split(b"\r\n")
    fields: dict[bytes, list[bytes]] = {}
    for name, _, value in (line.partition(b": ") for line in lines):
        fields.setdefault(name.lower(), []).append(value)
    return Said(first, fields, *_body(first, fields, rest, bodyless))


def _body(
    first: bytes, fields: dict[bytes, list[bytes]], rest: bytes, bodyless: bool
) -> tuple[bytes, bool, bytes]:
    status = first.split()[1] if first.startswith(b"HTTP/") else b""
    if bodyless or status in (b"204", b"304") or status.startswith(b"1"):
        return b"", True, rest
    if b"transfer-encoding" in fields:
        return _unchunked(rest)
    if b"content-length" in fields:
        length = int(fields[b"content-length"][0])
        return rest[:length], len(rest) >= length, rest[length:]
    return (rest, False, b"") if status else (b"", True, rest)


def _unchunked(rest: bytes) -> tuple[bytes, bool, bytes]:
    body = b""
    while rest:
        line, _, after = rest.partition(b"\r\n")
        size = int(line, 16)
        if not size:
            return body, True, after.partition(b"\r\n")[2] if after[:2] == b"\r\n" else after
        body += after[:size]
        if len(after) < size + 2:
            return body, False, b""
        rest = after[size + 2 :]
    return body, False, b""


def answers(data: bytes) -> list[Said]:
    """All messages of `data`, which are whole."""
    found = []
    while data:
        found.append(read(data))
        assert found[-1].framed
        data = found[-1].rest
    return found


class Speaker(HalfCloseable):
    """An end that a test speaks for."""

    def __init__(self, settle: Callable[[], None]) -> None:
        super().__init__()
        self._settle = settle
        self._heard = 0

    def say(self, *data: bytes) -> None:
        """Send, and let all happen that follows without time passing."""
        for each in data:
            self.transport.write(each)
            self._settle()

    def hear(self) -> bytes:
        """What has come since it was last asked for."""
        heard = bytes(self.received[self._heard :])
        self._heard = len(self.received)
        return heard

    def said(self, bodyless: bool = False) -> Said:
        """The one message that has come since it was last asked."""
        message = read(self.hear(), bodyless)
        assert not message.rest
        return message

    def shut(self) -> None:
        """Send FIN, and go on hearing."""
        self.transport.loseWriteConnection()
        self._settle()

    def close(self) -> None:
        self.transport.loseConnection()
        self._settle()

    def reset(self) -> None:
        self.transport.abortConnection()
        self._settle()

    def deaf(self) -> None:
        """Read nothing."""
        self.transport.pauseProducing()

    def listen(self) -> None:
        """Read again."""
        self.transport.resumeProducing()
        self._settle()

    @property
    def end(self) -> str:
        """How the connection has ended: `fin`, `reset`, or `` when not at all."""
        return closed(self)


class Stage(Bench):
    """A Bench whose listener speaks HTTP, where it is always the same date."""

    accepted: dict[int, list[Any]]

    def __init__(self, capacity: int = CAPACITY, chunk: int = CHUNK) -> None:
        clock = Clock()
        clock.advance(1000)
        super().__init__(clock, capacity, chunk, lambda: Speaker(self.settle))
        self.plane._means = self.plane._means._replace(wall=lambda: NOW, random=lambda count: MASK[:count])

    def client(self, host: str = "192.0.2.1", listener: int = 1) -> Any:
        client = super().client(host, listener)
        self.settle()
        return client

    def asks(self, *data: bytes, server: int = 1, host: str = "192.0.2.1") -> tuple[Any, Any]:
        """A new client that says `data`, and the end of `server` that has heard it."""
        client = self.client(host)
        client.say(*data)
        return client, self.accepted[server][-1]

    def tunnel(self, server: int = 1) -> tuple[Any, Any]:
        """Both ends of a new WebSocket."""
        client, end = self.asks(UPGRADE, server=server)
        end.say(SWITCHED)
        end.hear()
        assert read(client.hear()).status == 101
        return client, end

    def limited(self, number: int) -> Any:
        """Server `number`, for one connection at a time."""
        return member(number, max_connections=1)

    @property
    def busy(self) -> int:
        """Places that are taken at servers."""
        return sum(sum(group._busy.values()) for group in self.plane._groups.values())

    @property
    def ledger(self) -> Any:
        """That of the listener."""
        return self._frontend.ledger

    @property
    def guests(self) -> int:
        """Clients that are connected."""
        return len(self._frontend.clients)

    @property
    def _frontend(self) -> Any:
        return self.plane._frontends[1]

    def empty(self) -> bool:
        """Nothing is live, nobody is connected, no server's connection is kept, no timer is left."""
        self.settle()
        pools = [group.idle._by_member.values() for group in self.plane._groups.values()]
        kept = any(connections for pool in pools for connections in pool)
        return not (self.ledger.live or self.guests or kept or self.timers)


def http(**policy: Any) -> Stage:
    """Two servers that take turns, and a listener whose timeouts are told apart by their length."""
    stage = Stage()
    stage.servers(1, 2, scheduler="rr")
    stage.listen(**{**TIMEOUTS, **policy})
    return stage


TIMEOUTS: dict[str, Any] = {
    "protocol": "http",
    "header_timeout": 3.0,
    "idle_timeout": 7.0,
    "request_timeout": 20.0,
    "tunnel_timeout": 50.0,
    "connect_timeout": 2.0,
}
