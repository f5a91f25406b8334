"""How one direction of a WebSocket ends when it is cut: its frame, the Close frame, and nothing more."""

from __future__ import annotations

from collections.abc import Callable

from lbtwist.net.end import End
from lbtwist.wire.websocket import FrameTracker
from lbtwist.wire.websocket_close import CloseReader


class WebSocketEnd(End):
    """One side of a WebSocket: it knows where in a frame it stands with what it sends."""

    farewell: Farewell | None = None

    def __init__(self, relay: object, seconds: Callable[[], float]) -> None:
        super().__init__(relay, seconds)  # type: ignore[arg-type]
        self.frames = FrameTracker()

    def dataReceived(self, data: bytes) -> None:
        self.received += len(data)
        self.relay.touched = self._seconds()
        if self.farewell is None:
            self.frames.feed(data)
            self.peer.transport.write(data)
        else:
            self.farewell.feed(data)

    def part(self) -> None:
        super().part()
        self.farewell = None


class Farewell:
    """The end of what `end` sends to its peer (rule 51).

    The peer gets the rest of the frame under way and then `close`, our Close frame; `changed` is called
    when `end` has answered with its own, which goes no further.
    """

    def __init__(self, end: WebSocketEnd, close: bytes, changed: Callable[[], object]) -> None:
        self.told = False
        """The peer has got a Close frame, ours or one that `end` had sent before."""
        self.over = False
        """Nothing more is relayed to the peer."""
        self._end = end
        self._close = close
        self._changed = changed
        self._answer: CloseReader | None = None

    @property
    def answered(self) -> bool:
        """`end` has sent its Close frame, or sends nothing any more."""
        end = self._end
        return (
            end.ended or end.lost or end.frames.closed or (self._answer is not None and self._answer.answered)
        )

    @property
    def delivered(self) -> bool:
        """The peer was told, and has taken what it was sent."""
        return self.told and not self._end.peer.held

    @property
    def withheld(self) -> bool:
        """The peer has got a part of a frame, or does not get what it should."""
        return not self.told and not self._end.ended

    def begin(self) -> None:
        """From now on."""
        self._end.farewell = self
        self._tell()

    def feed(self, data: bytes) -> None:
        """`end` has sent more."""
        frames, peer = self._end.frames, self._end.peer
        if not self.over:
            under_way = frames.split(data)
            part, data = data[:under_way], data[under_way:]
            frames.feed(part)
            peer.transport.write(part)
            self._tell()
        if data and self._answer is not None:
            self._answer.feed(data)
        if self.answered:
            self._changed()

    def _tell(self) -> None:
        """Send the Close frame, if it may stand here."""
        end = self._end
        frames = end.frames
        if frames.closed:
            self.told = self.over = True
        elif frames.lost or end.ended or end.lost:
            self.over = True
        elif frames.between:
            end.peer.transport.write(self._close)
            self.told = self.over = True
        if self.over:
            self._answer = CloseReader(frames)
            if not end.lost:
                end.transport.resumeProducing()
