"""A request that is told when lines are made of many has the line that it has alone."""

from __future__ import annotations

import json

import pytest

from lbtwist.model.access import Usual, access_of
from lbtwist.service.access_log.haproxy_line import haproxy_line, haproxy_lines
from lbtwist.service.access_log.json_line import KEPT, MAX_TARGET, json_line, json_lines
from lbtwist.wire.request_head import RequestHead, parse_request_head
from tests.service.access_log.records import WALL, record

SINCE = WALL - 100.0


class Client:
    """A connection that asks."""

    address = "192.0.2.1:50000"

    def __init__(self) -> None:
        self.written: tuple[RequestHead | None, str, str] = (None, "", "")


def head(target: str = "/a?b=c") -> RequestHead:
    parsed = parse_request_head(f"GET {target} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode(), b"lb", False)
    assert parsed is not None
    return parsed[0]


def over(
    client: Client,
    request: RequestHead,
    server: str = "app/ecs01#7",
    host: str = "203.0.113.5",
    began: float = 100.0,
    took: float = 0.01,
) -> Usual:
    """What is told of one that is over."""
    times = 0.00123, took, took + 0.005
    return (began, "http", "web", "app", server, client, host, request, 200, 78, 1234, *times, 3, 2, 1)


def different() -> list[Usual]:
    """Each other than the one before in one thing, and one that is the same."""
    client, other, first, second = Client(), Client(), head(), head("/%22?q=%5c#'"[:-2])
    return [
        over(client, first),
        over(client, first),
        over(client, second),
        over(client, second, host="203.0.113.6"),
        over(client, second, server="app/ecs02#8"),
        over(client, second, began=100.001),
        over(client, second, began=101.5),
        over(client, second, took=0.0999),
        over(client, second, took=7.5),
        over(other, second),
        over(other, head("/" + "x" * 2 * MAX_TARGET)),
        over(other, first),
    ]


def test_json() -> None:
    requests = different()
    assert json_lines(requests, SINCE) == "".join(json_line(access_of(each, SINCE)) for each in requests)


def test_haproxy() -> None:
    requests = different()
    assert haproxy_lines(requests, SINCE) == "".join(
        haproxy_line(access_of(each, SINCE)) for each in requests
    )


def test_what_is_told() -> None:
    found = json.loads(json_lines([over(Client(), head())], SINCE))
    assert (found["time"], found["client"], found["target"]) == (
        "1994-11-06T08:49:37.250Z",
        "192.0.2.1:50000",
        "/a?b=c",
    )
    times = [found[f"{name}_ms"] for name in ("head", "queue", "connect", "response", "total")]
    assert times == [0, pytest.approx(1.23, abs=0.011), 0, 10, 15]
    assert (found["connections"], found["server_connections"], found["queued"]) == (3, 2, 1)
    assert (found["status"], found["received"], found["sent"], found["end"]) == (200, 78, 1234, "done")
    assert (found["reused"], found["retries"]) == (True, 0)


def test_they_keep_their_order_among_others() -> None:
    one, usual = record(target=b"/1"), over(Client(), head("/2"))
    lines = [json.loads(line)["target"] for line in json_lines([one, usual, one], SINCE).splitlines()]
    assert lines == ["/1", "/2", "/1"]
    usual = over(Client(), head("/2"))
    assert haproxy_lines([one, usual], SINCE) == haproxy_line(one) + haproxy_line(access_of(usual, SINCE))


def test_of_a_long_request_nothing_is_kept() -> None:
    for lines in (json_lines, haproxy_lines):
        client = Client()
        lines([over(client, head("/" + "x" * KEPT))], SINCE)
        assert client.written == (None, "", "")
        lines([over(client, request := head())], SINCE)
        assert client.written[0] is request
