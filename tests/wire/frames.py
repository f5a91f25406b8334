"""WebSocket frames to test with, and a slow reader of them that shares nothing with the real one."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 0x1, 0x2, 0x0, 0x8, 0x9, 0xA


def frame(
    opcode: int = BINARY,
    payload: bytes = b"",
    *,
    mask: bytes = b"",
    fin: bool = True,
    compressed: bool = False,
    width: int | None = None,
) -> bytes:
    """The bytes of one frame, its length written in `width` bits (7, 16 or 64) or as few as do."""
    size = len(payload)
    width = width or (7 if size < 126 else 16 if size < 2**16 else 64)
    code = {7: size, 16: 126, 64: 127}[width]
    length = b"" if width == 7 else size.to_bytes(width // 8, "big")
    first = fin << 7 | compressed << 6 | opcode
    return bytes([first, bool(mask) << 7 | code]) + length + mask + payload


class Standing(NamedTuple):
    """What is known of a stream at some byte."""

    between: bool
    missing: int | None
    closed: bool = False
    lost: bool = False


LOST = Standing(False, None, lost=True)


def standing(stream: bytes) -> Standing:
    """How `stream`, all that has passed from its beginning, leaves a reader, by RFC 6455, 5.2."""
    while stream:
        fin, rsv1, rsv2, rsv3 = (bit == "1" for bit in f"{stream[0]:08b}"[:4])
        opcode = stream[0] % 16
        control = opcode in (CLOSE, PING, PONG)
        if rsv2 or rsv3 or not (control or opcode in (CONTINUATION, TEXT, BINARY)):
            return LOST
        if control and (rsv1 or not fin):
            return LOST
        if len(stream) == 1:
            return Standing(False, None)
        mask = 4 if stream[1] >= 128 else 0
        length = stream[1] % 128
        extra = {126: 2, 127: 8}.get(length, 0)
        if extra and control:
            return LOST
        if len(stream) < 2 + extra:
            return Standing(False, None)
        if extra:
            length = int(stream[2 : 2 + extra].hex(), 16)
        if length >= 2**63:
            return LOST
        whole = 2 + extra + mask + length
        if len(stream) < whole:
            return Standing(False, whole - len(stream))
        if opcode == CLOSE:
            return Standing(True, 0, closed=True)
        stream = stream[whole:]
    return Standing(True, 0)


masks = st.just(b"") | st.binary(min_size=4, max_size=4)
payloads = st.binary(max_size=8) | st.sampled_from([0, 124, 125, 126, 127, 300, 65535, 65536]).map(bytes)
data_frames = st.builds(
    lambda *given, fin, compressed, wide: frame(
        given[0], given[1], mask=given[2], fin=fin, compressed=compressed, width=64 if wide else None
    ),
    st.sampled_from([TEXT, BINARY, CONTINUATION]),
    payloads,
    masks,
    fin=st.booleans(),
    compressed=st.booleans(),
    wide=st.booleans(),
)
control_frames = st.builds(
    lambda opcode, payload, mask: frame(opcode, payload, mask=mask),
    st.sampled_from([PING, PONG]),
    st.binary(max_size=125),
    masks,
)
close_frames = st.builds(
    lambda payload, mask: frame(CLOSE, payload, mask=mask), st.sampled_from([b"", b"\x03\xe8bye"]), masks
)
frames = data_frames | control_frames
streams = st.tuples(st.lists(frames, max_size=12), st.lists(frames | close_frames, max_size=3)).map(
    lambda parts: b"".join(parts[0] + parts[1])
)
