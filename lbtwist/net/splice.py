"""Bulk data goes from socket to socket through a pipe, and never through our memory: splice(2)."""

from __future__ import annotations

import os

from lbtwist.net.end import End
from lbtwist.net.pipes import SIZE, Pipe, Pipes
from lbtwist.net.transport import SocketTransport


def splice(end: End, pipes: Pipes) -> None:
    """Pass on through a pipe what `end` receives from now on, for as long as that is bulk.

    Nothing changes where a transport is not ours, it is no bulk yet, or there is no pipe: then bytes are
    copied, and a later read may ask again.
    """
    source, sink = end.transport, end.peer.transport
    if isinstance(source, SocketTransport) and isinstance(sink, SocketTransport):
        pipe = pipes.take() if source.bulk else None
        if pipe is not None:
            source.divert(Splice(end, source, sink, pipe, pipes))


class Splice:
    """One direction of a relay: `source` fills the pipe, and `sink` is sent what is in it.

    The pipe takes the place of the queue that `sink` has otherwise: whatever it can't send at once waits
    there, and `source` is read on when it is empty. It is given back when `source` has stopped and `sink`
    has got everything, and closed when what is in it is dropped.
    """

    __slots__ = ("_end", "_source", "_sink", "_pipe", "_pipes", "_held", "_stopped")

    def __init__(
        self, end: End, source: SocketTransport, sink: SocketTransport, pipe: Pipe, pipes: Pipes
    ) -> None:
        self._end = end
        self._source = source
        self._sink = sink
        self._pipe: Pipe | None = pipe
        self._pipes = pipes
        self._held = 0
        self._stopped = False

    def __len__(self) -> int:
        """Bytes in the pipe."""
        return self._held

    def fill(self, fd: int) -> int:
        """Take from `fd`, the source's descriptor, what there is. Returns how much; 0 at its end.

        Raises OSError: BlockingIOError where there is nothing.
        """
        assert self._pipe is not None
        size = os.splice(fd, self._pipe.entry, SIZE, flags=os.SPLICE_F_NONBLOCK)
        self._held += size
        return size

    def pass_on(self, size: int) -> None:
        """So much was filled in: count it, and have it sent."""
        self._end.passed(size)
        self._sink.pour(self)

    def send(self, fd: int) -> int:
        """Send to `fd`, the sink's descriptor, what that takes. Returns how much is left. Raises OSError."""
        assert self._pipe is not None
        self._held -= os.splice(self._pipe.exit, fd, self._held, flags=os.SPLICE_F_NONBLOCK)
        if self._stopped and not self._held:
            self._release()
        return self._held

    def stop(self) -> None:
        """The source fills in no more: what it receives is copied again."""
        if not self._stopped:
            self._stopped = True
            self._source.divert(None)
            if not self._held:
                self._release()

    def drop(self) -> None:
        """The sink is sent no more, and what is in the pipe is lost."""
        self.stop()
        self._release()

    def _release(self) -> None:
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            self._pipes.give_back(pipe, empty=not self._held)
