from __future__ import annotations

from collections.abc import Iterator

from lbtwist.model.schedule.two_choices import DRAWS, TwoChoices
from tests.model.schedule.making import members, without


def scheduler(chances: Iterator[float], *weights: int) -> TwoChoices:
    made = TwoChoices(lambda: next(chances))
    made.update(members(weights))
    return made


def connected(to: TwoChoices, number: int, times: int) -> None:
    for _ in range(times):
        to.taken(number)


def test_the_better_of_two_and_nobody_else() -> None:
    made = scheduler(iter([0.1, 0.4]), 100, 100, 100)
    connected(made, 1, 3)
    connected(made, 2, 2)
    assert next(made.order("")).number == 2


def test_the_first_of_two_that_are_as_good() -> None:
    made = scheduler(iter([0.9, 0.1, 0.1, 0.9]), 100, 100)
    assert [next(made.order("")).number for _ in range(2)] == [2, 1]


def test_connections_are_weighed() -> None:
    made = scheduler(iter([0.0, 0.9, 0.0, 0.9]), 1, 5)
    connected(made, 1, 1)
    connected(made, 2, 4)
    assert next(made.order("")).number == 2
    connected(made, 2, 2)
    assert next(made.order("")).number == 1


def test_a_count_outlives_leaving_and_coming_back() -> None:
    everyone = members([100, 100])
    made = scheduler(iter([0.0, 0.9]), 100, 100)
    connected(made, 1, 2)
    connected(made, 2, 1)
    made.update(without(everyone, 1))
    made.released(1)
    made.released(1)
    made.update(everyone)
    assert next(made.order("")).number == 1


def test_connections_end_one_by_one() -> None:
    made = scheduler(iter([0.0, 0.9] * 5), 100, 100)
    connected(made, 1, 4)
    chosen = []
    for _ in range(4):
        made.released(1)
        chosen.append(next(made.order("")).number)
    assert chosen == [2, 2, 2, 1]  # of 3, 2, 1 and no connections of the first
    connected(made, 1, 1)
    assert next(made.order("")).number == 2


def test_what_has_no_connections_takes_no_room() -> None:
    made = scheduler(iter([]), 100)
    for number in range(100):
        connected(made, number, 2)
        made.released(number)
        made.released(number)
        assert not made._counts
        made.released(number)
        assert not made._counts


def test_chance_that_never_picks_one_leaves_none_out() -> None:
    made = scheduler(iter([0.0] * (2 * DRAWS + 1)), 100, 100, 100)
    assert [each.number for each in made.order("")] == [1, 2, 3]
