"""Where a WebSocket stream stands, however it was cut into chunks (rule 51)."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.wire.websocket import FrameTracker, frame_size
from tests.wire import frames as ws
from tests.wire.frames import LOST, Standing, frame, standing

MASK = b"\x37\xfa\x21\x3d"
# RFC 6455, 5.7.
HELLO = bytes.fromhex("810548656c6c6f")
MASKED_HELLO = bytes.fromhex("818537fa213d7f9f4d5158")
HEL, LO = bytes.fromhex("010348656c"), bytes.fromhex("80026c6f")
PING, MASKED_PONG = bytes.fromhex("890548656c6c6f"), bytes.fromhex("8a8537fa213d7f9f4d5158")
BYTES_256 = bytes.fromhex("827e0100") + bytes(256)
BYTES_64K = bytes.fromhex("827f0000000000010000") + bytes(65536)
EXAMPLES = [HELLO, MASKED_HELLO, HEL, LO, PING, MASKED_PONG, BYTES_256, BYTES_64K]
BETWEEN = Standing(True, 0)
CLOSED = Standing(True, 0, closed=True)


def tracking(*chunks: bytes) -> FrameTracker:
    tracker = FrameTracker()
    for chunk in chunks:
        tracker.feed(chunk)
    return tracker


def stands(tracker: FrameTracker) -> Standing:
    return Standing(tracker.between, tracker.missing, tracker.closed, tracker.lost)


def single(data: bytes) -> Iterable[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """`data` in chunks that end at `places`; empty ones where a place comes twice."""
    ends = sorted(place for place in places if place <= len(data))
    return [data[begin:end] for begin, end in zip([0, *ends], [*ends, len(data)], strict=True)]


def frame_end(stream: bytes, at: int) -> int:
    """Where the frame ends that is under way at `at`; `at` when there is none."""
    while at < len(stream) and not standing(stream[:at]).between:
        at += standing(stream[:at]).missing or 1
    return at


def test_a_new_stream_is_between_frames() -> None:
    assert stands(tracking()) == stands(tracking(b"")) == BETWEEN


@pytest.mark.parametrize("whole", EXAMPLES, ids=lambda whole: whole[:10].hex())
def test_the_examples_of_the_rfc_are_followed_to_their_last_byte(whole: bytes) -> None:
    assert stands(tracking(whole)) == BETWEEN
    assert stands(tracking(whole[:-1])) == Standing(False, 1)
    assert stands(tracking(whole[:3], whole[3:-1], whole[-1:])) == BETWEEN
    assert frame_size(whole[:10]) == len(whole)


@pytest.mark.parametrize("mask", [b"", MASK], ids=["plain", "masked"])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536])
def test_the_size_is_known_as_soon_as_the_length_has_come(size: int, mask: bytes) -> None:
    whole = frame(payload=bytes(size), mask=mask)
    known = len(whole) - size - len(mask)
    tracker = FrameTracker()
    for byte in single(whole[: known - 1]):
        tracker.feed(byte)
        assert stands(tracker) == Standing(False, None)
    tracker.feed(whole[known - 1 : known])
    assert stands(tracker) == (Standing(False, size + len(mask)) if size or mask else BETWEEN)


def test_a_large_frame_is_counted_down() -> None:
    tracker = tracking(BYTES_64K[:4096])
    assert tracker.missing == len(BYTES_64K) - 4096
    tracker.feed(b"")
    tracker.feed(bytes(60000))
    assert tracker.missing == len(BYTES_64K) - 64096
    tracker.feed(bytes(1450) + HELLO[:3])
    assert tracker.missing == len(HELLO) - 3


def test_control_frames_stand_between_fragments() -> None:
    stream = HEL + PING + frame(ws.CONTINUATION, fin=False) + MASKED_PONG + LO
    ends = [at for at in range(1, len(stream) + 1) if tracking(*single(stream[:at])).between]
    assert ends == [5, 12, 14, 25, 29]
    assert stands(tracking(stream)) == BETWEEN


@pytest.mark.parametrize("opcode", [ws.TEXT, ws.BINARY, ws.CONTINUATION])
def test_compressed_messages_and_compressed_frames_are_followed(opcode: int) -> None:
    assert stands(tracking(frame(opcode, b"squeezed", compressed=True, fin=False))) == BETWEEN


@pytest.mark.parametrize("second", [0x00, 0x01, 0x7D, 0x7E, 0x7F, 0x80, 0xFD, 0xFE, 0xFF])
def test_every_first_byte_is_taken_for_what_it_is(second: int) -> None:
    for first in range(256):
        begun = bytes([first, second])
        assert stands(tracking(begun)) == stands(tracking(*single(begun))) == standing(begun)


def test_lengths_need_not_be_minimal() -> None:
    stream = frame(payload=b"a", width=16) + frame(payload=b"b", width=64, mask=MASK)
    assert stands(tracking(stream)) == BETWEEN
    assert stands(tracking(stream[:-1])) == Standing(False, 1)


def test_the_longest_length_is_counted_and_the_next_one_is_lost() -> None:
    tracker = tracking(b"\x82\xff" + (2**63 - 1).to_bytes(8, "big"))
    assert tracker.missing == 2**63 + 3
    tracker.feed(bytes(100))
    assert tracker.missing == 2**63 - 97
    assert stands(tracking(b"\x82\xff" + (2**63).to_bytes(8, "big"))) == LOST


class TestClose:
    """A Close frame is the last of its direction (RFC 6455, 5.5.1)."""

    close = frame(ws.CLOSE, b"\x03\xe9away", mask=MASK)

    def test_it_counts_when_its_last_byte_has_passed(self) -> None:
        tracker = tracking(HELLO)
        for place, byte in enumerate(single(self.close), 1):
            assert not tracker.closed
            tracker.feed(byte)
            assert tracker.missing == (None if place == 1 else len(self.close) - place)
        assert stands(tracker) == CLOSED

    @pytest.mark.parametrize("close", [close, frame(ws.CLOSE)], ids=["with code", "empty"])
    def test_it_counts_within_a_chunk(self, close: bytes) -> None:
        assert stands(tracking(HELLO + close)) == CLOSED
        assert stands(tracking(close + b"\xff\xffwhat is this")) == CLOSED
        assert stands(tracking(close[:1], close[1:] + b"\xff")) == CLOSED
        assert stands(tracking(close)) == CLOSED

    @pytest.mark.parametrize("after", [HELLO, HELLO[:3], b"\xff\xff", b"\x88", bytes(65536)])
    def test_nothing_counts_after_it(self, after: bytes) -> None:
        tracker = tracking(self.close)
        assert tracker.split(after) == 0
        tracker.feed(after)
        tracker.feed(b"")
        assert stands(tracker) == CLOSED
        assert tracker.split(after) == 0

    def test_what_comes_with_its_last_byte_does_not_count(self) -> None:
        tracker = tracking(self.close[:5])
        assert tracker.split(self.close[5:] + HELLO[:3]) == len(self.close) - 5
        tracker.feed(self.close[5:] + HELLO[:3])
        assert stands(tracker) == CLOSED


NO_FRAMES = {
    "second reserved bit": b"\xa2",
    "third reserved bit": b"\x91",
    "reserved opcode of data": b"\x83",
    "reserved opcode of control": b"\x8b",
    "control frame in fragments": b"\x09",
    "compressed control frame": b"\xc9",
    "Close that is compressed": b"\xc8",
    "control frame of 126 bytes": b"\x89\x7e",
    "Close of 64-bit length": b"\x88\xff",
    "length above 2**63": b"\x82\x7f\xff" + bytes(7),
    "an HTTP response": b"H",
}


class TestLost:
    """What can't be frames is passed on as it is, and gets no Close frame of ours put into it."""

    @pytest.mark.parametrize("bad", NO_FRAMES.values(), ids=NO_FRAMES)
    def test_it_is_seen_with_the_byte_that_proves_it(self, bad: bytes) -> None:
        tracker = tracking(HELLO)
        for byte in single(bad):
            assert not tracker.lost
            tracker.feed(byte)
        assert stands(tracker) == LOST
        assert stands(tracking(HELLO + bad + bytes(100))) == LOST
        assert stands(tracking(HELLO[:2], HELLO[2:] + bad)) == LOST

    @pytest.mark.parametrize("after", [HELLO, HELLO[:3], frame(ws.CLOSE), b"\x88", b"\xff", bytes(65536)])
    def test_it_is_for_ever(self, after: bytes) -> None:
        tracker = tracking(HELLO + b"\xff")
        assert tracker.split(after) == 0
        tracker.feed(after)
        tracker.feed(b"")
        assert stands(tracker) == LOST
        assert tracker.split(after) == 0

    @pytest.mark.parametrize(
        "bad", [NO_FRAMES["control frame of 126 bytes"], NO_FRAMES["length above 2**63"]]
    )
    def test_what_is_split_off_proves_it(self, bad: bytes) -> None:
        for held in range(1, len(bad)):
            tracker = tracking(bad[:held])
            rest = bad[held:] + bytes(100)
            size = tracker.split(rest)
            assert 0 < size <= 10
            tracker.feed(rest[:size])
            assert stands(tracker) == LOST


