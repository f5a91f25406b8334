"""Targets: what follows heads, chunks and the frames of WebSockets."""

from __future__ import annotations

from collections.abc import Sequence

from fuzz.cutting import Pieces, cuttings
from lbtwist.errors import BadMessage
from lbtwist.wire.body import MAX_TRAILERS, BodyReader, ChunkedBody, body_reader
from lbtwist.wire.framing import CHUNKED, Framing, Kind
from lbtwist.wire.websocket import LONGEST_HEAD, FrameTracker
from lbtwist.wire.websocket_close import CloseReader


def chunked_body(data: bytes) -> None:
    """The same content before the same end or refusal, however it is cut, and little is held."""
    whole, *others = [_read(body_reader(CHUNKED), pieces) for pieces in cuttings(data)]
    for other in others:
        assert other[1:] == whole[1:]
        # What comes before a bad byte has gone on already where it came earlier.
        assert other[0] == whole[0] or (whole[1] == "refused" and other[0].startswith(whole[0]))


def counted_body(data: bytes) -> None:
    """So many bytes as were declared, and no other."""
    length = int.from_bytes(data[:2], "big")
    framing = Framing(Kind.LENGTH, length)
    for pieces in cuttings(data[2:]):
        content, how, rest, _ = _read(body_reader(framing), pieces)
        assert content + rest == data[2:]
        assert (len(content) == length) == (how == "done")


def _read(reader: BodyReader, pieces: Pieces) -> tuple[bytes, str, bytes, Sequence[tuple[bytes, bytes]]]:
    content = b""
    for number, piece in enumerate(pieces, 1):
        try:
            fed = reader.feed(piece)
        except BadMessage as bad:
            assert bad.status in (400, 431)
            return content, "refused", b"", ()
        content += fed.content
        if fed.done:
            return content, "done", fed.rest + b"".join(pieces[number:]), reader.trailers
        assert not isinstance(reader, ChunkedBody) or len(reader._held) <= MAX_TRAILERS
    return content, "more", b"", ()


def websocket(data: bytes) -> None:
    """It stands in the same place however the stream was cut, and keeps no more than a frame's head."""
    standings = set()
    for pieces in cuttings(data):
        tracker = FrameTracker()
        for piece in pieces:
            under_way = tracker.split(piece)
            assert 0 <= under_way <= len(piece)
            tracker.feed(piece[:under_way])
            tracker.feed(piece[under_way:])
            assert len(tracker._head) < LONGEST_HEAD
        closing = CloseReader(tracker)
        standings.add((tracker.between, tracker.missing, tracker.closed, tracker.lost, closing.answered))
    assert len(standings) == 1, standings
