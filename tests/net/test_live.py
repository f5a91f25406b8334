"""Ledgers count connections, which give their leases back exactly once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.defer import CancelledError, Deferred

from lbtwist.model.plane import ConnectionView, CutBy, Ending, Tally
from lbtwist.net.live import Ledger


class Connection:
    """A live one that has moved something."""

    forced = in_flight = False
    touched = 0.0

    def __init__(self, id: int, received: int = 0, sent: int = 0) -> None:
        self.id = id
        self.received = received
        self.sent = sent

    def cut(self, why: CutBy) -> None:
        raise AssertionError("nobody asked for it")

    def watch_idle(self) -> None:
        raise AssertionError("nobody asked for it")

    def view(self, now: float) -> ConnectionView:
        raise AssertionError("nobody asked for it")


def fired(waiting: Deferred[None]) -> list[object]:
    """What `waiting` has given by now."""
    results: list[object] = []
    waiting.addBoth(results.append)
    return results


Leave = Callable[[Ending], Ledger]


def entered(ledger: Ledger, connection: Connection) -> Leave:
    """It is established; what is given leaves the ledger."""
    ledger.enter(connection)

    def leave(ending: Ending) -> Ledger:
        ledger.leave(connection, ending)
        return ledger

    return leave


def end(leave: Leave) -> None:
    """Its connection has ended, and left no other ledger."""
    leave(Ending.FINISHED).tell_if_empty()


def test_a_new_ledger_is_empty() -> None:
    assert Ledger().tally() == Tally()


def test_bytes_of_the_living_and_of_the_dead_are_counted() -> None:
    ledger = Ledger()
    first, second = Connection(1, 10, 100), Connection(2, 20, 200)
    lease = entered(ledger, first)
    entered(ledger, second)
    assert ledger.tally() == Tally(live=2, total=2, received=30, sent=300)
    first.received += 1
    lease(Ending.FINISHED)
    first.sent += 1  # too late: it has ended
    second.sent += 2
    assert ledger.tally() == Tally(live=1, total=2, received=31, sent=302)


def test_who_was_cut_is_counted_when_it_has_ended() -> None:
    ledger = Ledger()
    leases = [entered(ledger, Connection(number)) for number in range(3)]
    leases[0](Ending.CUT)
    leases[1](Ending.FINISHED)
    assert ledger.tally() == Tally(live=1, total=3, cut=1)
    leases[2](Ending.CUT)
    assert ledger.tally() == Tally(total=3, cut=2)


def test_a_lease_is_released_once() -> None:
    ledger = Ledger()
    lease = entered(ledger, Connection(7, received=5))
    lease(Ending.FINISHED)
    with pytest.raises(KeyError, match="7"):
        lease(Ending.CUT)
    assert ledger.tally() == Tally(total=1, received=5)


def test_a_connection_may_have_leases_in_several_ledgers() -> None:
    listener, server = Ledger(), Ledger()
    connection = Connection(1)
    place, lease = entered(listener, connection), entered(server, connection)
    lease(Ending.FINISHED)
    assert (listener.tally().live, server.tally().live) == (1, 0)
    place(Ending.FINISHED)
    assert listener.tally().live == 0


def test_rule_4_empty_at_once_and_empty_later() -> None:
    ledger = Ledger()
    assert fired(ledger.when_empty()) == [None]
    leases = [entered(ledger, Connection(number)) for number in range(2)]
    first, second = fired(ledger.when_empty()), fired(ledger.when_empty())
    end(leases[0])
    assert (first, second) == ([], [])
    end(leases[1])
    assert (first, second) == ([None], [None])
    assert fired(ledger.when_empty()) == [None]
    end(entered(ledger, Connection(3)))
    assert (first, second) == ([None], [None])


def test_who_hears_that_it_is_empty_may_fill_it_and_wait_again() -> None:
    ledger = Ledger()
    lease = entered(ledger, Connection(1))
    again: list[list[object]] = []

    def refill(_: None) -> None:
        entered(ledger, Connection(2))
        again.append(fired(ledger.when_empty()))

    ledger.when_empty().addCallback(refill)
    end(lease)
    assert again == [[]]
    assert ledger.tally().live == 1


def test_cancelling_ends_the_waiting_and_no_other() -> None:
    ledger = Ledger()
    lease = entered(ledger, Connection(1))
    waits = [ledger.when_empty() for _ in range(3)]
    first, second, third = map(fired, waits)
    waits[1].cancel()
    (failure,) = second
    assert failure.check(CancelledError)  # type: ignore[attr-defined]
    assert ledger.tally().live == 1
    end(lease)
    assert (first, len(second), third) == ([None], 1, [None])


def test_cancelling_another_when_it_is_empty() -> None:
    ledger = Ledger()
    lease = entered(ledger, Connection(1))
    waits = [ledger.when_empty() for _ in range(3)]
    waits[0].addCallback(lambda _: waits[1].cancel())
    first, second, third = map(fired, waits)
    end(lease)
    assert (first, len(second), third) == ([None], 1, [None])


def test_who_waits_is_told_when_all_is_left() -> None:
    listener, server = Ledger(), Ledger()
    connection = Connection(1)
    place, lease = entered(listener, connection), entered(server, connection)
    told = fired(server.when_empty())
    ledgers = lease(Ending.FINISHED), place(Ending.FINISHED)
    assert ledgers == (server, listener)
    assert told == []
    listener.tell_if_empty()
    assert told == []
    server.tell_if_empty()
    assert told == [None]


def test_nobody_is_told_of_one_that_is_not_empty() -> None:
    ledger = Ledger()
    lease = entered(ledger, Connection(1))
    entered(ledger, Connection(2))
    told = fired(ledger.when_empty())
    end(lease)
    assert told == []