class TestSplit:
    """The rest of the frame under way, and nothing more (rule 51)."""

    @pytest.mark.parametrize("whole", EXAMPLES, ids=lambda whole: whole[:10].hex())
    def test_it_is_what_is_missing_of_the_frame(self, whole: bytes) -> None:
        assert tracking().split(whole) == tracking(whole).split(whole) == 0
        for at in {*range(1, 15), len(whole) - 1} & {*range(1, len(whole))}:
            tracker = tracking(whole[:at])
            assert tracker.split(whole[at:] + HELLO) == len(whole) - at
            assert tracker.split(whole[at:]) == len(whole) - at
            assert tracker.split(whole[at : at + 3]) == len(whole[at : at + 3])
            assert tracker.split(b"") == 0

    @given(ws.streams, st.data())
    def test_its_parts_end_where_the_frame_ends(self, stream: bytes, data: st.DataObject) -> None:
        """From the cut on: each chunk's part is passed on, until the frame has ended."""
        begin = data.draw(st.integers(0, len(stream)))
        places = data.draw(st.lists(st.integers(begin, min(begin + 200, len(stream))), max_size=8))
        tracker = tracking(stream[:begin])
        passed = stream[:begin]
        for chunk in cut(stream, [begin, *places])[1:]:
            part = chunk[: tracker.split(chunk)]
            tracker.feed(part)
            passed += part
            assert stands(tracker) == standing(stream[: len(passed)])
        assert len(passed) == frame_end(stream, begin)

    def test_asking_changes_nothing(self) -> None:
        for at in range(len(BYTES_256)):
            tracker = tracking(BYTES_256[:at])
            before = stands(tracker)
            tracker.split(BYTES_256[at:])
            assert stands(tracker) == before
            tracker.feed(BYTES_256[at:])
            assert stands(tracker) == BETWEEN


