"""Close frames: ours, and the answer to it (RFC 6455, 5.5.1 and 7)."""

from __future__ import annotations

from lbtwist.wire.websocket import CLOSE, MASKED, FrameTracker

LONGEST_REASON = 123
"""Bytes; a control frame's payload has at most 125, and the code takes two."""

_FINAL = 0x80
_SENDABLE = (range(1000, 1004), range(1007, 1015), range(3000, 5000))


def may_be_sent(code: int) -> bool:
    """Whether `code` may stand in a Close frame.

    Of those below 3000 these are the registered ones (RFC 6455, 11.7) but for 1004, 1005, 1006 and
    1015, which are never on the wire.
    """
    return any(code in codes for codes in _SENDABLE)


def close_frame(code: int, reason: bytes = b"", mask: bytes | None = None) -> bytes:
    """The bytes of a Close frame with `code` and, for people, `reason` in UTF-8.

    Towards a server `mask` must be four random bytes, fresh for this frame; towards a client it must
    be None (RFC 6455, 5.1 and 5.3). Raises ValueError for a code that may not be sent, a reason that
    is too long or not UTF-8, and a mask of another length.
    """
    if not may_be_sent(code):
        raise ValueError(f"{code} is no code that a Close frame may have")
    if len(reason) > LONGEST_REASON:
        raise ValueError(f"the reason is longer than {LONGEST_REASON} bytes")
    reason.decode()
    payload = code.to_bytes(2, "big") + reason
    if mask is None:
        return bytes((_FINAL | CLOSE, len(payload))) + payload
    return bytes((_FINAL | CLOSE, MASKED | len(payload))) + mask + _masked(payload, mask)


def _masked(payload: bytes, mask: bytes) -> bytes:
    if len(mask) != 4:
        raise ValueError("a masking key has four bytes")
    return bytes(byte ^ mask[at & 3] for at, byte in enumerate(payload))


class CloseReader:
    """What a peer still sends when we have sent it a Close frame, until its own one has come.

    Fed all of it, whatever becomes of it, since frames that were under way may come first. Keeps
    nothing of it but the beginning of a header; how long one waits is for the caller to bound.
    """

    __slots__ = ("_stream",)

    def __init__(self, stream: FrameTracker) -> None:
        """`stream` was fed all that has come from the peer up to now. It is not changed."""
        self._stream = stream.copy()

    def feed(self, data: bytes) -> None:
        """`data` has come from the peer, after all that came before."""
        self._stream.feed(data)

    @property
    def answered(self) -> bool:
        """The peer's Close frame has come, to its last byte; perhaps before ours was sent."""
        return self._stream.closed

    @property
    def lost(self) -> bool:
        """What comes is not made of frames: no answer is to be expected."""
        return self._stream.lost
