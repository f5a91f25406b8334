"""The pages over HTTP: what there is, for whom, and within which limits."""

from __future__ import annotations

import json
from io import BytesIO

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from lbtwist.errors import BindError
from lbtwist.service.readiness import LEAVING
from lbtwist.service.verbs import looking
from lbtwist.status.pages import HEADERS, METHODS, Answer, Pages
from lbtwist.status.site import (
    LAST_REQUESTS,
    MAX_BODY,
    MAX_CONNECTIONS,
    MAX_HEAD,
    MAX_HEADERS,
    MAX_LINE,
    PATIENCE,
)
from tests.conftest import Flush
from tests.service.bench import ADA
from tests.status.bench import Process, Scene, read

PATHS = ("/metrics", "/healthz", "/readyz", "/status.json")


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.mark.parametrize("path", [*PATHS, "/events", "/nothing"])
def test_no_response_is_kept_guessed_at_or_framed(scene: Scene, path: str) -> None:
    headers = scene.get(path).headers
    for name, value in HEADERS.items():
        assert headers[name.decode().lower()] == value.decode().lower()
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert not any(name.startswith("access-control") for name in headers)


@pytest.mark.parametrize("path", PATHS)
def test_a_head_is_answered_as_a_get_without_the_body(scene: Scene, path: str) -> None:
    whole, head = scene.get(path), scene.get(path, method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert abs(int(head.headers["content-length"]) - len(whole.body)) < 100


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW"])
@pytest.mark.parametrize("path", ["/", "/page/main.js", *PATHS, "/events", "/nothing"])
def test_nothing_can_be_written(scene: Scene, path: str, method: str) -> None:
    response = scene.get(path, method=method)
    assert (response.status, response.headers["allow"]) == (405, "get, head")
    assert METHODS == (b"GET", b"HEAD")


def test_what_there_is_not_tells_what_there_is(scene: Scene) -> None:
    response = scene.get("/nothing")
    assert response.status == 404
    assert response.body == b"there are /, /metrics, /healthz, /readyz, /status.json, /events\n"


@pytest.mark.parametrize("path", ["/", "/page/main.js", *PATHS, "/events", "/nothing"])
def test_a_foreign_name_reads_nothing(scene: Scene, path: str) -> None:
    response = scene.get(path, host="evil.example:8404")
    assert response.status == 421
    assert b"lbtwist_" not in response.body
    assert b"<html" not in response.body


@pytest.mark.parametrize("host", ["127.0.0.1:8404", "[::1]:8404", "localhost"])
def test_an_own_name_reads(scene: Scene, host: str) -> None:
    assert scene.get("/healthz", host=host).status == 200


def test_one_host_is_needed_but_of_http_1_0(scene: Scene) -> None:
    assert scene.get("/healthz", host="").status == 400
    assert scene.get("/healthz", "Host: localhost").status == 400
    wire = scene.connect()
    assert wire is not None
    wire.protocol.dataReceived(b"GET /healthz HTTP/1.0\r\n\r\n")
    assert read(wire).status == 200


def test_another_name_is_taken_where_it_does_not_listen_on_loopback() -> None:
    assert Scene(endpoint=":8404").get("/healthz", host="lb.example").status == 200


def test_it_is_ready_and_not_while_it_leaves(scene: Scene) -> None:
    assert (scene.get("/readyz").status, scene.get("/readyz").body) == (200, b"ready\n")
    scene.balancer.leaving = True
    assert (scene.get("/readyz").status, scene.get("/readyz").body) == (503, f"{LEAVING}\n".encode())
    assert scene.get("/healthz").status == 200


def test_it_is_not_ready_before_the_reactor_runs() -> None:
    scene = Scene(start=False)
    scene.service.startService()
    wire = scene.connect()
    assert wire is not None
    wire.protocol.dataReceived(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert read(wire).status == 503
    scene.settle()
    assert scene.get("/readyz").status == 200


def test_status_json_has_what_status_tells_with_all_columns_and_the_receipts(scene: Scene) -> None:
    (connection,) = scene.bench.connect("app/ecs01#2")
    group = scene.balancer.groups["app"]
    group.drain([r for r in group.members if r.name == "ecs01"], ADA)
    (done,) = group.drain([r for r in group.members if r.name == "ecs02"], ADA)
    data = scene.get("/status.json").data
    call = scene.bench.call()
    verbs = {"listeners": looking.listeners, "groups": looking.groups, "servers": looking.servers}
    for name, verb in {**verbs, "drains": looking.drains, "receipts": looking.receipts}.items():
        assert data[name] == json.loads(json.dumps(verb(call).data)), name
    status = looking.status(call).data
    assert data.keys() == {*status, "receipts"}
    assert {key: data[key] for key in data.keys() - verbs.keys() - {"drains", "receipts"}} == {
        key: value for key, value in status.items() if key not in (*verbs, "drains")
    }
    assert done.drain.ended
    assert len(data["drains"]) == len(data["receipts"]) == 1
    connection.end()
    assert (len(scene.get("/status.json").data["drains"]), scene.get("/status.json").status) == (0, 200)


def test_status_json_without_any_receipt(scene: Scene) -> None:
    response = scene.get("/status.json")
    assert response.headers["content-type"] == "application/json"
    assert response.data["receipts"] == []


def test_what_fails_is_logged_and_says_no_more(flush_logged_errors: Flush) -> None:
    scene = Scene()

    def fails(request: object) -> Deferred[Answer]:
        raise ZeroDivisionError("secret")

    scene.process.factory.resource = Pages({b"/": fails}, lambda host: True)
    response = scene.get("/")
    assert response.status == 500
    assert b"secret" not in response.body
    assert len(flush_logged_errors(ZeroDivisionError)) == 1


def test_who_leaves_before_the_answer_is_not_answered() -> None:
    scene = Scene()
    asked: Deferred[Answer] = Deferred()
    scene.process.factory.resource = Pages({b"/": lambda request: asked}, lambda host: True)
    wire = scene.open("/")
    wire.protocol.connectionLost(Failure(ConnectionError()))
    asked.callback(Answer(b"late"))
    assert b"late" not in wire.value()


def test_two_who_ask_at_once_get_what_is_made_once(scene: Scene) -> None:
    first, second = scene.connect(), scene.connect()
    assert first is not None
    assert second is not None
    for wire in (first, second):
        wire.protocol.dataReceived(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    scene.settle()
    assert read(first).status == read(second).status == 200
    assert read(first).body == read(second).body
    assert scene.get("/metrics").status == 200, "the next one is made anew"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * MAX_LINE + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * MAX_HEADERS + b"\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + (b"A: " + b"b" * 1000 + b"\r\n") * 9 + b"\r\n",
        b"nonsense\r\n\r\n",
    ],
)
def test_a_head_has_limits(scene: Scene, head: bytes) -> None:
    assert MAX_HEAD < 9 * 1000
    wire = scene.connect()
    assert wire is not None
    wire.protocol.dataReceived(head)
    assert wire.disconnecting
    assert b"200" not in wire.value()


@pytest.mark.parametrize("length", [b"Content-Length: %d" % (10 * MAX_BODY), b"Transfer-Encoding: chunked"])
def test_a_body_is_dropped_and_has_a_limit(scene: Scene, length: bytes) -> None:
    wire = scene.connect()
    assert wire is not None
    wire.protocol.dataReceived(b"POST /metrics HTTP/1.1\r\nHost: localhost\r\n%b\r\n\r\n" % length)
    piece = b"x" * 4096
    for _ in range(MAX_BODY // len(piece)):
        wire.protocol.dataReceived(b"1000\r\n%b\r\n" % piece if b"chunked" in length else piece)
        assert not wire.disconnecting
    (request,) = wire.protocol.requests
    assert isinstance(request.content, BytesIO)
    assert request.content.getvalue() == b""
    wire.protocol.dataReceived(b"1\r\nx\r\n" if b"chunked" in length else b"x")
    assert wire.disconnecting


def test_connections_have_a_limit(scene: Scene) -> None:
    wires = [scene.connect() for _ in range(MAX_CONNECTIONS)]
    assert all(wires)
    assert scene.connect() is None
    assert wires[0] is not None
    wires[0].protocol.connectionLost(Failure(ConnectionError()))
    assert scene.connect() is not None


def test_a_request_has_to_be_whole_in_time(scene: Scene) -> None:
    """A byte now and then does not keep a connection."""
    wire = scene.connect()
    assert wire is not None
    wire.protocol.dataReceived(b"GET /healthz HTTP/1.1\r\n")
    for _ in range(5):
        scene.process.advance(PATIENCE / 6)
        wire.protocol.dataReceived(b"A: b\r\n")
    assert not wire.disconnecting
    scene.process.advance(PATIENCE / 6)
    assert wire.disconnecting


def test_a_connection_is_kept_for_so_long_after_a_response(scene: Scene) -> None:
    wire = scene.open("/healthz")
    scene.process.advance(PATIENCE - 1)
    wire.protocol.dataReceived(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert wire.value().count(b"HTTP/1.1 200") == 2
    scene.process.advance(PATIENCE - 1)
    assert not wire.disconnecting
    scene.process.advance(1)
    assert wire.disconnecting


def test_when_it_stops_nothing_is_open_any_more(scene: Scene) -> None:
    idle, reading = scene.open("/healthz"), scene.open("/events")
    stopped: list[object] = []
    scene.service.stopService().addCallback(stopped.append)
    assert stopped == [None]
    assert scene.process.ports[0].closed
    assert idle.aborted
    assert reading.aborted
    assert scene.service.address is None


def test_an_endpoint_that_is_taken_fails_the_start_in_one_line() -> None:
    scene = Scene(start=False)
    scene.process.taken = True
    with pytest.raises(BindError, match=r"^status: 127\.0\.0\.1:8404 can't be opened: .*in use$"):
        scene.service.startService()


@pytest.mark.parametrize(("port", "early"), [(404, True), (8404, False)])
def test_a_privileged_port_is_opened_before_privileges_are_dropped(port: int, early: bool) -> None:
    scene = Scene(endpoint=f"127.0.0.1:{port}", start=False)
    scene.service.privilegedStartService()
    assert (len(scene.process.ports) == 1) is early
    scene.service.startService()
    assert len(scene.process.ports) == 1
    assert isinstance(scene.process, Process)


def test_rule_76_whoever_has_come_before_a_newer_generation_is_answered() -> None:
    scene = Scene()
    kept, fresh, silent = scene.open("/healthz"), scene.connect(), scene.connect()
    asked = scene.connect()
    assert fresh is not None
    assert silent is not None
    assert asked is not None
    asked.protocol.dataReceived(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    scene.balancer.superseded = True
    ended: list[object] = []
    scene.service.stopService().addBoth(ended.append)
    assert (scene.process.ports[0].closed, ended) == (True, [])
    fresh.protocol.dataReceived(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    scene.settle()
    assert (read(fresh).body, read(fresh).headers["connection"]) == (b"ready\n", "close")
    assert b"lbtwist_listener" in read(asked).body
    assert [each.disconnecting for each in (fresh, asked, kept, silent)] == [True, True, False, False]
    for each in (fresh, asked):
        each.protocol.connectionLost(Failure(ConnectionDone()))
    scene.process.advance(LAST_REQUESTS - 0.1)
    assert not silent.aborted
    scene.process.advance(0.1)
    assert (kept.aborted, silent.aborted, ended) == (True, True, [])
    for each in (kept, silent):
        each.protocol.connectionLost(Failure(ConnectionDone()))
    assert ended == [None]


def test_without_anybody_there_it_ends_at_once() -> None:
    scene = Scene()
    scene.balancer.superseded = True
    ended: list[object] = []
    scene.service.stopService().addBoth(ended.append)
    assert ended == [None]


def test_the_last_one_that_goes_ends_the_wait() -> None:
    scene = Scene()
    wire = scene.open("/healthz")
    scene.balancer.superseded = True
    ended: list[object] = []
    scene.service.stopService().addBoth(ended.append)
    wire.protocol.connectionLost(Failure(ConnectionDone()))
    assert ended == [None]
    scene.process.advance(LAST_REQUESTS)
    assert not wire.aborted
