"""A TLS transport ends as the others do, and tells an end from a loss."""

from __future__ import annotations

from typing import Any, cast

import pytest
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.testing import StringTransport

from lbtwist.model.server_tls import ServerTLS
from lbtwist.net.tls import transport as tls_transport
from lbtwist.net.tls.transport import MAX_ANSWERS
from tests.certificates import Issued, authority, issue
from tests.net.recorder import HalfCloseable, Recorder
from tests.net.tls.key_updates import Updating
from tests.net.tls.peers import SERVER, Ground, served

BLOCK = bytes(range(256)) * 1024


@pytest.fixture(scope="module")
def ours() -> Issued:
    return authority()


@pytest.fixture
def ground(ours: Issued) -> Ground:
    """Two that are connected over TLS: `near` has dialled `far`."""
    ground = Ground(ServerTLS(authorities=ours.pem))
    ground.serve(issue(ours, [SERVER.name]).options())
    ground.dial()
    ground.settle()
    return ground


def reason(end: Recorder) -> object:
    """How it was lost."""
    assert end.events[-1] == "lost"
    assert end.reason is not None
    return type(end.reason.value)


def below(end: Recorder) -> Any:
    """The transport under its TLS."""
    return end.transport.transport


def test_it_hears_of_half_closes_below(ground: Ground) -> None:
    assert IHalfCloseableProtocol.providedBy(ground.near.transport)
    transport: Any = ground.near.transport
    assert transport.protocol is ground.near


def test_another_protocol_may_take_the_place_of_the_first(ground: Ground) -> None:
    other = HalfCloseable()
    ground.near.transport.protocol = other
    ground.far.transport.write(b"hello")
    ground.settle()
    assert (bytes(other.received), bytes(ground.near.received)) == (b"hello", b"")


def test_a_close_comes_after_what_was_written_and_is_an_end_for_both(ground: Ground) -> None:
    ground.near.transport.write(BLOCK)
    ground.near.transport.loseConnection()
    ground.near.transport.loseConnection()
    ground.settle()
    assert bytes(ground.far.received) == BLOCK
    assert (reason(ground.far), reason(ground.near)) == (ConnectionDone, ConnectionDone)


def test_a_close_waits_for_no_answer(ground: Ground) -> None:
    below(ground.far).pauseProducing()
    ground.near.transport.loseConnection()
    ground.settle()
    assert reason(ground.near) is ConnectionDone


def test_after_a_close_nothing_is_received(ground: Ground) -> None:
    ground.far.transport.write(b"late")
    ground.near.transport.loseConnection()
    ground.settle()
    assert ground.near.count == 0


def test_an_abort_looks_like_one(ground: Ground) -> None:
    ground.near.transport.write(b"a part")
    ground.near.transport.abortConnection()
    ground.near.transport.write(b"dropped")
    ground.settle()
    assert (reason(ground.far), reason(ground.near)) == (ConnectionLost, ConnectionAborted)


def test_an_end_without_close_notify_may_not_be_the_end(ground: Ground) -> None:
    """Whoever cuts the TCP connection can't make a part look like the whole (RFC 8446, 6.1)."""
    ground.far.transport.write(b"a part")
    below(ground.far).loseConnection()
    ground.settle()
    assert (bytes(ground.near.received), reason(ground.near)) == (b"a part", ConnectionLost)


def test_without_a_half_close_above_what_it_sends_is_over(ground: Ground) -> None:
    ground.near.transport.write(b"question")
    ground.near.transport.loseWriteConnection()
    ground.near.transport.loseWriteConnection()
    ground.near.transport.write(b"dropped")
    below(ground.far).pauseProducing()
    ground.settle()
    assert ground.near.events == ["made", "write lost"]
    below(ground.far).resumeProducing()
    ground.settle()
    assert (bytes(ground.far.received), reason(ground.far)) == (b"question", ConnectionDone)
    assert reason(ground.near) is ConnectionDone


