from __future__ import annotations

import ipaddress
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.address import Address, parse_address, parse_ipv4, parse_ipv6, parse_port

PORTS = st.integers(1, 65535)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("10.0.0.1:8080", Address("10.0.0.1", 8080)),
        ("[::1]:8080", Address("::1", 8080)),
        ("[2001:DB8:0::1]:80", Address("2001:db8::1", 80)),
        ("[fe80::1%eth0]:80", Address("fe80::1%eth0", 80)),
        ("unix:/run/app.sock", Address("/run/app.sock")),
        ("unix:/run/a:b", Address("/run/a:b")),
    ],
)
def test_forms(text: str, address: Address) -> None:
    assert parse_address(text) == address


def test_ipv4_written_as_ipv6_is_the_same_server() -> None:
    assert parse_address("[::ffff:10.0.0.1]:80") == parse_address("10.0.0.1:80")


def test_default_port_is_used_only_where_there_is_none() -> None:
    assert parse_address("10.0.0.1", 80).port == 80
    assert parse_address("[::1]", 80) == Address("::1", 80)
    assert parse_address("10.0.0.1:81", 80).port == 81
    assert parse_address("unix:/run/x", 80).port is None


def test_no_port_says_how_to_give_one() -> None:
    with pytest.raises(ValueError, match=r"'10\.0\.0\.1' has no port: .* or set the group's port"):
        parse_address("10.0.0.1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":80",
        "10.0.0.1:",
        "10.0.0.1:0",
        "10.0.0.1:65536",
        "10.0.0.1:080",
        "10.0.0.1:+80",
        "10.0.0.1: 80",
        "10.0.0.1:٨٠",
        "１０.0.0.1:80",
        "10.0.0.01:80",
        "10.0.0:80",
        "10.0.0.1:80\n",
        "10.0.0.1\n:80",
        "[10.0.0.1]:80",
        "[::1]80",
        "[::1",
        "[]:80",
        "[::1]:80]",
        "[fe80::1%]:80",
        "[fe80::1%a b]:80",
        "[fe80::1%e\nx]:80",
        "app1.internal:8080",
        "unix:",
        "unix:app.sock",
        "unix:/a\0b",
        "unix:/a\nb",
        "unix:/\udcff",
        "unix:/" + "x" * 107,
        "0.0.0.0:80",
        "[::]:80",
        "224.0.0.1:80",
        "[ff02::1]:80",
        "1" * 10_000,
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not") as caught:
        parse_address(text, 80)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


def test_ipv6_stands_in_brackets_even_where_the_group_has_the_port() -> None:
    """`2001:db8::1:8080` without brackets is an address by itself: guessing would be wrong half the time."""
    with pytest.raises(ValueError, match="stands in brackets"):
        parse_address("2001:db8::1:8080", 80)
    for other in ("10.0.0.1]:80", "[::1", "[::1]80"):
        with pytest.raises(ValueError, match=r"unix:/path$"):
            parse_address(other, 80)


@pytest.mark.parametrize(
    ("parse", "text", "kind"), [(parse_ipv4, "10.0.0.256", "IPv4"), (parse_ipv6, "1::2::3", "IPv6")]
)
def test_half_an_address_is_refused_by_what_it_is(parse: Callable[[str], str], text: str, kind: str) -> None:
    with pytest.raises(ValueError, match=f"^'{text}' is not an {kind} address$"):
        parse(text)


def test_the_refusal_of_many_servers_at_once_repeats_it() -> None:
    with pytest.raises(ValueError, match=r"^'224\.0\.0\.1:80' is not the address of one server: "):
        parse_address("224.0.0.1:80")


def test_the_last_port() -> None:
    assert (parse_port("65535"), parse_port("1"), parse_port("0", lowest=0)) == (65535, 1, 0)


def test_longest_unix_path_is_107_bytes() -> None:
    assert parse_address("unix:/" + "x" * 106).is_unix


def test_shown_as_it_is_written() -> None:
    assert [str(Address("10.0.0.1", 80)), str(Address("::1", 80)), str(Address("/x"))] == [
        "10.0.0.1:80",
        "[::1]:80",
        "unix:/x",
    ]


@given(st.ip_addresses(), PORTS)
def test_reads_what_it_shows(ip: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> None:
    if ip.is_unspecified or ip.is_multicast:
        return
    host = str(getattr(ip, "ipv4_mapped", None) or ip)
    address = Address(host, port)
    assert parse_address(str(address)) == address


@given(st.text())
def test_anything_else_is_a_value_error(text: str) -> None:
    try:
        address = parse_address(text)
    except UnicodeError as error:
        pytest.fail(f"the words of a codec: {error}")
    except ValueError:
        pass
    else:
        assert parse_address(str(address)) == address


@given(st.text(alphabet="0123456789+- _٠１²", max_size=6))
def test_ports_are_plain_digits(text: str) -> None:
    try:
        port = parse_port(text)
    except ValueError:
        return
    assert str(port) == text
    assert 1 <= port <= 65535