@given(ws.streams, st.lists(st.integers(0, 400), max_size=12))
def test_the_cutting_makes_no_difference(stream: bytes, places: list[int]) -> None:
    tracker = FrameTracker()
    passed = b""
    for chunk in cut(stream, places):
        tracker.feed(chunk)
        passed += chunk
        assert stands(tracker) == standing(passed)


@given(ws.streams.map(lambda stream: stream[:600]))
def test_a_byte_at_a_time_is_followed(stream: bytes) -> None:
    tracker = FrameTracker()
    for at, byte in enumerate(single(stream), 1):
        tracker.feed(byte)
        assert stands(tracker) == standing(stream[:at])


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=8), st.binary(max_size=20))
def test_no_bytes_whatever_raise_or_are_kept(noise: bytes, places: list[int], more: bytes) -> None:
    tracker = FrameTracker()
    for chunk in cut(noise, places):
        assert 0 <= tracker.split(chunk) <= len(chunk)
        tracker.feed(chunk)
        assert len(tracker._head) <= 9
    assert stands(tracker) == standing(noise)
    assert tracker.split(more) <= len(more)


@given(ws.streams, st.integers(0, 40), st.integers(0, 255), st.lists(st.integers(0, 60), max_size=5))
def test_a_changed_byte_is_followed_or_seen(stream: bytes, at: int, byte: int, places: list[int]) -> None:
    changed = stream[:at] + bytes([byte]) + stream[at + 1 :]
    assert stands(tracking(*cut(changed, places))) == standing(changed)


@given(ws.streams, st.integers(0, 40), st.binary(max_size=30))
def test_a_copy_goes_its_own_way(stream: bytes, at: int, other: bytes) -> None:
    tracker = tracking(stream[:at])
    copy = tracker.copy()
    copy.feed(other)
    assert stands(tracker) == standing(stream[:at])
    assert stands(copy) == standing(stream[:at] + other)
    tracker.feed(stream[at:])
    assert stands(tracker) == standing(stream)
