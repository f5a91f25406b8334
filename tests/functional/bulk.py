"""Much data, sent and received with a hash of it on both sides."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable

from tests.functional.scale import MIB

PIECE = 64 * 1024
BLOCK = os.urandom(MIB)


class Flow:
    """`size` bytes from one socket to another, each in a thread of its own; then the end."""

    def __init__(self, source: socket.socket, sink: socket.socket, size: int) -> None:
        self.size = size
        self.received = 0
        self.sent_hash = self.received_hash = b""
        self.sent_at = self.ended_at = 0.0
        """When the last byte was given to the kernel, and when the reader saw the end."""
        self.error: OSError | None = None
        self._source = source
        self._sink = sink
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

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except OSError as error:
            self.error = error

    def _send(self) -> None:
        digest = hashlib.blake2b()
        for at in range(0, self.size, MIB):
            block = (at.to_bytes(8, "big") + BLOCK[8:])[: self.size - at]
            digest.update(block)
            self._source.sendall(block)
        self._source.shutdown(socket.SHUT_WR)
        self.sent_at = time.monotonic()
        self.sent_hash = digest.digest()

    def _receive(self) -> None:
        """Slower than the sender: nothing for a while, then with pauses."""
        digest = hashlib.blake2b()
        time.sleep(0.3)
        while data := self._sink.recv(PIECE):
            digest.update(data)
            self.received += len(data)
            time.sleep(0.0002)
        self.ended_at = time.monotonic()
        self.received_hash = digest.digest()