def test_what_comes_after_a_half_close_is_received(ground: Ground) -> None:
    """A peer that goes on all the same is heard to its end."""
    ground.near.transport.loseWriteConnection()
    ground.far.transport.write(b"answer")
    ground.settle()
    assert bytes(ground.near.received) == b"answer"
    assert reason(ground.near) is ConnectionDone


def test_the_end_of_sending_is_told_when_all_was_sent(ground: Ground) -> None:
    below(ground.far).pauseProducing()
    ground.near.transport.write(BLOCK)
    ground.near.transport.loseWriteConnection()
    ground.settle()
    assert "write lost" not in ground.near.events
    below(ground.far).resumeProducing()
    ground.settle()
    assert ground.near.events[:2] == ["made", "write lost"]
    assert bytes(ground.far.received) == BLOCK


def test_a_slow_peer_holds_the_producer_back(ground: Ground) -> None:
    producer = HalfCloseable()
    ground.near.transport.registerProducer(cast(Any, producer), True)
    below(ground.far).pauseProducing()
    ground.near.transport.write(BLOCK)
    ground.settle()
    assert producer.events == ["paused"]
    below(ground.far).resumeProducing()
    ground.settle()
    assert producer.events == ["paused", "resumed"]
    ground.near.transport.unregisterProducer()
    ground.near.transport.loseConnection()
    ground.settle()
    ground.near.transport.unregisterProducer()
    assert reason(ground.far) is ConnectionDone


def test_a_producer_may_be_left_to_the_end(ground: Ground) -> None:
    ground.near.transport.registerProducer(cast(Any, HalfCloseable()), True)
    ground.near.transport.abortConnection()
    ground.settle()
    ground.near.transport.unregisterProducer()
    assert reason(ground.near) is ConnectionAborted


def test_close_notify_is_heard_after_all_that_came_before(ground: Ground) -> None:
    below(ground.near).pauseProducing()
    ground.far.transport.write(BLOCK[:4096])
    ground.far.transport.loseConnection()
    ground.settle()
    assert ground.near.events == ["made"]
    below(ground.near).resumeProducing()
    ground.settle()
    assert (bytes(ground.near.received), reason(ground.near)) == (BLOCK[:4096], ConnectionDone)


def test_protocols_without_half_closes_are_told_of_none(ours: Issued) -> None:
    ground = Ground(ServerTLS(authorities=ours.pem))
    ground.serve(issue(ours, [SERVER.name]).options())
    ground.dial()
    ground.settle()
    plain = Recorder()
    ground.near.transport.protocol = plain
    ground.near.transport.loseWriteConnection()
    ground.settle()
    assert plain.events == ["lost"]


def test_what_is_written_at_once_is_passed_on_at_once(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    lower, passed = below(ground.near), list[bytes]()
    write = lower.write
    monkeypatch.setattr(lower, "write", passed.append)
    ground.near.transport.write(BLOCK)
    ground.near.transport.write(b"little")
    assert len(passed) == 2
    for each in passed:
        write(each)
    ground.settle()
    assert bytes(ground.far.received) == BLOCK + b"little"


REQUESTS = MAX_ANSWERS // 20
"""Requests for new keys whose answers, of more than 20 bytes, are more than there may be."""


@pytest.mark.parametrize(("waiting", "aborted"), [(0, False), (1, True)], ids=["reads", "does not read"])
def test_a_peer_that_reads_no_answer_of_tls_is_reset(
    waiting: int, aborted: bool, ours: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_transport, "queued", lambda transport: waiting)
    peer, end, lower = Updating(), HalfCloseable(), StringTransport()
    transport = served(issue(ours, [SERVER.name]).options(), end)
    transport.makeConnection(lower)
    transport.dataReceived(peer.shake_hands())
    transport.dataReceived(peer.shake_hands(lower.value()))
    lower.clear()
    for request in peer.requests(REQUESTS):
        transport.dataReceived(request)
    assert lower.disconnected is aborted
    assert (len(lower.value()) <= MAX_ANSWERS) is aborted
