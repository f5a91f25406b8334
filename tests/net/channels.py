"""A channel in memory: what one end sends, the other hears when the test lets it, or at once."""

from __future__ import annotations

from collections.abc import Callable

from lbtwist.model.generations import Message
from lbtwist.net.channel import Heard
from lbtwist.wire.frames import FrameReader, frame


class FakeChannel:
    """One end. Everything goes through the codec."""

    def __init__(self) -> None:
        self.peer: FakeChannel | None = None
        self.sent: list[Message] = []
        self.closed = False
        self.slow = False
        """What is sent to it waits until the test calls `catch_up`."""
        self._late = b""
        self._copy: FakeChannel | None = None
        self._reader = FrameReader()
        self._heard: Heard | None = None
        self._lost: Callable[[str], None] = lambda why: None

    def listen(self, heard: Heard, lost: Callable[[str], None], unread: bytes = b"") -> None:
        self._heard, self._lost = heard, lost
        self._reader = FrameReader(unread)
        self.catch_up()

    def send(self, message: Message) -> None:
        self.sent.append(message)
        if self.peer is not None and not self.closed:
            self.peer.deliver(frame(message))

    def pause(self) -> bytes:
        self._heard = None
        return self._reader.unread

    def copy(self) -> FakeChannel:
        """The same end in another process: the other side is lost when both are closed."""
        self._copy = FakeChannel()
        self._copy.peer = self.peer
        return self._copy

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            if self._copy is not None and self.peer is not None:
                self.peer.peer = self._copy
                self._copy.deliver(self._late)
            elif self.peer is not None:
                self.peer.lose()

    def fileno(self) -> int:
        return -1

    def deliver(self, data: bytes) -> None:
        self._late += data
        if not self.slow:
            self.catch_up()

    def catch_up(self) -> None:
        """Hear what was late."""
        if self._heard is None:
            return
        late, self._late = self._late, b""
        for message in self._reader.feed(late):
            if not self.closed:
                self._heard(message)

    def lose(self) -> None:
        """The other process is gone."""
        if not self.closed:
            self.closed = True
            self._lost("it has ended")


def channel_pair() -> tuple[FakeChannel, FakeChannel]:
    one, other = FakeChannel(), FakeChannel()
    one.peer, other.peer = other, one
    return one, other
