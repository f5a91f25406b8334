"""A head that comes again: parsed once, and given only where the parser would give the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.errors import BadMessage
from lbtwist.wire.repeated import LONGEST, Repeated, Rewritten
from lbtwist.wire.request_head import RequestHead, parse_request_head
from lbtwist.wire.response_head import parse_response_head

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OTHER = b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n"
NAME = b"lbtwist"
SWITCH = b"HTTP/1.1 101 \r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"


def of_size(size: int) -> bytes:
    return b"GET /" + b"a" * (size - len(GET)) + GET[5:]


def counted() -> tuple[list[bytes], Repeated[RequestHead]]:
    """What is parsed by the second, in order."""
    seen: list[bytes] = []

    def parse(data: bytes) -> tuple[RequestHead, bytes] | None:
        seen.append(data)
        return parse_request_head(data)

    return seen, Repeated(parse)


def test_what_comes_again_is_parsed_once() -> None:
    seen, heads = counted()
    first = heads.parse(GET + b"rest")
    assert first == parse_request_head(GET + b"rest")
    assert heads.parse(GET + OTHER) == parse_request_head(GET + OTHER)
    assert heads.parse(b"\r\n" + GET) == parse_request_head(GET)
    assert heads.parse(b"\r\n" + GET + b"x") == parse_request_head(GET + b"x")
    assert seen == [GET + b"rest", b"\r\n" + GET]


def test_only_the_last_is_kept() -> None:
    seen, heads = counted()
    for data in (GET, OTHER, GET, GET[:-2], GET):
        assert heads.parse(data) == parse_request_head(data)
    assert seen == [GET, OTHER, GET, GET[:-2]]


def test_a_long_one_is_not_kept() -> None:
    seen, heads = counted()
    for size in (LONGEST, LONGEST + 1):
        assert heads.parse(of_size(size)) == heads.parse(of_size(size)) == parse_request_head(of_size(size))
    assert [len(data) for data in seen] == [LONGEST, LONGEST + 1, LONGEST + 1]


def test_what_is_kept_is_a_copy() -> None:
    """What a read gave would hold on to the place of all that the read could have given."""
    _, heads = counted()
    data = bytes(bytearray(GET))
    heads.parse(data)
    assert heads._raw == data
    assert heads._raw is not data


def test_it_is_parsed_anew_where_something_else_is_asked() -> None:
    heads = Repeated(parse_response_head)
    assert heads.parse(SWITCH, b"GET", b"websocket") is not None
    with pytest.raises(BadMessage):
        heads.parse(SWITCH, b"GET", None)
    plain = b"HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\n"
    assert heads.parse(plain, b"HEAD", None) == parse_response_head(plain, b"HEAD")
    assert heads.parse(plain, b"GET", None) == parse_response_head(plain, b"GET")


def test_it_is_parsed_anew_where_the_same_is_to_be_read_more_strictly() -> None:
    heads = Repeated(parse_request_head)
    climbing = GET.replace(b"/ ", b"/../a ", 1)
    assert heads.parse(climbing, NAME, False) is not None
    with pytest.raises(BadMessage):
        heads.parse(climbing, NAME, True)


@given(
    st.lists(st.sampled_from([GET, OTHER, b"\r\n" + GET, GET[:-1], GET + OTHER, b"GET / HTTP/2.0\r\n\r\n"]))
)
def test_whatever_comes_it_is_as_if_it_were_parsed(messages: list[bytes]) -> None:
    heads = Repeated(parse_request_head)
    for data in messages:
        try:
            expected = parse_request_head(data)
        except BadMessage as bad:
            with pytest.raises(BadMessage, match=bad.reason):
                heads.parse(data, NAME, False)
        else:
            assert heads.parse(data, NAME, False) == expected


def test_a_head_is_written_anew_once_and_again_when_anything_differs() -> None:
    made: list[tuple[object, ...]] = []

    def write(head: RequestHead, hop: bytes, close: bool) -> bytes:
        made.append((head.target, hop, close))
        return b"%b %b %d" % (head.target, hop, close)

    rewritten = Rewritten(write)
    parsed, other = parse_request_head(GET), parse_request_head(OTHER)
    assert parsed is not None
    assert other is not None
    assert rewritten.write(parsed[0], b"a", False) == rewritten.write(parsed[0], b"a", False) == b"/ a 0"
    assert len(made) == 1
    assert rewritten.write(parsed[0], b"b", False) == b"/ b 0"
    assert rewritten.write(parsed[0], b"b", True) == b"/ b 1"
    rewritten.write(other[0], b"b", True)
    rewritten.write(other[0], b"b", True)
    assert len(made) == 4


def test_a_long_head_is_written_each_time() -> None:
    made: list[int] = []

    def write(head: RequestHead, size: int) -> bytes:
        made.append(size)
        return b"a" * size

    rewritten = Rewritten(write)
    parsed = parse_request_head(GET)
    assert parsed is not None
    for size in (LONGEST + 1, LONGEST + 1, LONGEST, LONGEST):
        assert rewritten.write(parsed[0], size) == b"a" * size
    assert made == [LONGEST + 1, LONGEST + 1, LONGEST]
