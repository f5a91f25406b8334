"""Lines as haproxy writes them, for who reads such already."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.access import NOT_REACHED, Access, End
from lbtwist.service.access_log.haproxy_line import CAUSES, STATES, haproxy_line, states
from tests.service.access_log.records import record

HTTP = re.compile(
    r"(?P<client>\S+):(?P<port>\d+) \[[0-9]{2}/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d\.\d{3}\] (?P<ft>\S+)"
    r" (?P<b>[^ /]+)/(?P<s>\S+) (?P<times>-?\d+/-?\d+/-?\d+/-?\d+/\d+) (?P<status>-?\d+) (?P<bytes>\d+)"
    r' - - (?P<ts>\S{4}) \d+/\d+/\d+/\d+/\d+ \d+/\d+ "(?P<request>[^"]*)"\n'
)
"""What a reader of `option httplog` looks for; beside it stands the same of `option tcplog`."""
TCP = re.compile(
    r"\S+:\d+ \[\S+\] \S+ [^ /]+/\S+ (?P<times>-?\d+/-?\d+/\d+) (?P<bytes>\d+) (?P<ts>\S\S)"
    r" \d+/\d+/\d+/\d+/\d+ \d+/\d+\n"
)
TCP_ALONE: dict[str, Any] = {
    "protocol": "tcp",
    "head": NOT_REACHED,
    "response": NOT_REACHED,
    "method": b"",
    "status": 0,
}


def read(**changes: Any) -> re.Match[str]:
    line = HTTP.fullmatch(haproxy_line(record(**changes)))
    assert line is not None
    return line


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """haproxy tells local time."""
    import time

    monkeypatch.setattr(time, "localtime", time.gmtime)


def test_a_request() -> None:
    assert haproxy_line(record(time=784111778.5)) == (
        "192.0.2.1:50000 [06/Nov/1994:08:49:38.500] web app/ecs01#7 0/0/2/10/20 200 1234 - - ----"
        ' 3/3/2/2/1 0/0 "GET /a?b=c HTTP/1.1"\n'
    )
    assert read()["s"] == "ecs01#7"
    assert read(head=0.0, queue=0.002, connect=0.0)["times"] == "0/2/0/10/20"


def test_a_connection() -> None:
    line = haproxy_line(record(**TCP_ALONE, client="[2001:db8::1]:50000", time=784111779.5))
    assert line == (
        "2001:db8::1:50000 [06/Nov/1994:08:49:39.500] web app/ecs01#7 0/2/20 1234 -- 3/3/2/2/1 0/0\n"
    )
    assert TCP.fullmatch(line)


def test_what_has_no_server_and_no_request() -> None:
    line = read(
        server="", group="", method=b"", head=NOT_REACHED, connect=NOT_REACHED, status=400, end=End.REFUSED
    )
    assert (line["b"], line["s"], line["request"], line["ts"]) == ("web", "<NOSRV>", "<BADREQ>", "PR--")
    assert read(server="", end=End.NO_SERVER)["b"] == "app"


def test_what_was_not_answered_has_no_status() -> None:
    assert read(status=0, response=NOT_REACHED, end=End.CLIENT_ABORT)["status"] == "-1"


def test_each_end_has_its_states() -> None:
    assert {*STATES, *CAUSES} == {*End}
    assert len(STATES) + len(CAUSES) == len(End)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"end": End.CLIENT_TIMEOUT, "head": NOT_REACHED}, "cR"),
        ({"end": End.CLIENT_ABORT, "connect": NOT_REACHED}, "CC"),
        ({"end": End.SERVER_TIMEOUT, "response": NOT_REACHED}, "sH"),
        ({"end": End.SERVER_ABORT}, "SD"),
        ({"end": End.INTERNAL_ERROR, "response": NOT_REACHED}, "IH"),
        ({"end": End.DRAIN_DEADLINE}, "DD"),
        ({"end": End.OPERATOR_CUT, "response": NOT_REACHED}, "KH"),
        ({"end": End.SHUTDOWN_CUT, **TCP_ALONE}, "KD"),
        ({"end": End.CLIENT_ABORT, **TCP_ALONE, "connect": NOT_REACHED}, "CC"),
        ({"end": End.TUNNEL_TIMEOUT, "protocol": "websocket"}, "cD"),
        ({"end": End.CONNECT_TIMEOUT, "connect": NOT_REACHED}, "sC"),
    ],
)
def test_the_states_tell_who_and_when(changes: dict[str, Any], found: str) -> None:
    assert states(record(**changes)) == found


@given(st.binary(min_size=1, max_size=60), st.binary(max_size=60), st.text(max_size=20))
def test_nothing_that_a_peer_sends_ends_a_field(method: bytes, target: bytes, server: str) -> None:
    line: Access = record(method=method, target=target, server=f"app/{server}")
    found = HTTP.fullmatch(haproxy_line(line)) if server else None
    assert found is not None or not server
    assert haproxy_line(line).count("\n") == 1


def test_odd_bytes_are_told_in_hexadecimal() -> None:
    assert read(target=b'/"#\r\n\xff')["request"] == "GET /#22#23#0D#0A#FF HTTP/1.1"
