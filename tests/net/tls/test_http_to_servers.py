"""http listeners whose servers are spoken to over TLS: connections are kept, and ends are told apart."""

from __future__ import annotations

from typing import Any

import pytest

from lbtwist.model.address import Address
from tests.certificates import DAY, Issued, authority
from tests.net.bench import closed, member
from tests.net.http.stage import SWITCHED, UPGRADE, read, request, response
from tests.net.recorder import HalfCloseable
from tests.net.tls.bench import SecureBench, below


@pytest.fixture(scope="module")
def ours() -> Issued:
    return authority()


@pytest.fixture
def bench(ours: Issued) -> SecureBench:
    bench = SecureBench(ours)
    bench.listen(protocol="http")
    bench.servers(1)
    return bench


def ask(bench: SecureBench, said: bytes) -> Any:
    """A client that has sent that, when all has happened."""
    client = bench.client()
    client.transport.write(said)
    bench.settle()
    return client


def test_a_connection_is_kept_for_the_next_request(bench: SecureBench) -> None:
    for number in (1, 2):
        client = ask(bench, request(target=f"/{number}"))
        (server,) = bench.accepted[1]
        server.transport.write(response(b"answer"))
        bench.settle()
        assert read(bytes(client.received)).body == b"answer"
    assert server.received.count(b"GET /") == 2


def test_close_notify_ends_an_idle_connection(bench: SecureBench) -> None:
    ask(bench, request())
    server = bench.accepted[1][0]
    server.transport.write(response(b"one"))
    bench.settle()
    server.transport.loseConnection()
    bench.settle()
    assert closed(server) == "fin"
    ask(bench, request())
    assert len(bench.accepted[1]) == 2


def test_one_that_ends_as_the_next_request_comes_is_no_fault(bench: SecureBench) -> None:
    ask(bench, request())
    server = bench.accepted[1][0]
    server.transport.write(response(b"one"))
    bench.settle()
    client = bench.client()
    client.transport.write(request(target="/again"))
    server.transport.loseConnection()
    bench.settle()
    bench.accepted[1][-1].transport.write(response(b"two"))
    bench.settle()
    assert read(bytes(client.received)).body == b"two"
    assert bench.observer.heard == []


@pytest.mark.parametrize("whole", [True, False])
def test_a_response_up_to_the_end_is_whole_with_close_notify_alone(whole: bool, bench: SecureBench) -> None:
    """RFC 9112, 9.8."""
    client = ask(bench, request(version="1.0"))
    server = bench.accepted[1][0]
    server.transport.write(response(b"a part", length=False))
    bench.settle()
    (server.transport if whole else below(server)).loseConnection()
    bench.settle()
    assert bytes(client.received).endswith(b"a part")
    assert closed(client) == ("fin" if whole else "reset")


def test_a_request_that_is_not_whole_has_no_orderly_end(bench: SecureBench) -> None:
    client = ask(bench, request("POST", "/", "Content-Length: 10") + b"half")
    client.transport.abortConnection()
    bench.settle()
    assert closed(bench.accepted[1][0]) == "reset"


@pytest.mark.parametrize(("problem", "status"), [("certificate", 502), ("silence", 504)])
def test_a_request_without_a_server_is_answered(problem: str, status: int, bench: SecureBench) -> None:
    if problem == "certificate":
        bench.serve(1, valid=(-2 * DAY, -DAY))
    else:
        bench.dialer.answer(Address("10.0.0.1", 80), HalfCloseable)
    client = ask(bench, request())
    bench.pass_time(5.3)
    assert read(bytes(client.received)).status == status


def test_other_settings_close_what_is_idle(ours: Issued, bench: SecureBench) -> None:
    ask(bench, request())
    server = bench.accepted[1][0]
    server.transport.write(response(b"one"))
    bench.settle()
    assert closed(server) == ""
    bench.tls = None
    bench.rotate(member(1))
    bench.settle()
    assert closed(server) == "fin"


def test_a_websocket_goes_over_tls(bench: SecureBench) -> None:
    client = ask(bench, UPGRADE)
    server = bench.accepted[1][0]
    server.transport.write(SWITCHED + b"\x81\x02hi")
    bench.settle()
    assert bytes(client.received).endswith(b"\x81\x02hi")
    client.transport.write(b"\x81\x82\0\0\0\0yo")
    bench.settle()
    assert bytes(server.received).endswith(b"\x81\x82\0\0\0\0yo")
    server.transport.loseConnection()
    bench.settle()
    assert closed(client) == "fin"
