"""Each line is one JSON object with the same keys, whatever a peer has sent."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.access import NOT_REACHED, End
from lbtwist.service.access_log.json_line import MAX_NAME, MAX_TARGET, json_line, remembered
from lbtwist.service.access_log.remembered import REMEMBERED
from tests.service.access_log.records import record


def read(**changes: Any) -> dict[str, Any]:
    line = json_line(record(**changes))
    assert line.endswith("\n")
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_line() -> None:
    assert read() == {
        "time": "1994-11-06T08:49:37.250Z",
        "protocol": "http",
        "listener": "web",
        "group": "app",
        "server": "app/ecs01#7",
        "client": "192.0.2.1:50000",
        "real_client": "203.0.113.5",
        "method": "GET",
        "host": "a.example",
        "target": "/a?b=c",
        "version": "1.1",
        "status": 200,
        "received": 78,
        "sent": 1234,
        "head_ms": 0.5,
        "queue_ms": 0,
        "connect_ms": 2.0,
        "response_ms": 10.0,
        "total_ms": 20.0,
        "retries": 1,
        "reused": False,
        "connections": 3,
        "server_connections": 2,
        "queued": 0,
        "end": "done",
    }


def test_what_it_did_not_come_to_is_null() -> None:
    nothing = read(
        status=0,
        head=NOT_REACHED,
        queue=NOT_REACHED,
        connect=NOT_REACHED,
        response=NOT_REACHED,
        end=End.NO_SERVER,
        reused=True,
    )
    nulls = [key for key, value in nothing.items() if value is None]
    assert nulls == ["status", "head_ms", "queue_ms", "connect_ms", "response_ms"]
    assert (nothing["end"], nothing["reused"]) == ("no_server", True)


def test_times_are_told_to_the_hundredth_however_long() -> None:
    line = read(head=0.000_019, queue=0.099_98, connect=0.1, response=12.345_678, total=3600.0)
    times = [line[key] for key in ("head_ms", "queue_ms", "connect_ms", "response_ms", "total_ms")]
    assert times == [0.02, 99.98, 100, 12345.68, 3_600_000]
    assert read(head=0.05)["head_ms"] == 50
    kept = read(head=0.0, queue=0.00204, connect=0.0)
    assert (kept["head_ms"], kept["queue_ms"], kept["connect_ms"], kept["total_ms"]) == (0, 2.04, 0, 20)


def test_every_word_for_an_end_is_told() -> None:
    assert [read(end=end)["end"] for end in End] == [end.value for end in End]


def test_long_texts_are_cut() -> None:
    line = read(target=b"/" * 9000, host=b"h" * 9000, method=b"M" * 9000)
    assert (len(line["target"]), len(line["host"]), len(line["method"])) == (MAX_TARGET, MAX_NAME, MAX_NAME)


def test_what_is_remembered_of_peers_is_bounded() -> None:
    """By number, and each by its length."""
    remembered.clear()
    for number in range(REMEMBERED + 10):
        assert read(host=b"%d.example" % number)["host"] == f"{number}.example"
    assert 0 < len(remembered) <= REMEMBERED
    before = len(remembered)
    read(host=b"h" * MAX_NAME)
    read(method=b"M" * MAX_NAME, host=b"")
    assert len(remembered) == before + 1


@given(st.binary(max_size=60), st.binary(max_size=60), st.text(max_size=20))
def test_nothing_that_a_peer_sends_ends_a_line_or_a_value(target: bytes, host: bytes, server: str) -> None:
    line = json_line(record(target=target, host=host, server=server))
    assert line.isascii()
    assert line[:-1].isprintable()
    found = json.loads(line)
    assert (found["target"], found["host"]) == (target.decode("latin-1"), host.decode("latin-1"))
    assert found["server"] == server
