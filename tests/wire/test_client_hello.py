"""What is read of a ClientHello: in any pieces, the same of the same bytes, and never twice differently."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.wire.client_hello import (
    MAX_HELLO,
    NO_HELLO,
    BadHello,
    ClientHello,
    HelloReader,
    parse_hello,
)
from tests.wire.cuttings import cuttings, one_by_one
from tests.wire.hellos import (
    GREASE,
    KEY_SHARE,
    PADDING,
    X25519MLKEM768,
    alpn,
    body,
    body_without,
    hello,
    message,
    of_openssl,
    records,
    server_name,
    vector,
)

WWW = server_name(b"www.example.com")
POST_QUANTUM = (
    KEY_SHARE,
    vector(2, X25519MLKEM768.to_bytes(2, "big") + vector(2, bytes(1216)) + b"\0\x1d" + vector(2, bytes(32))),
)
LARGE = hello(
    *GREASE, POST_QUANTUM, alpn(b"h2", b"http/1.1"), (0xFE0D, bytes(240)), WWW, (PADDING, bytes(99))
)
"""As a browser sends it with a key share for X25519MLKEM768: more than one packet."""
BEGINS = b"\x16\3\1"


def read(pieces: Iterable[bytes]) -> ClientHello | str | None:
    """The answer, or why it is bad; None where it never came."""
    reader = HelloReader()
    try:
        return next((found for piece in pieces if (found := reader.feed(piece)) is not None), None)
    except BadHello as bad:
        return str(bad)


def name_of(data: bytes) -> bytes:
    found = read([data])
    assert isinstance(found, ClientHello), found
    return found.server_name


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name", [None, "www.example.com"])
@pytest.mark.parametrize("protocols", [(), ("h2", "http/1.1")])
def test_those_of_openssl(version: ssl.TLSVersion, name: str | None, protocols: tuple[str, ...]) -> None:
    sent = of_openssl(name, protocols, version)
    expected = ClientHello((name or "").encode(), tuple(each.encode() for each in protocols))
    for pieces in cuttings(sent):
        assert read(pieces) == expected


def test_one_that_fills_two_packets() -> None:
    assert len(LARGE) > 1500
    assert read([LARGE[:1400]]) is None
    assert read([LARGE[:1400], LARGE[1400:]]) == ClientHello(b"www.example.com", (b"h2", b"http/1.1"))


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100, 1000])
def test_its_message_may_be_in_many_records(size: int) -> None:
    sent = records(LARGE[5:], size)
    expected = ClientHello(b"www.example.com", (b"h2", b"http/1.1"))
    assert read([sent]) == read(one_by_one(sent)) == expected


def test_it_is_known_with_its_last_byte_and_no_earlier() -> None:
    assert read([LARGE[:-1]]) is None
    assert read([LARGE]) is not None


def test_what_comes_is_kept_as_it_is_with_what_follows() -> None:
    """Data that a client sends early, in the first flight of TLS 1.3."""
    reader = HelloReader()
    assert reader.feed(LARGE[:700]) is None
    assert reader.feed(LARGE[700:] + b"\x17\3\3 early") is not None
    assert reader.received == LARGE + b"\x17\3\3 early"


@given(st.lists(st.integers(0, len(LARGE)), max_size=12), st.integers(20, 2000))
def test_any_cutting_gives_the_same(cuts: list[int], size: int) -> None:
    sent = records(LARGE[5:], size)
    at = [0, *sorted(cuts), len(sent)]
    assert read([sent[a:b] for a, b in pairwise(at)]) == read([sent])


@given(st.data())
def test_a_changed_one_is_read_or_refused_and_the_same_in_any_cutting(data: st.DataObject) -> None:
    changed = bytearray(data.draw(st.sampled_from([hello(WWW, alpn(b"h2")), of_openssl()])))
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    found = read([bytes(changed)])
    assert read(one_by_one(bytes(changed))) == found
    assert found is None or isinstance(found, ClientHello | str)


@given(st.binary(max_size=400))
def test_anything_is_read_or_refused(garbage: bytes) -> None:
    assert read([garbage]) == read(one_by_one(garbage))
    assert read([records(message(garbage)) + b"."]) is not None


@pytest.mark.parametrize(
    "sent",
    [
        b"S",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"GET / HTTP/1.1\r\n",
        b"\x80\x2e\1\0\2\0\x15\0\0\0\x10",  # SSL 2.0
        b"\x16\2",
        b"\x15\3\1\0\2\2\x28",  # an alert
        b"\x17\3\3\0\1a",
    ],
)
def test_what_is_not_tls_is_known_at_once(sent: bytes) -> None:
    assert read([sent]) == read(one_by_one(sent)) == NO_HELLO == ClientHello(b"", ())


@pytest.mark.parametrize("sent", [b"", b"\x16", BEGINS, BEGINS + b"\0\5\1", BEGINS + b"\0\1\1"])
def test_what_may_still_be_one_is_waited_for(sent: bytes) -> None:
    assert read([sent]) is None


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (BEGINS + b"\0\0", "an empty record"),
        (records(LARGE[5:100]) + BEGINS + b"\0\0", "an empty record"),
        (records(b"\2\0\0\1a"), "the first message is no ClientHello"),
        (records(LARGE[5:100]) + b"\x14\3\3\0\1\1", "another record within the ClientHello"),
        (records(LARGE[5:100]) + b"\x16\2\0\0\1", "another record within the ClientHello"),
        (BEGINS + b"\xff\xff", f"more than {MAX_HELLO} bytes"),
        (BEGINS + (MAX_HELLO - 4).to_bytes(2, "big"), f"more than {MAX_HELLO} bytes"),
        (records(b"\1\xff\xff\xff"), f"more than {MAX_HELLO} bytes"),
        (records(b"\1\1\0\0" + bytes(40)), f"more than {MAX_HELLO} bytes"),
        (records(message(b"")), "lengths that do not fit"),
        (records(message(body_without(version=b"\2\0"))), "an unknown version"),
        (records(message(body_without(version=b"\2\3"))), "an unknown version"),
        (records(message(body_without(session=bytes(33)))), "a session id of more than 32 bytes"),
        (records(message(body_without(ciphers=b""))), "no list of cipher suites"),
        (records(message(body_without(ciphers=b"\0\1\2"))), "no list of cipher suites"),
        (records(message(body_without(methods=b""))), "no list of compression methods"),
        (records(message(body_without() + b"\0")), "lengths that do not fit"),
        (records(message(body(WWW) + b"\0")), "lengths that do not fit"),
        (records(message(body(WWW)[:-1])), "lengths that do not fit"),
        (hello(WWW, WWW), "an extension that comes twice"),
        (hello((1, b""), (1, b"")), "an extension that comes twice"),
        (hello((0, b"")), "lengths that do not fit"),
        (hello((0, b"\0\0")), "lengths that do not fit"),
        (hello((0, WWW[1] + b"\0")), "lengths that do not fit"),
        (hello((0, vector(2, 2 * WWW[1][2:]))), "lengths that do not fit"),
        (hello(server_name(b"www.example.com", kind=1)), "a server name that is no host's"),
        (hello((16, b"")), "lengths that do not fit"),
        (hello(alpn()), "an ALPN protocol without a name"),
        (hello(alpn(b"h2", b"")), "an ALPN protocol without a name"),
        (hello((16, b"\0\3\2h2\0")), "lengths that do not fit"),
    ],
)
def test_what_is_none_or_could_be_read_in_two_ways(sent: bytes, reason: str) -> None:
    assert read([sent]) == read(one_by_one(sent)) == reason


def test_the_longest_there_may_be() -> None:
    spare = MAX_HELLO - len(hello(WWW, (PADDING, b"")))
    assert name_of(hello(WWW, (PADDING, bytes(spare)))) == b"www.example.com"
    assert read([hello(WWW, (PADDING, bytes(spare + 1)))]) == f"more than {MAX_HELLO} bytes"


def test_no_more_of_a_long_one_is_waited_for_than_may_be() -> None:
    """In records of one byte, most of what comes is their headers."""
    sent = records(message(bytes(MAX_HELLO - 4)), 1)
    assert read(one_by_one(sent[: MAX_HELLO - 5])) is None
    assert read(one_by_one(sent[: MAX_HELLO + 5])) == f"more than {MAX_HELLO} bytes"


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (b"WWW.Example.COM", b"www.example.com"),
        (b"www.example.com.", b"www.example.com"),
        (b"localhost", b"localhost"),
        (b"a_b.-.xn--bcher-kva.example", b"a_b.-.xn--bcher-kva.example"),
        (b"10.0.0.1", b"10.0.0.1"),
        (b".".join([b"a" * 61] * 4) + b".abcde", b".".join([b"a" * 61] * 4) + b".abcde"),
    ],
)
def test_names_are_compared_in_small_letters_without_a_final_dot(sent: bytes, name: bytes) -> None:
    assert name_of(hello(server_name(sent))) == name


@pytest.mark.parametrize(
    "name",
    [
        b"",
        b".",
        b"a..b",
        b".a",
        b"a..",
        b"www.example.com\0.evil.test",
        b"www.example.com\n",
        b"a b",
        b"a/b",
        b"*.example.com",
        b"[::1]",
        b"b\xc3\xbccher.example",
        b"a" * 64 + b".example",
        b".".join([b"a" * 61] * 4) + b".abcdef",
    ],
)
def test_names_that_are_none_in_the_dns_are_refused(name: bytes) -> None:
    assert read([hello(server_name(name))]) == "a server name that is none in the DNS"


def test_what_is_not_asked_about_is_passed_over() -> None:
    assert name_of(hello(*GREASE, WWW)) == b"www.example.com"
    assert read([hello(alpn(b"\x0a\x0a", b"h2"))]) == ClientHello(b"", (b"\x0a\x0a", b"h2"))
    assert read([records(message(body_without()))]) == ClientHello()
    assert read([records(message(body_without(version=b"\3\1")))]) == ClientHello()


@pytest.mark.parametrize("minor", range(5))
def test_records_of_each_version(minor: int) -> None:
    sent = hello(WWW)
    assert name_of(b"\x16\3" + bytes([minor]) + sent[3:]) == b"www.example.com"


def test_a_body_alone() -> None:
    assert parse_hello(body(WWW)) == ClientHello(b"www.example.com")
