"""What a TLS client may send before its handshake is done."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.wire.client_hello import MAX_HELLO
from lbtwist.wire.handshake_size import HandshakeSize, HelloTooLarge
from tests.wire.hellos import hello, of_openssl, records

CHANGE, WARNING, SECRET = b"\x14\3\3\0\1\1", b"\x15\3\3\0\2\1\x5a", b"\x17\3\3\0\4abcd"
FINISHED = b"\x16\3\3\0\x28\1\xff\xff\xff" + bytes(36)
"""Of TLS 1.2: it is encrypted, and looks like a hello of 16 MiB."""
LARGEST, LARGER = (b"\1" + size.to_bytes(3, "big") for size in (MAX_HELLO, MAX_HELLO + 1))
CERTIFICATE = records(b"\x0b" + (40_000).to_bytes(3, "big") + bytes(40_000))


def fed(data: bytes, size: int) -> HandshakeSize:
    """After `data`, so many bytes at a time."""
    read = HandshakeSize()
    for at in range(0, len(data), size):
        read.feed(data[at : at + size])
    return read


SIZES = pytest.mark.parametrize("size", [1, 7, 100_000])


@SIZES
@pytest.mark.parametrize(
    "sent",
    [
        of_openssl() + CHANGE + of_openssl() + CHANGE + SECRET,
        records(LARGEST + bytes(MAX_HELLO)) + CHANGE + records(LARGEST + bytes(MAX_HELLO)),
        hello() + CERTIFICATE + CHANGE + FINISHED + SECRET,
        hello() + CHANGE + FINISHED + SECRET,
        hello() + SECRET + records(LARGER),
        b"GET / HTTP/1.1\r\n\r\n" + records(LARGER),
    ],
    ids=["asked again", "two of the largest", "with a certificate", "resumed", "secret", "no TLS"],
)
def test_what_clients_send_is_counted_and_passes(sent: bytes, size: int) -> None:
    assert fed(sent, size).received == len(sent)


@SIZES
@pytest.mark.parametrize("before", [b"", hello(), hello() + CHANGE, hello() + WARNING, hello() + CERTIFICATE])
def test_a_hello_that_says_it_will_be_too_large_is_told_by_its_header(before: bytes, size: int) -> None:
    whole = b"\x16\3\1\x40\0" + LARGER
    fed(before + whole[:-1], size)
    with pytest.raises(HelloTooLarge, match="more than 16384"):
        fed(before + whole, size)


def test_the_header_may_be_in_two_records_but_for_the_first() -> None:
    fed(hello() + records(LARGER, 3)[:-1], 100_000)
    with pytest.raises(HelloTooLarge):
        fed(hello() + records(LARGER, 3), 100_000)
    with pytest.raises(HelloTooLarge, match="how long"):
        fed(records(LARGEST, 3), 100_000)


@given(st.lists(st.binary(max_size=40)))
def test_whatever_comes_is_counted_or_too_large(pieces: list[bytes]) -> None:
    read = HandshakeSize()
    try:
        for piece in pieces:
            read.feed(b"\x16\3\1" + piece)
    except HelloTooLarge:
        return
    assert read.received == sum(len(piece) + 3 for piece in pieces)
