"""A session's way to its client, in memory."""

from __future__ import annotations


class FakeLine:
    """What was sent on each stream, whether the client is held, and the exit status."""

    def __init__(self) -> None:
        self.out = b""
        self.err = b""
        self.statuses: list[int] = []
        self.holding = False
        self.clogged = False

    def send(self, data: bytes) -> None:
        self.out += data

    def send_error(self, data: bytes) -> None:
        self.err += data

    def hold(self, holding: bool) -> None:
        self.holding = holding

    def exit(self, status: int) -> None:
        self.statuses.append(int(status))
