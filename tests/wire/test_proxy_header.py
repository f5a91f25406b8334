"""The header of the PROXY protocol, both versions: what it tells, what is refused, and what we write."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.errors import BadProxyHeader
from lbtwist.model.address import Address, parse_ipv6
from lbtwist.wire.crc32c import crc32c
from lbtwist.wire.proxy_binary import MAX_BINARY, SIGNATURE
from lbtwist.wire.proxy_ends import Ends
from lbtwist.wire.proxy_header import proxy_header, read_proxy_header
from lbtwist.wire.proxy_text import MAX_TEXT
from tests.wire.cuttings import Pieces, cuttings, one_by_one

REQUEST = b"GET / HTTP/1.1\r\nHost: 192.168.0.11\r\n\r\n"
IPV4 = Ends(Address("192.168.0.1", 56324), Address("192.168.0.11", 443))
IPV6 = Ends(Address("2001:db8::1", 56324), Address("2001:db8::11", 443))
LONGEST = ":".join(["ffff"] * 8)
BLOCK4 = bytes([192, 168, 0, 1, 192, 168, 0, 11]) + struct.pack("!HH", 56324, 443)
BLOCK6 = bytes.fromhex("20010db8" + "00" * 11 + "01" + "20010db8" + "00" * 11 + "11") + BLOCK4[8:]
BLOCK_UNIX = struct.pack("108s108s", b"/run/a", b"\0abstract")
BAD, TOO_LONG, NO_HEADER = "bad_proxy_header", "proxy_header_too_long", "no_proxy_header"
WRONG_SUM = "wrong_proxy_checksum"


def binary(family: int, block: bytes = b"", command: int = 0x21, length: int | None = None) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(block) if length is None else length) + block


def tlv(kind: int, value: bytes, length: int | None = None) -> bytes:
    return struct.pack("!BH", kind, len(value) if length is None else length) + value


def summed(family: int, block: bytes, off_by: int = 0) -> bytes:
    """A header with a checksum between two other TLVs."""
    before, after = tlv(0x02, b"name.example"), tlv(0x04, bytes(9))
    empty = binary(family, block + before + tlv(0x03, bytes(4)) + after)
    sum = (crc32c(empty) + off_by) % 2**32
    return binary(family, block + before + tlv(0x03, sum.to_bytes(4)) + after)


def outcome(pieces: Pieces) -> tuple[Ends | None, bytes] | str | None:
    """What the pieces tell and the bytes after it, why they are refused, or None for what is not whole."""
    come = b""
    for number, piece in enumerate(pieces, 1):
        come += piece
        try:
            told = read_proxy_header(come)
        except BadProxyHeader as bad:
            return str(bad)
        if told is not None:
            ends, size = told
            return ends, come[size:] + b"".join(pieces[number:])
    return None


GOOD: dict[bytes, Ends | None] = {
    b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n": IPV4,
    b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n": Ends(
        Address("255.255.255.255", 65535), Address("255.255.255.255", 65535)
    ),
    b"PROXY TCP4 0.0.0.0 10.0.0.1 0 1\r\n": Ends(Address("0.0.0.0", 0), Address("10.0.0.1", 1)),
    b"PROXY TCP6 2001:DB8::1 2001:db8:0:0:0:0:0:11 56324 443\r\n": IPV6,
    f"PROXY TCP6 {LONGEST} {LONGEST} 65535 65535\r\n".encode(): Ends(
        Address(LONGEST, 65535), Address(LONGEST, 65535)
    ),
    b"PROXY TCP6 ::ffff:192.168.0.1 ::ffff:c0a8:b 56324 443\r\n": IPV4,
    b"PROXY UNKNOWN\r\n": None,
    f"PROXY UNKNOWN {LONGEST} {LONGEST} 65535 65535\r\n".encode(): None,
    b"PROXY UNKNOWN \0what\rever\n\r\n": None,
    binary(0x11, BLOCK4): IPV4,
    binary(0x21, BLOCK6): IPV6,
    binary(0x31, BLOCK_UNIX): Ends(Address("/run/a"), Address("\0abstract")),
    binary(0x31, struct.pack("108s108s", b"/a\0b", b"")): Ends(Address("/a"), Address("")),
    binary(0x31, struct.pack("108s108s", b"/run/\xff", b"\0X")): Ends(Address("/run/\udcff"), Address("\0X")),
    binary(0x11, BLOCK4 + tlv(0xE0, b"anything") + tlv(0x04, b"")): IPV4,
    summed(0x11, BLOCK4): IPV4,
    summed(0x21, BLOCK6): IPV6,
    summed(0x31, BLOCK_UNIX): Ends(Address("/run/a"), Address("\0abstract")),
    binary(0x12, BLOCK4): None,
    binary(0x22, BLOCK6): None,
    binary(0x32, BLOCK_UNIX): None,
    binary(0x00): None,
    binary(0x00, b"whatever"): None,
    binary(0x00, command=0x20): None,
    binary(0x11, BLOCK4, command=0x20): None,
    binary(0xFF, b"who knows", command=0x20): None,
    binary(0x11, BLOCK4 + tlv(0xE0, bytes(MAX_BINARY - 16 - 12 - 3))): IPV4,
}

BAD_ONES: dict[bytes, str] = {
    REQUEST: NO_HEADER,
    b"proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n": NO_HEADER,
    b"\x16\x03\x01\x02\x00\x01": NO_HEADER,
    SIGNATURE[:-1] + b"\r": NO_HEADER,
    b"PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n": BAD,
    b"PROXY TCP5 1.1.1.1 2.2.2.2 1 2\r\n": BAD,
    b"PROXY tcp4 1.1.1.1 2.2.2.2 1 2\r\n": BAD,
    b"PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n": BAD,
    b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n": BAD,
    b"PROXY TCP4 1.1.1.1\t2.2.2.2 1 2\r\n": BAD,
    b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n\r\n": BAD,
    b"PROXY TCP4 1.1.1.256 2.2.2.2 1 2\r\n": BAD,
    b"PROXY TCP4 1.1.1.01 2.2.2.2 1 2\r\n": BAD,
    b"PROXY TCP4 1.1.1 2.2.2.2 1 2\r\n": BAD,
    b"PROXY TCP4 16843009 2.2.2.2 1 2\r\n": BAD,
    b"PROXY TCP4 ::1 ::2 1 2\r\n": BAD,
    b"PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n": BAD,
    b"PROXY TCP6 fe80::1%eth0 ::2 1 2\r\n": BAD,
    b"PROXY TCP6 ::1::2 ::2 1 2\r\n": BAD,
    b"PROXY TCP6 [::1] ::2 1 2\r\n": BAD,
    b"PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n": BAD,
    b"PROXY TCP4 1.1.1.1 2.2.2.2 1 99999\r\n": BAD,
    b"PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n": BAD,
    b"PROXY TCP4 1.1.1.1 2.2.2.2 +1 2\r\n": BAD,
    b"PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n": BAD,
    b"PROXY TCP4 1.1.1.1 2.2.2.2 1_0 2\r\n": BAD,
    "PROXY TCP4 1.1.1.1 2.2.2.2 1 \N{ARABIC-INDIC DIGIT TWO}\r\n".encode(): BAD,
    b"PROXY UNKNOWNS\r\n": BAD,
    b"PROXY \r\n": BAD,
    b"PROXY UNKNOWN " + b"x" * (MAX_TEXT - 15) + b"\r\n": TOO_LONG,
    b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n" + b"x" * MAX_TEXT: TOO_LONG,
    binary(0x11, BLOCK4, command=0x11): BAD,
    binary(0x11, BLOCK4, command=0x31): BAD,
    binary(0x11, BLOCK4, command=0x22): BAD,
    binary(0x01, BLOCK4): BAD,
    binary(0x10, BLOCK4): BAD,
    binary(0x13, BLOCK4): BAD,
    binary(0x41, BLOCK4): BAD,
    binary(0x11, BLOCK4[:-1]): BAD,
    binary(0x12, BLOCK4[:-1]): BAD,
    binary(0x21, BLOCK6[:-1]): BAD,
    binary(0x31, BLOCK_UNIX[:-1]): BAD,
    binary(0x11, BLOCK4 + b"\x04"): BAD,
    binary(0x11, BLOCK4 + b"\x04\0"): BAD,
    binary(0x11, BLOCK4 + tlv(0x04, b"abc", length=4)): BAD,
    binary(0x11, BLOCK4 + tlv(0x03, b"abc")): BAD,
    summed(0x11, BLOCK4, off_by=1): WRONG_SUM,
    summed(0x12, BLOCK4, off_by=1): WRONG_SUM,
    binary(0x11, length=MAX_BINARY - 15): TOO_LONG,
    binary(0x00, length=0xFFFF, command=0x20): TOO_LONG,
}


@pytest.mark.parametrize("header", GOOD)
def test_a_header_tells_the_same_however_it_is_cut(header: bytes) -> None:
    whole = header + REQUEST
    for pieces in ([whole], one_by_one(whole), [header, REQUEST], [header[:1], whole[1:]]):
        assert outcome(pieces) == (GOOD[header], REQUEST)


@pytest.mark.parametrize("header", [header for header in GOOD if len(header) < 300])
def test_a_short_header_is_cut_everywhere(header: bytes) -> None:
    assert all(outcome(pieces) == (GOOD[header], b"") for pieces in cuttings(header))


@pytest.mark.parametrize("header", GOOD)
def test_a_header_is_not_whole_before_its_last_byte(header: bytes) -> None:
    assert outcome([header[:-1]]) is None


@pytest.mark.parametrize("header", BAD_ONES)
def test_what_is_none_is_refused_with_the_same_reason_however_it_is_cut(header: bytes) -> None:
    assert {outcome(pieces) for pieces in cuttings(header)} == {BAD_ONES[header]}


def test_a_line_that_could_only_be_too_long_is_not_waited_for() -> None:
    line = b"PROXY UNKNOWN ".ljust(MAX_TEXT, b"x")
    assert (outcome([line[:-1]]), outcome([line])) == (None, TOO_LONG)


def test_a_second_checksum_is_refused() -> None:
    header = summed(0x11, BLOCK4)
    block = header[16:]
    once = binary(0x11, block + tlv(0x03, bytes(4)))
    sum = crc32c(once[: 16 + 12 + 15 + 3] + bytes(4) + once[16 + 12 + 15 + 7 :]).to_bytes(4)
    right = once[: 16 + 12 + 15 + 3] + sum + once[16 + 12 + 15 + 7 :]
    assert outcome([right]) == BAD


@given(st.binary(max_size=300), st.lists(st.integers(0, 600), max_size=5))
def test_any_bytes_after_any_beginning_have_one_outcome(garbage: bytes, cuts: list[int]) -> None:
    for beginning in (b"", b"PROXY TCP4 1.1.1.1 ", b"PROXY UNKNOWN", SIGNATURE, SIGNATURE + b"\x21\x11\0"):
        data = beginning + garbage
        places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
        pieces = [data[a:b] for a, b in pairwise(places)]
        assert outcome(pieces) == outcome([data]) == outcome(one_by_one(data))


@given(st.sampled_from([h for h in GOOD if len(h) < 300]), st.integers(0, 300), st.integers(0, 255))
def test_a_header_with_one_byte_changed_never_raises_anything_else(header: bytes, at: int, byte: int) -> None:
    at %= len(header)
    outcome([header[:at] + bytes([byte]) + header[at + 1 :]])


ports = st.integers(0, 65535)
ipv4 = st.builds(Address, st.ip_addresses(v=4).map(str), ports)
ipv6 = st.builds(Address, st.ip_addresses(v=6).map(lambda ip: parse_ipv6(str(ip))), ports)
paths = st.builds(
    Address,
    st.binary(max_size=107).map(lambda raw: raw.replace(b"\0", b"").decode("utf-8", "surrogateescape")),
)


@given(st.one_of(st.builds(Ends, ipv4 | ipv6, ipv4 | ipv6), st.none()), st.sampled_from([1, 2]))
def test_what_we_write_is_read_as_it_was_meant(ends: Ends | None, version: int) -> None:
    assert outcome([proxy_header(version, ends) + b"rest"]) == (ends, b"rest")


@given(st.builds(Ends, paths, paths))
def test_paths_of_unix_sockets_are_told_by_version_2_alone(ends: Ends) -> None:
    assert outcome([proxy_header(2, ends)]) == (ends, b"")
    assert proxy_header(1, ends) == b"PROXY UNKNOWN\r\n"


@pytest.mark.parametrize("version", [1, 2])
def test_ends_of_two_kinds_are_told_as_unknown(version: int) -> None:
    mixed = Ends(Address("10.0.0.1", 1), Address("/run/a"))
    assert outcome([proxy_header(version, mixed)]) == (None, b"")


def test_our_own_connection_is_local() -> None:
    assert proxy_header(1, None) == b"PROXY UNKNOWN\r\n"
    assert proxy_header(2, None) == binary(0x00, command=0x20)


def test_the_headers_that_we_write() -> None:
    assert proxy_header(1, IPV4) == b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"
    assert proxy_header(1, IPV6) == b"PROXY TCP6 2001:db8::1 2001:db8::11 56324 443\r\n"
    assert proxy_header(2, IPV4) == binary(0x11, BLOCK4)
    assert proxy_header(2, IPV6) == binary(0x21, BLOCK6)
    scoped = Ends(Address("fe80::1%eth0", 5), IPV6.destination)
    assert proxy_header(1, scoped) == b"PROXY TCP6 fe80::1 2001:db8::11 5 443\r\n"


def test_a_path_is_written_byte_by_byte() -> None:
    """A file's name is any bytes, not only UTF-8."""
    ends = Ends(Address("/run/\udcff"), Address("\0X"))
    assert proxy_header(2, ends) == binary(0x31, struct.pack("108s108s", b"/run/\xff", b"\0X"))


def test_an_ipv4_address_beside_an_ipv6_address_is_written_as_one() -> None:
    ends = Ends(IPV4.source, IPV6.destination)
    assert outcome([proxy_header(1, ends)]) == (ends, b"")
    mapped = bytes(10) + b"\xff\xff" + BLOCK4[:4]
    assert proxy_header(2, ends) == binary(0x21, mapped + BLOCK6[16:])
