"""Bodies that are large, or slow: memory stays, every byte arrives, and time alone ends none."""

from __future__ import annotations

import hashlib
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.balancer import Balancer
from tests.functional.bulk import BLOCK, PIECE
from tests.functional.http_harness import Asked, over, workers
from tests.functional.peers import Address
from tests.functional.scale import MIB, scaled, told
from tests.functional.waiting import eventually

pytestmark = [pytest.mark.functional, pytest.mark.slow]

SIZE = scaled(1024 * MIB, 64 * MIB)
GROWTH = 10 * MIB
PATIENCE = scaled(600.0, 60.0)
STANDSTILL = 0.3
"""Seconds in which the reader reads nothing."""
PAUSE = 0.0002
"""Seconds after each piece that it reads."""


class Mirrored:
    """One POST of SIZE bytes that come back, sent as fast as they go and read more slowly."""

    def __init__(self, address: Address, chunked: bool) -> None:
        self.received = 0
        self.sent_hash = self.received_hash = b""
        self.status = 0
        self.chunked_back = False
        self.error: Exception | None = None
        self._chunked = chunked
        self._socket = socket.create_connection(address, timeout=PATIENCE)
        self._threads = [
            threading.Thread(target=self._try, args=(work,), daemon=True)
            for work in (self._send, self._receive)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def over(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def close(self) -> None:
        self._socket.close()

    def _try(self, work: object) -> None:
        try:
            assert callable(work)
            work()
        except (OSError, http.client.HTTPException) as error:
            self.error = error

    def _send(self) -> None:
        framing = "Transfer-Encoding: chunked" if self._chunked else f"Content-Length: {SIZE}"
        self._socket.sendall(f"POST /mirror HTTP/1.1\r\nHost: app\r\n{framing}\r\n\r\n".encode())
        digest = hashlib.blake2b()
        for block in blocks():
            digest.update(block)
            self._socket.sendall(b"%x\r\n%b\r\n" % (len(block), block) if self._chunked else block)
        if self._chunked:
            self._socket.sendall(b"0\r\n\r\n")
        self.sent_hash = digest.digest()

    def _receive(self) -> None:
        time.sleep(STANDSTILL)
        digest = hashlib.blake2b()
        with http.client.HTTPResponse(self._socket) as answer:
            answer.begin()
            self.status, self.chunked_back = answer.status, bool(answer.chunked)
            while data := answer.read(PIECE):
                digest.update(data)
                self.received += len(data)
                time.sleep(PAUSE)
        self.received_hash = digest.digest()


def blocks() -> Iterator[bytes]:
    """SIZE bytes, no two blocks alike."""
    return (at.to_bytes(8, "big") + BLOCK[8:] for at in range(0, SIZE, MIB))


@pytest.mark.parametrize("chunked", [False, True], ids=["by length", "in chunks"])
def test_a_large_body_both_ways_costs_no_memory(tmp_path: Path, chunked: bool) -> None:
    with workers(tmp_path, "ecs01") as servers, Balancer(tmp_path, over(servers)) as lb:
        mirrored = Mirrored(lb.address, chunked)
        before = most = lb.rss()
        mirrored.start()

        def over_now() -> bool:
            nonlocal most
            most = max(most, lb.rss())
            return mirrored.over

        try:
            eventually(over_now, PATIENCE)
        finally:
            mirrored.close()
        growth = most - before
        told(f"{SIZE / MIB:.0f} MiB both ways: resident memory grew by {growth / MIB:.2f} MiB at most")
        assert mirrored.error is None
        assert (mirrored.status, mirrored.chunked_back) == (200, chunked)
        assert mirrored.received == SIZE
        assert mirrored.received_hash == mirrored.sent_hash
        assert growth < GROWTH
        eventually(lambda: lb.ask("connections") == [])


def test_a_response_that_has_begun_may_take_its_time(tmp_path: Path) -> None:
    """A download of three times request_timeout, and events with half of idle_timeout between them."""
    listener = "request_timeout = 1\nidle_timeout = 2"
    with workers(tmp_path, "ecs01") as servers, Balancer(tmp_path, over(servers, listener=listener)) as lb:
        began = time.monotonic()
        download = Asked(lb.address, "/drip/10/0.3")
        events = Asked(lb.address, "/events/4/1")
        late = Asked(lb.address, "/slow/1.5")
        download.ends()
        assert time.monotonic() - began >= 3
        events.ends()
        assert time.monotonic() - began >= 4
        late.ends()
        assert (download.status, download.body, download.error) == (200, b"." * 10, None)
        assert (events.status, events.error) == (200, None)
        assert events.body == b"".join(b"data: %d\n\n" % number for number in (1, 2, 3, 4))
        assert late.status == 504, "request_timeout was not what it was set to"
