from __future__ import annotations

from collections import Counter

from lbtwist.model.schedule.source_hash import DRAWS, SourceHash
from tests.model.schedule.making import CLIENTS, chosen, members, order


def scheduler(*weights: int) -> SourceHash:
    made = SourceHash()
    made.update(members(weights))
    return made


def test_the_same_client_has_the_same_order_in_every_process() -> None:
    """Which one is written down, so that an upgrade or a second load balancer has it too."""
    assert order(scheduler(1, 2, 5, 10), "192.0.2.1") == [4, 3, 1, 2]
    assert order(scheduler(1, 2, 5, 10), "192.0.2.1") == [4, 3, 1, 2]


def test_a_client_stays_whatever_others_do_and_whatever_is_told_again() -> None:
    made = scheduler(1, 2, 5)
    before = {client: chosen(made, client) for client in CLIENTS[:1000]}
    made.update(members([1, 2, 5]))
    assert {client: chosen(made, client) for client in CLIENTS[:1000]} == before


def test_the_clients_of_one_that_fails_go_on_to_all_others() -> None:
    made = scheduler(*[100] * 5)
    seconds = Counter(tuple(order(made, client)[:2]) for client in CLIENTS[:10_000])
    assert len(seconds) == 5 * 4
    assert all(abs(count - 500) <= 125 for count in seconds.values())


def test_an_address_as_long_as_it_may_be() -> None:
    assert sorted(order(scheduler(1, 1), "fe80:1234:1234:1234:1234:1234:1234:1234%interface-number")) == [
        1,
        2,
    ]


def test_those_that_no_draw_has_found_follow_too() -> None:
    assert sorted(order(scheduler(*[100] * (2 * DRAWS)), "192.0.2.1")) == list(range(1, 2 * DRAWS + 1))
