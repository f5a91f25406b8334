"""Bodies: the same content however they are cut, and nothing from the first bad byte on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.errors import BadMessage
from lbtwist.wire.body import body_reader, chunk, last_chunk
from lbtwist.wire.framing import CHUNKED, NO_BODY, UNTIL_CLOSE, Framing, Kind
from lbtwist.wire.head import Field
from tests.wire.cuttings import Read, cuttings, one_by_one, read

BODIES: dict[bytes, tuple[bytes, Sequence[Field]]] = {
    b"0\r\n\r\n": (b"", ()),
    b"5\r\nhello\r\n0\r\n\r\n": (b"hello", ()),
    b"5\r\nhello\r\n00A\r\n, dear all\r\n000\r\n\r\n": (b"hello, dear all", ()),
    b"1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n": (b"abcdefghijklmnopqrstuvwxyz", ()),
    b"0000000000000005\r\nhello\r\n0\r\n\r\n": (b"hello", ()),
    b"5;a\r\nhello\r\n0;b=c\r\n\r\n": (b"hello", ()),
    b'5;a=b;c="d \\" \t;\xe4";e\r\nhello\r\n0\r\n\r\n': (b"hello", ()),
    b"5;" + b"a" * 255 + b"\r\nhello\r\n0\r\n\r\n": (b"hello", ()),
    b"0000000000000005;" + b"a" * 255 + b"\r\nhello\r\n0\r\n\r\n": (b"hello", ()),
    b"2\r\n\r\n\r\n0\r\n\r\n": (b"\r\n", ()),
    b"5\r\n0\r\n\r\n\r\n0\r\n\r\n": (b"0\r\n\r\n", ()),
    b"0\r\nA: b\r\n\r\n": (b"", [(b"A", b"b")]),
    b"1\r\na\r\n0\r\nA:  b \r\na:\r\n\r\n": (b"a", [(b"A", b"b"), (b"a", b"")]),
}


@pytest.mark.parametrize("body", BODIES)
def test_chunks_however_they_are_cut(body: bytes) -> None:
    content, trailers = BODIES[body]
    for following in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\n"):
        for pieces in cuttings(body):
            read_ = read(body_reader(CHUNKED), [*pieces, following])
            assert read_ == Read(content, following, True, trailers)
        for pieces in cuttings(body + following):
            assert read(body_reader(CHUNKED), pieces) == Read(content, following, True, trailers)


@pytest.mark.parametrize("body", BODIES)
def test_a_body_that_is_cut_off_is_none(body: bytes) -> None:
    for size in range(len(body)):
        reader = body_reader(CHUNKED, 502)
        assert not read(reader, [body[:size]]).done
        with pytest.raises(BadMessage) as caught:
            reader.end()
        assert caught.value.status == 502


# The content before the first bad byte, and a body that has it.
BAD = {
    "an empty size": (b"", b"\r\nhello\r\n"),
    "a sign": (b"", b"+5\r\nhello\r\n"),
    "a negative size": (b"", b"-5\r\nhello\r\n"),
    "0x": (b"", b"0x5\r\nhello\r\n"),
    "_ in a size": (b"", b"1_0\r\nhello\r\n"),
    "no digit": (b"", b"g\r\nhello\r\n"),
    "white space before": (b"", b" 5\r\nhello\r\n"),
    "white space after": (b"", b"5 \r\nhello\r\n"),
    "white space before an extension": (b"", b"5 ;a\r\nhello\r\n"),
    "a tab after": (b"", b"5\t\r\nhello\r\n"),
    "17 digits": (b"", b"00000000000000005\r\nhello\r\n"),
    "a bare LF": (b"", b"5\nhello\r\n"),
    "a bare CR": (b"", b"5\rhello\r\n"),
    "CR twice": (b"", b"5\r\r\nhello\r\n"),
    "NUL": (b"", b"5\0\r\nhello\r\n"),
    "a comma": (b"", b"5,a\r\nhello\r\n"),
    "an empty extension": (b"", b"5;\r\nhello\r\n"),
    "an empty value": (b"", b"5;a=\r\nhello\r\n"),
    "LF in an extension": (b"", b"5;a\nb\r\nhello\r\n"),
    "CR in an extension": (b"", b"5;a\rb\r\nhello\r\n"),
    "CR LF in quotes": (b"", b'5;a="\r\n"\r\nhello\r\n'),
    "an open quote": (b"", b'5;a="b\r\nhello\r\n'),
    "a control byte in quotes": (b"", b'5;a="\x01"\r\nhello\r\n'),
    "an escaped LF": (b"", b'5;a="\\\n"\r\nhello\r\n'),
    "an extension of 257 bytes": (b"", b"5;" + b"a" * 256 + b"\r\nhello\r\n"),
    "an extension without end": (b"", b"5;" + b"a" * 300),
    "no CRLF after a chunk": (b"hello", b"5\r\nhello5\r\nhello\r\n"),
    "LF after a chunk": (b"hello", b"5\r\nhello\n5\r\nhello\r\n"),
    "CR after a chunk": (b"hello", b"5\r\nhello\r5\r\nhello\r\n"),
    "LF CR after a chunk": (b"hello", b"5\r\nhello\n\r5\r\nhello\r\n"),
    "one byte too many": (b"hello", b"5\r\nhello!\r\n"),
    "a bad size after a good chunk": (b"hello", b"5\r\nhello\r\n-1\r\nbad\r\n"),
    "LF after the last chunk": (b"", b"0\n\r\n"),
    "LF as the empty line": (b"", b"0\r\n\n"),
    "a bare CR as the empty line": (b"", b"0\r\n\rX"),
    "a trailer without a colon": (b"", b"0\r\nA\r\n\r\n"),
    "a trailer without a name": (b"", b"0\r\n: a\r\n\r\n"),
    "white space in a trailer's name": (b"", b"0\r\nA : a\r\n\r\n"),
    "a folded trailer": (b"", b"0\r\nA: a\r\n b\r\n\r\n"),
    "LF in the trailers": (b"", b"0\r\nA: a\nB: b\r\n\r\n"),
    "NUL in the trailers": (b"", b"0\r\nA: \0\r\n\r\n"),
    "101 trailers": (b"", b"0\r\n" + b"A: b\r\n" * 101 + b"\r\n"),
}


@pytest.mark.parametrize(("before", "body"), BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("blame", [400, 502])
def test_a_bad_byte_is_refused_however_it_is_cut(before: bytes, body: bytes, blame: int) -> None:
    for pieces in cuttings(body + b"0\r\n\r\n"):
        reader = body_reader(CHUNKED, blame)
        content: list[bytes] = []
        with pytest.raises(BadMessage) as caught:
            content.extend(reader.feed(piece).content for piece in pieces)
        assert caught.value.status == blame
        assert before.startswith(b"".join(content))
        assert b"".join(content) == before or len(pieces) <= 2


def test_trailers_are_bounded() -> None:
    whole = b"A: " + b"a" * (8192 - 7) + b"\r\n\r\n"
    assert read(body_reader(CHUNKED), [b"0\r\n", whole]).done
    for data in (b"A: " + b"a" * 9000 + b"\r\n\r\n", b"A: " + b"a" * 8189):
        for pieces in ([data], one_by_one(data)):
            reader = body_reader(CHUNKED)
            reader.feed(b"0\r\n")
            with pytest.raises(BadMessage):
                read(reader, pieces)


def test_what_was_bad_is_refused_before_its_line_ends() -> None:
    for data in (b"5\n", b"x", b"12345678901234567", b"5;a\n", b"1\r\nab", b"0\r\n\n", b"5;" + b"a" * 272):
        with pytest.raises(BadMessage) as caught:
            body_reader(CHUNKED).feed(data)
        assert caught.value.status == 400


def test_content_goes_on_as_it_comes() -> None:
    reader = body_reader(CHUNKED)
    assert reader.feed(b"ffffffffffffffff\r\nab").content == b"ab"
    assert reader.feed(b"\r\n0\r\n\r\n").content == b"\r\n0\r\n\r\n"
    piece = bytes(65536)
    assert reader.feed(piece).content is not None
    assert body_reader(Framing(Kind.LENGTH, 70000)).feed(piece).content is piece


def test_tiny_chunks_become_one_piece() -> None:
    fed = body_reader(CHUNKED).feed(b"1\r\na\r\n" * 10_000)
    assert fed == (b"a" * 10_000, b"", False)


def test_so_many_bytes_however_they_are_cut() -> None:
    for pieces in cuttings(b"helloGET"):
        assert read(body_reader(Framing(Kind.LENGTH, 5)), pieces) == Read(b"hello", b"GET", True, ())


def test_an_end_before_the_last_byte() -> None:
    reader = body_reader(Framing(Kind.LENGTH, 5), 502)
    reader.feed(b"hell")
    with pytest.raises(BadMessage) as caught:
        reader.end()
    assert caught.value.status == 502
    reader.feed(b"o")
    reader.end()


def test_no_body_is_done_at_once() -> None:
    for framing in (NO_BODY, Framing(Kind.LENGTH, 0, is_empty=True)):
        assert framing.is_empty
        assert body_reader(framing).feed(b"GET") == (b"", b"GET", True)
        body_reader(framing).end()
    assert not any(framing.is_empty for framing in (CHUNKED, UNTIL_CLOSE, Framing(Kind.LENGTH, 1)))


def test_only_the_end_of_the_connection_ends_the_others() -> None:
    reader = body_reader(UNTIL_CLOSE)
    assert read(reader, [b"a\r\n0\r\n\r\n", b"b"]) == Read(b"a\r\n0\r\n\r\nb", b"", False, ())
    reader.end()


def test_chunks_for_the_next_hop() -> None:
    assert chunk(b"hello, dear all!") == b"10\r\nhello, dear all!\r\n"
    assert chunk(b"") == b""
    assert last_chunk() == b"0\r\n\r\n"
    assert last_chunk([(b"A", b"b"), (b"C", b"")]) == b"0\r\nA: b\r\nC: \r\n\r\n"


@given(
    contents=st.lists(st.binary(max_size=40)),
    cuts=st.lists(st.integers(0, 300)),
    following=st.binary(max_size=10),
)
def test_chunks_that_are_written_are_read(contents: list[bytes], cuts: list[int], following: bytes) -> None:
    trailers = [(b"A", b"b")]
    data = b"".join(map(chunk, contents)) + last_chunk(trailers) + following
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(places)]
    assert read(body_reader(CHUNKED), pieces) == Read(b"".join(contents), following, True, trailers)
