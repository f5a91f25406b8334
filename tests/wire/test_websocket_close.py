"""Our Close frame, and the peer's answer to it (rule 51)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.wire.websocket import FrameTracker
from lbtwist.wire.websocket_close import CloseReader, close_frame, may_be_sent
from tests.wire.frames import CLOSE, PING, frame, standing, streams

MASK = b"\x37\xfa\x21\x3d"


def reading(*chunks: bytes, before: bytes = b"") -> CloseReader:
    tracker = FrameTracker()
    tracker.feed(before)
    reader = CloseReader(tracker)
    for chunk in chunks:
        reader.feed(chunk)
    return reader


class TestCloseFrame:
    def test_towards_a_client_it_is_plain(self) -> None:
        assert close_frame(1001) == bytes.fromhex("880203e9")
        assert close_frame(4000, b"moved") == bytes.fromhex("88070fa0") + b"moved"

    def test_towards_a_server_it_is_masked(self) -> None:
        assert close_frame(1001, mask=MASK) == bytes.fromhex("888237fa213d3413")
        assert close_frame(1001, mask=bytes(4)) == bytes.fromhex("88820000000003e9")

    @given(st.text(max_size=30), st.binary(min_size=4, max_size=4))
    def test_unmasked_it_is_what_was_given(self, reason: str, mask: bytes) -> None:
        masked = close_frame(1012, reason.encode(), mask)
        key = int.from_bytes(mask * 40, "big")
        shown = masked[6:].ljust(160, b"\0")
        payload = (int.from_bytes(shown, "big") ^ key).to_bytes(160, "big")[: len(masked) - 6]
        assert masked[:6] == bytes([0x88, 0x80 | len(payload)]) + mask
        assert payload == (1012).to_bytes(2, "big") + reason.encode()

    @pytest.mark.parametrize("mask", [None, MASK])
    @pytest.mark.parametrize("reason", [b"", b"a", b"r" * 123])
    def test_it_is_one_whole_frame(self, reason: bytes, mask: bytes | None) -> None:
        whole = close_frame(1001, reason, mask)
        assert standing(whole).closed
        assert not standing(whole[:-1]).closed

    @pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1012, 1014, 3000, 4000, 4999])
    def test_codes_that_may_be_sent(self, code: int) -> None:
        assert may_be_sent(code)
        assert close_frame(code)[2:] == code.to_bytes(2, "big")

    @pytest.mark.parametrize(
        "code", [-1, 0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535, 65536, 70000]
    )
    def test_codes_that_may_not(self, code: int) -> None:
        assert not may_be_sent(code)
        with pytest.raises(ValueError, match=str(code)):
            close_frame(code)

    def test_a_reason_that_does_not_fit_is_refused(self) -> None:
        with pytest.raises(ValueError, match="123"):
            close_frame(1001, b"r" * 124)

    def test_a_reason_that_is_no_text_is_refused(self) -> None:
        with pytest.raises(ValueError, match="utf-8"):
            close_frame(1001, b"\xff")

    @pytest.mark.parametrize("mask", [b"", b"abc", b"abcde"])
    def test_a_mask_has_four_bytes(self, mask: bytes) -> None:
        with pytest.raises(ValueError, match="four"):
            close_frame(1001, mask=mask)


class TestCloseReader:
    answer = frame(CLOSE, b"\x03\xe9", mask=MASK)

    def test_the_answer_has_come_with_its_last_byte(self) -> None:
        assert not reading().answered
        assert not reading(self.answer[:-1]).answered
        assert reading(self.answer[:-1], self.answer[-1:]).answered
        assert reading(frame(CLOSE)).answered

    def test_what_was_under_way_comes_before_it(self) -> None:
        """The payload that looks like a Close frame is none."""
        message = frame(payload=self.answer * 3, mask=MASK)
        for at in range(1, len(message)):
            reader = reading(message[at:] + frame(PING, b"late"), before=message[:at])
            assert not reader.answered
            reader.feed(self.answer)
            assert reader.answered

    def test_what_comes_after_it_changes_nothing(self) -> None:
        reader = reading(self.answer + b"\xff\xff", b"\xffmore")
        assert (reader.answered, reader.lost) == (True, False)

    def test_a_peer_that_closed_first_has_answered(self) -> None:
        assert reading(before=self.answer).answered

    def test_no_answer_is_expected_of_what_is_not_websocket(self) -> None:
        reader = reading(b"\xff", self.answer)
        assert (reader.answered, reader.lost) == (False, True)
        assert reading(before=b"\xff").lost

    def test_the_tracker_that_it_began_from_is_left_alone(self) -> None:
        tracker = FrameTracker()
        CloseReader(tracker).feed(self.answer)
        assert not tracker.closed

    @given(streams, st.integers(0, 300), st.integers(0, 300))
    def test_it_agrees_with_the_slow_reader(self, stream: bytes, begin: int, middle: int) -> None:
        reader = reading(stream[begin : begin + middle], stream[begin + middle :], before=stream[:begin])
        assert (reader.answered, reader.lost) == (standing(stream).closed, standing(stream).lost)
