"""Code of ours, or of a scheduler, that fails in one request: who made it is answered, and nobody else is
harmed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.interfaces import IScheduler
from lbtwist.model.access import End
from lbtwist.model.plane import Member
from lbtwist.net.http.logged import LoggedExchange
from tests.net.accesses import Accesses
from tests.net.http.stage import CHUNKED, SWITCHED, TIMEOUTS, UPGRADE, Stage, chunks, request, response

Flush = Callable[..., list[Failure]]
Once = Callable[[], bool]


@implementer(IScheduler)
class Broken:
    """A scheduler that raises on demand; else the first member comes first."""

    counting = True

    def __init__(self) -> None:
        self.bad = ""
        """The method that raises."""
        self.members: Sequence[Member] = ()

    def update(self, members: Sequence[Member]) -> None:
        self.members = members

    def order(self, client: str) -> Iterator[Member]:
        self._may_raise("order")
        return iter(self.members)

    def taken(self, number: int) -> None:
        self._may_raise("taken")

    def released(self, number: int) -> None:
        self._may_raise("released")

    def _may_raise(self, method: str) -> None:
        if method == self.bad:
            raise ZeroDivisionError


class BrokenStage(Stage):
    """Two servers, a scheduler that can be made to raise, and an access log."""

    def __init__(self) -> None:
        super().__init__()
        self.log = Accesses()
        self.plane.log_access(self.log)
        self.scheduler = Broken()
        self.plane._make_scheduler = lambda name: self.scheduler
        self.servers(1, 2, scheduler="broken")
        self.listen(**TIMEOUTS)

    def bad(self, method: str) -> None:
        self.scheduler.bad = method


@pytest.fixture
def stage() -> BrokenStage:
    return BrokenStage()


def raise_at(monkeypatch: pytest.MonkeyPatch, method: str, call: int = 1) -> None:
    """The exchange's `method` raises when it is called for so many times."""
    calls, real = [0], getattr(LoggedExchange, method)

    def raising(*given: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] == call:
            raise ZeroDivisionError
        return real(*given, **named)

    monkeypatch.setattr(LoggedExchange, method, raising)


def served(stage: BrokenStage, server: int = 1) -> bool:
    """A client that comes now is answered by `server`, and nothing is left of anybody then."""
    client, end = stage.asks(request(), server=server)
    end.say(response(b"well"))
    well = client.said().body == b"well"
    client.close()
    end.close()
    return well and stage.busy == 0 and stage.empty()


@pytest.fixture
def once(flush_logged_errors: Flush) -> Once:
    """The log has one traceback."""
    return lambda: len(flush_logged_errors(ZeroDivisionError)) == 1


@pytest.mark.parametrize("method", ["order", "taken"])
def test_a_request_whose_server_cannot_be_chosen_is_answered(
    stage: BrokenStage, once: Once, method: str
) -> None:
    stage.bad(method)
    client = stage.client()
    client.say(request())
    assert (client.said().status, client.end) == (500, "fin")
    assert (stage.log.only.end, stage.log.only.status) == (End.INTERNAL_ERROR, 500)
    assert (stage.tally().live, stage.tally().total, stage.tally().sent) == (0, 1, stage.log.only.sent)
    assert once()
    stage.bad("")
    client.close()
    assert served(stage)


@pytest.mark.parametrize("method", ["order", "taken"])
def test_nor_can_the_second_after_one_has_failed(stage: BrokenStage, once: Once, method: str) -> None:
    stage.refuse(1, after=0.5)
    client = stage.client()
    client.say(request())
    stage.bad(method)
    stage.clock.advance(0.5)
    assert client.said().status == 500
    assert (stage.log.only.end, stage.log.only.server) == (End.INTERNAL_ERROR, "")
    assert once()
    stage.bad("")
    client.close()
    stage.serve(1)
    assert served(stage)


def test_who_waits_for_a_place_does_not_harm_who_leaves_it(stage: BrokenStage, once: Once) -> None:
    """It is chosen for where the other's request ends."""
    stage.rotate(stage.limited(1), scheduler="broken", max_queue=5, queue_timeout=9.0)
    first, end = stage.asks(request())
    second = stage.client()
    second.say(request())
    stage.bad("order")
    end.say(response(b"first"))
    assert first.said().body == b"first"
    assert second.said().status == 500
    assert stage.log.ends == [End.INTERNAL_ERROR, End.DONE]
    assert once()
    stage.bad("")
    first.say(request())
    end.say(response(b"again"))
    assert first.said().body == b"again"


def test_a_place_is_given_back_whatever_a_scheduler_makes_of_it(stage: BrokenStage, once: Once) -> None:
    client, end = stage.asks(request())
    stage.bad("released")
    end.say(response(b"whole"))
    assert client.said().body == b"whole"
    assert (stage.log.ends, stage.tally().live, stage.busy) == ([End.DONE], 0, 0)
    assert once()


