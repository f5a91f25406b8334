from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.address import Address, parse_address
from lbtwist.model.listing import MAX_BYTES, MAX_SERVERS, gather, servers_in_json, servers_in_lines

LISTS = st.dictionaries(
    st.integers(1, 65535).map(lambda port: Address("10.0.0.1", port)), st.integers(0, 100)
)


NO_ENTRY = 'is not an address, nor {"address": …, "weight": …}'


def test_lines() -> None:
    text = b"# our servers\n\n10.0.0.1:80\n [::1]:81\t0 # nothing new\r\nunix:/run/a#b 7\n10.0.0.2#x\n"
    with pytest.raises(ValueError, match=r"line 6: '10\.0\.0\.2#x'"):
        servers_in_lines(text, 80)
    assert servers_in_lines(text.replace(b"#x", b" #x"), 8080) == {
        Address("10.0.0.1", 80): 100,
        Address("::1", 81): 0,
        Address("/run/a#b"): 7,
        Address("10.0.0.2", 8080): 100,
    }


def test_an_empty_list_is_a_list() -> None:
    assert servers_in_lines(b"", None) == servers_in_lines(b"# none\n", None) == {}
    assert servers_in_json(b"[]", None) == {}


def test_half_a_last_line_is_no_list() -> None:
    """`10.0.0.1:8080` cut off at `10.0.0.1:80` would be another server."""
    with pytest.raises(ValueError, match=r"^the last line has no end: the file is not written to the end$"):
        servers_in_lines(b"10.0.0.2:80\n10.0.0.1:80", None)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("10.0.0.1", "has no port"),
        ("app.internal:80", "not an address"),
        ("10.0.0.1:80 50 60", "'10.0.0.1:80 50 60' is not an address and a weight$"),
        ("10.0.0.1:80 101", "weight '101' is not in 0–100$"),
        ("10.0.0.1:80 -1", "weight '-1' is not in 0–100$"),
        ("10.0.0.1:80 1.5", "weight"),
        ("10.0.0.1:80 ٣", "weight"),
        ("10.0.0.1:80 01", "weight"),
        ("0.0.0.0:80", "one server"),
    ],
)
def test_a_line_is_strict(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"line 2: .*{message}"):
        servers_in_lines(f"10.0.0.9:80\n{line}\n".encode(), None)


@pytest.mark.parametrize(
    "second", [b"10.0.0.1:80\n", b"10.0.0.1\n", b"[::ffff:10.0.0.1]:80 5\n"], ids=["same", "port", "mapped"]
)
def test_an_address_that_stands_twice_is_a_problem(second: bytes) -> None:
    with pytest.raises(ValueError, match=r"line 2: 10\.0\.0\.1:80 stands twice$"):
        servers_in_lines(b"10.0.0.1:80\n" + second, 80)


def test_json() -> None:
    text = b'["10.0.0.1:80", "10.0.0.2", {"address": "[::1]", "weight": 0}, {"address": "unix:/run/x"}]'
    assert servers_in_json(text, 81) == {
        Address("10.0.0.1", 80): 100,
        Address("10.0.0.2", 81): 100,
        Address("::1", 81): 0,
        Address("/run/x"): 100,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "^is not JSON: line 1, column 1: Expecting value$"),
        ("[1,\n 2 3]", "^is not JSON: line 2, column 4: "),
        ('["10.0.0.1:80"', "is not JSON"),
        ('["10.0.0.1:80"] x', "is not JSON"),
        ("{}", "^is not a JSON list$"),
        ("null", "^is not a JSON list$"),
        ("[null]", f"^entry 1: None {NO_ENTRY}$"),
        ("[[]]", f"^entry 1: \\[\\] {NO_ENTRY}$"),
        ('["a"]', "^entry 1: 'a' is not an address: "),
        ("[{}]", f"^entry 1: {{}} {NO_ENTRY}$"),
        ('[{"address": 1}]', f"^entry 1: {{'address': 1}} {NO_ENTRY}$"),
        ('[{"address": "10.0.0.1:80", "wieght": 5}]', "^entry 1: 'wieght' is not address or weight$"),
        ('[{"address": "10.0.0.1:80", "b": 5, "a": 6}]', "^entry 1: 'a' is not address or weight$"),
        ('[{"address": "10.0.0.1:80", "weight": true}]', "^entry 1: weight True is not in 0–100$"),
        ('[{"address": "10.0.0.1:80", "weight": 101}]', "^entry 1: weight 101 is not in 0–100$"),
        ('[{"address": "10.0.0.1:80", "weight": -1}]', "^entry 1: weight -1 is not in 0–100$"),
        ('[{"address": "10.0.0.1:80", "weight": 1.0}]', "weight"),
        ('[{"address": "10.0.0.1:80", "weight": NaN}]', "weight"),
        ('[{"address": "10.0.0.1:80", "address": "10.0.0.2:80"}]', "^a key stands twice in one object$"),
        ('["10.0.0.1:80", "10.0.0.1:80"]', "^entry 2: 10.0.0.1:80 stands twice$"),
        ("[" * 100_000, "^is nested too deeply$"),
        ("[" + "9" * 5_000 + "]", "Exceeds the limit"),
    ],
    ids=range(22),
)
def test_json_is_strict(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        servers_in_json(text.encode(), None)


@pytest.mark.parametrize("read", [servers_in_lines, servers_in_json])
def test_what_is_no_text_or_too_large_is_no_list(read: object) -> None:
    assert callable(read)
    with pytest.raises(ValueError, match=r"^is not UTF-8$"):
        read(b"\xff\n", 80)
    with pytest.raises(ValueError, match=r"^is larger than 1048576 bytes$"):
        read(b"\n" * (MAX_BYTES + 1), 80)
    assert read(b"[]".rjust(MAX_BYTES) if read is servers_in_json else b"\n" * MAX_BYTES, 80) == {}


def test_too_many_servers_are_a_mistake() -> None:
    many = [(Address(f"10.0.{number >> 8}.{number & 255}", 80), 1) for number in range(MAX_SERVERS + 1)]
    assert len(gather(many[:-1])) == MAX_SERVERS
    with pytest.raises(ValueError, match=r"^has more than 10000 servers$"):
        gather(many)
    with pytest.raises(ValueError, match=r"^10\.0\.0\.0:80 stands twice$"):
        gather(many[:1] * 2)


@given(LISTS)
def test_what_is_written_is_read(servers: dict[Address, int]) -> None:
    lines = "".join(f"{address} {weight}\n" for address, weight in servers.items())
    assert servers_in_lines(lines.encode(), None) == servers
    entries = [{"address": str(address), "weight": weight} for address, weight in servers.items()]
    assert servers_in_json(json.dumps(entries).encode(), None) == servers


@given(LISTS, st.data())
def test_a_list_that_is_cut_anywhere_never_names_another_server(
    servers: dict[Address, int], data: st.DataObject
) -> None:
    lines = "".join(f"{address} {weight}\n" for address, weight in servers.items()).encode()
    cut = lines[: data.draw(st.integers(0, len(lines)))]
    try:
        read = servers_in_lines(cut, None)
    except ValueError:
        return
    assert read.items() <= servers.items()


@given(st.binary(max_size=200))
def test_any_bytes_are_a_list_or_a_value_error(content: bytes) -> None:
    for read in servers_in_lines, servers_in_json:
        try:
            servers = read(content, 80)
        except ValueError:
            continue
        assert all(parse_address(str(address)) == address for address in servers)
