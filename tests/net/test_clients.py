"""Who is connected to an http listener, and who waits until nobody is."""

from __future__ import annotations

from twisted.internet.defer import CancelledError

from lbtwist.net.clients import Clients
from tests.net.test_plane_contract import outcome


class Guest:
    """A client's connection."""

    def leave(self) -> None:
        """It stays."""

    def close_idle(self) -> None:
        """It stays."""

    def watch_idle(self) -> None:
        """It has no timeout."""


def test_they_are_counted_until_they_depart() -> None:
    clients, first, second = Clients(), Guest(), Guest()
    clients.enter(first)
    clients.enter(second)
    assert (len(clients), clients.all()) == (2, [first, second])
    for _ in range(2):
        clients.depart(first)
        assert clients.all() == [second]


def test_one_may_be_replaced_by_another() -> None:
    clients, first, second = Clients(), Guest(), Guest()
    clients.enter(first)
    clients.replace(first, second)
    clients.depart(first)
    assert clients.all() == [second]
    clients.replace(Guest(), first)
    assert clients.all() == [second, first], "who was not here may be replaced as well"


def test_who_waits_is_told_when_the_last_departs() -> None:
    clients, first, second = Clients(), Guest(), Guest()
    assert outcome(clients.when_none()) == [None]
    clients.enter(first)
    waiting, given_up = outcome(clients.when_none()), clients.when_none()
    cancelled = outcome(given_up)
    given_up.cancel()
    assert cancelled[0].check(CancelledError)  # type: ignore[attr-defined]
    clients.replace(first, second)
    clients.depart(first)
    assert waiting == []
    clients.enter(first)
    clients.depart(first)
    assert waiting == [], "there is another"
    clients.depart(second)
    assert waiting == [None]
