"""Where one direction of a WebSocket stream stands: between two frames, or in the middle of one.

A tunnel passes bytes on as they come. Only when it is cut does it have to know how much of the frame
that is under way is still to come, since a Close frame may stand between frames alone (rule 51).
"""

from __future__ import annotations

LONGEST_HEAD = 10
"""Bytes of a frame's header up to the end of its length; the masking key comes after them."""
MASKED = 0x80
"""In the second byte: a masking key of four bytes stands before the payload (RFC 6455, 5.2)."""
CLOSE = 0x8
"""The opcode of a Close frame."""

_CONTROL = 0x8
_SIXTEEN_BITS = 126
_OPCODES = {0x0, 0x1, 0x2, CLOSE, 0x9, 0xA}


def _may_begin(first: int) -> bool:
    """Whether a frame can have this first byte: FIN, three reserved bits and the opcode.

    RSV1 marks a compressed message (RFC 7692, 6) or, in older browsers, a compressed frame. No
    extension in use has a meaning for the others. Control frames are neither compressed nor
    fragmented (RFC 6455, 5.5; RFC 7692, 6.1).
    """
    flags, opcode = first & 0xF0, first & 0x0F
    return opcode in _OPCODES and flags in ({0x80} if opcode & _CONTROL else {0x00, 0x40, 0x80, 0xC0})


def _short(second: int) -> int:
    """The size of the whole frame with this second byte; 0 when the length is in the bytes after it."""
    length, masked = second & 0x7F, second & MASKED
    return 0 if length >= _SIXTEEN_BITS else 2 + (4 if masked else 0) + length


# Looked up with every chunk: two subscriptions of a tuple are what a whole small frame may cost.
_FRAME = tuple(_may_begin(first) for first in range(256))
_PLAIN = tuple(_may_begin(first) and first & 0x0F != CLOSE for first in range(256))
_SHORT = tuple(_short(second) for second in range(256))


def frame_size(head: bytes) -> int:
    """The bytes of a whole frame, header included, that begins with `head` (RFC 6455, 5.2).

    0 while `head` ends before its length does; -1 as soon as it can't be a frame. `head` must not be
    empty; what is in it after `LONGEST_HEAD` bytes makes no difference.
    """
    if not _FRAME[head[0]]:
        return -1
    if len(head) < 2:
        return 0
    return _SHORT[head[1]] or _long(head)


def _long(head: bytes) -> int:
    """As `frame_size`, for a length of 16 or 64 bits."""
    if head[0] & _CONTROL:
        return -1
    size = len(head)
    key = 4 if head[1] & MASKED else 0
    if head[1] & 0x7F == _SIXTEEN_BITS:
        return 0 if size < 4 else 4 + key + (head[2] << 8) + head[3]
    if size < LONGEST_HEAD:
        return 0
    length = int.from_bytes(head[2:LONGEST_HEAD], "big")
    return -1 if length >> 63 else LONGEST_HEAD + key + length


class FrameTracker:
    """Told every chunk that one direction passes on, it knows how much of a frame is still missing.

    It makes nothing of how the stream was cut into chunks, keeps at most nine bytes, and raises
    nothing, whatever it is fed. It checks no more than it must to follow the frames: it does not ask
    whether lengths are minimal, whether the masking is the right one for the direction, or whether
    a continuation continues anything.
    """

    __slots__ = ("_ahead", "_closing", "_head", "lost")

    lost: bool
    """What has passed can't be frames, so nobody knows where the next one would begin.

    It never finds back: `between` is false, `missing` None, and `split` 0 ever after. Who cuts such
    a stream passes on nothing more of it, and does not put a Close frame into it.
    """

    def __init__(self) -> None:
        # Where the next frame begins, from the end of what was fed: above 0 in the middle of a frame,
        # 0 between two. Below 0, so many bytes of one that doesn't tell its size yet are in `_head`.
        self._ahead = 0
        self._head = b""
        self._closing = False
        self.lost = False

    @property
    def between(self) -> bool:
        """No frame is under way: one of our own may stand here, unless the stream is `closed`."""
        return not self._ahead and not self.lost

    @property
    def missing(self) -> int | None:
        """The bytes until the end of the frame under way; None while its length has not come yet."""
        return None if self._ahead < 0 or self.lost else self._ahead

    @property
    def closed(self) -> bool:
        """A Close frame has passed, to its last byte. What follows is no frame: nothing is missing."""
        return self._closing and not self._ahead

    def copy(self) -> FrameTracker:
        """Another one that stands where this one does, and goes its own way from here."""
        other = FrameTracker()
        other._ahead = self._ahead
        other._head = self._head
        other._closing = self._closing
        other.lost = self.lost
        return other

    def split(self, data: bytes) -> int:
        """How many bytes at the beginning of `data`, the next chunk, belong to the frame under way.

        Fed so many of them, the tracker is at the end of the frame, or has taken all, or is lost.
        """
        ahead = self._ahead
        if ahead < 0:
            size = frame_size(self._head + data[:LONGEST_HEAD])
            # What is no frame proves it within a header.
            ahead += size if size > 0 else LONGEST_HEAD
        return min(ahead, len(data))

    def feed(self, data: bytes) -> None:
        """`data` is passed on, after all that was fed before."""
        size = len(data)
        ahead = self._ahead
        if size <= ahead:
            self._ahead = ahead - size
        # One whole small frame, between two, leaves everything as it is.
        elif ahead or size < 2 or size != _SHORT[data[1]] or not _PLAIN[data[0]]:
            self._walk(data)

    def _walk(self, data: bytes) -> None:
        """Go from frame to frame: `data` ends the one under way, or begins others."""
        at = self._ahead
        if self._closing or self.lost:
            # A Close frame may end here; whatever else this is counts for nothing.
            self._ahead = 0
            return
        size = len(data)
        last = size - 1
        while at < size:
            if 0 <= at < last and _PLAIN[data[at]] and (short := _SHORT[data[at + 1]]):
                at += short
                continue
            head = data[at : at + LONGEST_HEAD] if at >= 0 else self._head + data[:LONGEST_HEAD]
            step = frame_size(head)
            if step <= 0:
                self._halt(head, lost=step < 0)
                return
            at += step
            if head[0] & 0x0F == CLOSE:
                self._closing = True
                self._ahead = max(at - size, 0)
                return
        self._ahead = at - size

    def _halt(self, head: bytes, lost: bool) -> None:
        """Nothing tells where the frame that begins with `head` ends: not yet, or never."""
        self.lost = lost
        self._head = b"" if lost else head
        self._ahead = -len(self._head)
