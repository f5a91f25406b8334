"""Clients of every kind at once, each of whom notes what it saw of what it asked."""

from __future__ import annotations

import contextlib
import http.client
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import NamedTuple

import websocket

from tests.functional.peers import Address

WHOLE = "whole"
SHORT = "short"
"""The answer ended in its midst."""
NOTHING = "nothing"
"""The connection ended without one."""
LEFT = "left"
"""The client reset its connection, and saw nothing more."""
CLOSED = "closed"
"""A WebSocket was closed by its client."""
TOLD = "told"
"""A WebSocket was told to go away."""

PATIENCE = 15.0
POST_SIZE = 20_000
POSTED = ("/echo", "/slow/0.1")
"""Where POSTs go, and nothing else that is answered."""
PAGE = "/page/40000"
"""Some 1.1 MB."""
SLOW_READER_BUFFER = 16_384
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: closing sends a reset."""


class Seen(NamedTuple):
    """What became of one request, WebSocket or TCP connection for its client."""

    target: str
    """Of no other; empty where there was none."""
    how: str
    status: int = 0
    heard: int = 0
    """TCP: bytes that came."""


class Crowd:
    """Clients in threads of their own, from entering it until it is left; each says what it `seen`."""

    def __init__(self, web: Address, raw: Address) -> None:
        self.seen: list[Seen] = []
        """By clients of the http listener."""
        self.conversations: list[Seen] = []
        """By those of the tcp listener."""
        self.mistakes: list[BaseException] = []
        """What no client may see."""
        self._web = web
        self._raw = raw
        self._numbers = count(1)
        self._over = threading.Event()
        kinds = {self.keeps: 6, self.closes: 2, self.posts: 3, self.reads_slowly: 2, self.leaves: 2}
        others = {self.echoes: 4, self.converses: 4}
        self._threads = [
            threading.Thread(target=self._run, args=(kind, random.Random(number)), daemon=True)
            for kind, clients in {**kinds, **others}.items()
            for number in range(clients)
        ]

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._over.set()

    def ends(self) -> None:
        """Ask nothing more, and wait for what is under way."""
        self._over.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE)
            assert not thread.is_alive(), "a client waits in vain"

    def keeps(self, chance: random.Random) -> None:
        """Requests on one connection, as long as it is kept."""
        connection = http.client.HTTPConnection(*self._web, timeout=PATIENCE)
        with contextlib.closing(connection):
            while self._goes_on(chance.uniform(0.01, 0.05)):
                self._ask(connection, "GET", self._target("/"))

    def closes(self, chance: random.Random) -> None:
        """A connection for each request."""
        while self._goes_on(chance.uniform(0.01, 0.05)):
            with self._connected() as connection:
                self._ask(connection, "GET", self._target("/slow/0.05"), {"Connection": "close"})

    def posts(self, chance: random.Random) -> None:
        """On a connection that is kept."""
        connection = http.client.HTTPConnection(*self._web, timeout=PATIENCE)
        with contextlib.closing(connection):
            while self._goes_on(chance.uniform(0.01, 0.1)):
                body = bytes(chance.choice([0, chance.randrange(POST_SIZE)]))
                self._ask(connection, "POST", self._target(chance.choice(POSTED)), body=body)

    def reads_slowly(self, chance: random.Random) -> None:
        """A download that takes a second or two."""
        while self._goes_on(chance.uniform(0, 0.1)):
            with self._connected(SLOW_READER_BUFFER) as connection:
                self._ask(connection, "GET", self._target(PAGE), pause=chance.uniform(0.01, 0.05))

    def leaves(self, chance: random.Random) -> None:
        """A reset in a head, while a server thinks, in a body, or in an answer."""
        while self._goes_on(chance.uniform(0.02, 0.1)):
            target = self._target(chance.choice(["", "/slow/5", "/echo", PAGE]))
            self.seen.append(Seen(target, LEFT))
            with socket.create_connection(self._web, timeout=PATIENCE) as client:
                client.sendall(_unfinished(target))
                if target.startswith(PAGE):
                    client.recv(1000)
                time.sleep(chance.uniform(0.01, 0.1))
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def echoes(self, chance: random.Random) -> None:
        """WebSockets of some messages each."""
        while self._goes_on(chance.uniform(0, 0.1)):
            target = self._target("/websocket")
            self.seen.append(self._echo(target, chance))

    def converses(self, chance: random.Random) -> None:
        """TCP connections of some lines each."""
        while self._goes_on(chance.uniform(0, 0.1)):
            with socket.create_connection(self._raw, timeout=PATIENCE) as client:
                self.conversations.append(_converse(client, chance))

    def _run(self, kind: Callable[[random.Random], None], chance: random.Random) -> None:
        try:
            kind(chance)
        except BaseException as error:  # it is told by the test
            self.mistakes.append(error)

    def _goes_on(self, pause: float) -> bool:
        return not self._over.wait(pause)

    def _target(self, path: str) -> str:
        """`path` with a query that no other has; empty where that is."""
        return f"{path}?id={next(self._numbers)}" if path else ""

    @contextlib.contextmanager
    def _connected(self, buffer: int = 0) -> Iterator[http.client.HTTPConnection]:
        """A connection of its own, which takes but so many bytes in advance."""
        connection = http.client.HTTPConnection(*self._web, timeout=PATIENCE)
        connection.sock = socket.socket()
        if buffer:
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.sock.settimeout(PATIENCE)
        with contextlib.closing(connection):
            connection.sock.connect(self._web)
            yield connection

    def _ask(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        target: str,
        fields: dict[str, str] | None = None,
        body: bytes | None = None,
        pause: float = 0.0,
    ) -> None:
        """One request; `pause` seconds are between two reads of the answer."""
        how, status = NOTHING, 0
        try:
            connection.request(method, target, body, fields or {})
            answer = connection.getresponse()
            how, status = SHORT, answer.status
            while answer.read(65536):
                time.sleep(pause)
            # With an amount it does not tell of an answer that is too short.
            how = SHORT if answer.length else WHOLE
        except (ConnectionError, http.client.HTTPException):
            pass
        if how != WHOLE:
            connection.close()
        self.seen.append(Seen(target, how, status))

    def _echo(self, target: str, chance: random.Random) -> Seen:
        host, port = self._web
        try:
            opened = websocket.create_connection(f"ws://{host}:{port}{target}", timeout=PATIENCE)
        except websocket.WebSocketBadStatusException as refused:
            return Seen(target, WHOLE, refused.status_code)
        except (ConnectionError, websocket.WebSocketConnectionClosedException):
            return Seen(target, NOTHING)
        try:
            for number in range(chance.randrange(1, 60)):
                time.sleep(0.02)
                opened.send(f"message {number}")
                opcode, frame = opened.recv_data()
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    return Seen(target, TOLD, int.from_bytes(frame[:2], "big"))
                assert frame.endswith(f": message {number}".encode()), frame
            opened.close()
            return Seen(target, CLOSED, 101)
        except (ConnectionError, websocket.WebSocketConnectionClosedException):
            return Seen(target, SHORT, 101)
        finally:
            opened.shutdown()


def _unfinished(target: str) -> bytes:
    """A request that is not whole: without a target a part of a head, of a POST a part of the body."""
    if not target:
        return b"GET /never HTTP/1.1\r\nHost: exa"
    if target.startswith("/echo"):
        return f"POST {target} HTTP/1.1\r\nHost: example\r\nContent-Length: 90000\r\n\r\n".encode() + bytes(
            999
        )
    return f"GET {target} HTTP/1.1\r\nHost: example\r\n\r\n".encode()


def _converse(client: socket.socket, chance: random.Random) -> Seen:
    """A greeting and some lines with their answers; in the end a client leaves by FIN, or by a reset."""
    heard = 0
    try:
        with client.makefile("rb") as answers:
            for number in range(chance.randrange(1, 40)):
                said = answers.readline()
                heard += len(said)
                if not said.endswith(b"\n"):
                    return Seen("", SHORT if heard else NOTHING, heard=heard)
                time.sleep(0.02)
                client.sendall(f"line {number}\n".encode())
            if chance.random() < 0.2:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                return Seen("", LEFT, heard=heard)
            client.shutdown(socket.SHUT_WR)
            rest = answers.read()
            return Seen(
                "", WHOLE if rest.endswith(f"line {number}\n".encode()) else SHORT, heard=heard + len(rest)
            )
    except TimeoutError:
        raise
    except OSError:  # of a shutdown, too, where a reset has come before
        return Seen("", SHORT if heard else NOTHING, heard=heard)