@pytest.mark.parametrize("method", ["joined", "response_begins", "response_at_once", "head_begins"])
def test_nothing_of_the_response_has_gone_out(
    stage: BrokenStage, once: Once, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    raise_at(monkeypatch, method)
    client, end = stage.asks(request("PUT", "/", CHUNKED), server=1)
    client.say(chunks(b"body"))
    end.say(response()[:-2])
    end.say(b"\r\n")
    assert (client.said().status, client.end, end.end) == (500, "fin", "reset")
    assert (stage.log.only.end, stage.log.only.status) == (End.INTERNAL_ERROR, 500)
    assert once()
    client.close()
    monkeypatch.undo()
    assert served(stage)


def test_a_kept_connection_is_no_way_out(
    stage: BrokenStage, once: Once, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, end = stage.asks(request())
    end.say(response())
    client.hear()
    raise_at(monkeypatch, "joined")
    client.say(request())
    assert (client.said().status, stage.log.ends) == (500, [End.DONE, End.INTERNAL_ERROR])
    assert once()
    client.close()
    assert stage.busy == 0
    assert not stage.ledger.live


def test_a_body_that_cannot_go_on_ends_the_request(
    stage: BrokenStage, once: Once, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, end = stage.asks(request("POST", "/", "Content-Length: 6") + b"abc")
    raise_at(monkeypatch, "send")
    client.say(b"def")
    assert (client.said().status, end.end, stage.log.ends) == (500, "reset", [End.INTERNAL_ERROR])
    assert once()
    client.close()
    monkeypatch.undo()
    assert served(stage)


def test_a_response_that_has_begun_is_cut(
    stage: BrokenStage, once: Once, monkeypatch: pytest.MonkeyPatch
) -> None:
    raise_at(monkeypatch, "forward", call=2)
    client, end = stage.asks(request())
    end.say(response(b"123456")[:-3])
    end.say(b"456")
    said = client.said()
    assert (said.status, said.body, said.framed) == (200, b"123", False)
    assert (client.end, end.end) == ("fin", "reset")
    assert (stage.log.only.end, stage.log.only.status) == (End.INTERNAL_ERROR, 200)
    assert stage.tally().sent == stage.log.only.sent
    assert once()
    client.close()
    monkeypatch.undo()
    assert served(stage)


def test_the_end_of_a_response_that_ends_with_its_connection(
    stage: BrokenStage, once: Once, monkeypatch: pytest.MonkeyPatch
) -> None:
    raise_at(monkeypatch, "forward", call=2)
    client, end = stage.asks(request())
    end.say(response(b"123", length=False))
    end.close()
    said = client.said()
    assert (said.status, said.framed, stage.log.ends) == (200, False, [End.INTERNAL_ERROR])
    assert once()
    client.close()
    monkeypatch.undo()
    assert served(stage)


def test_an_answer_before_it_is_told_whole(
    stage: BrokenStage, once: Once, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A further request that fails where the one before it ends does that one no harm."""
    client, end = stage.asks(request() + request())
    raise_at(monkeypatch, "start")
    end.say(response(b"whole"))
    first, second = client.hear().split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200 ")
    assert first.endswith(b"whole")
    assert second.startswith(b"500 ")
    assert sorted(each.value for each in stage.log.ends) == ["done", "internal_error"]
    assert end.end == ""
    assert once()


def test_a_head_whose_reading_fails(stage: BrokenStage, flush_logged_errors: Flush) -> None:
    client = stage.client()
    (guest,) = stage._frontend.clients.all()
    guest._heads = None
    client.say(request())
    assert (client.said().status, stage.log.ends) == (500, [End.INTERNAL_ERROR])
    assert len(flush_logged_errors(AttributeError)) == 1


def test_a_handshake_of_a_websocket_that_was_answered_is_no_more(
    stage: BrokenStage, once: Once, monkeypatch: pytest.MonkeyPatch
) -> None:
    raise_at(monkeypatch, "_tunnel")
    client, end = stage.asks(UPGRADE)
    end.say(SWITCHED)
    assert (client.said().status, client.end, end.end) == (101, "fin", "reset")
    assert stage.log.ends == [End.INTERNAL_ERROR]
    assert once()


def test_counters_are_right_where_the_log_fails(stage: BrokenStage, once: Once) -> None:
    client, end = stage.asks(request())
    stage.log.over = lambda record: 1 // 0  # type: ignore[method-assign, assignment]
    end.say(response(b"whole"))
    assert client.said().body == b"whole"
    assert (stage.tally().live, stage.tally().total, stage.busy) == (0, 1, 0)
    assert once()


def test_a_relay_whose_next_server_cannot_be_chosen_is_reset(once: Once) -> None:
    """It is told where a connect has failed, from inside of the dialer."""
    stage = BrokenStage()
    stage.refuse(1, after=0.5)
    stage.listen(2, protocol="tcp")
    client = stage.client(listener=2)
    stage.bad("taken")
    stage.clock.advance(0.5)
    stage.settle()
    assert (client.end, stage.log.ends, stage.busy) == ("reset", [End.INTERNAL_ERROR], 0)
    assert once()
