"""What a data plane has counted, as values."""

from __future__ import annotations

from dataclasses import astuple

from lbtwist.model.figures import BOUNDS, Distribution, Figures, GroupFigures, ListenerFigures

FULL = GroupFigures(
    queue=1,
    no_server=2,
    retries=3,
    responses=(0, 4, 0, 0, 0),
    connect=Distribution(seconds=1.0),
    header=Distribution(seconds=2.0),
    response=Distribution(seconds=3.0),
)


def test_those_turned_away_are_added_by_their_reasons() -> None:
    sum_of_both = ListenerFigures(refused={"late": 1, "denied": 2}) + ListenerFigures(refused={"late": 3})
    assert sum_of_both.refused == {"late": 4, "denied": 2}


def test_a_distribution_adds_up() -> None:
    counts = (2, 0, 3, *(0 for _ in BOUNDS[3:]), 1)
    distribution = Distribution(counts, 40.0)
    assert distribution.total == 6
    assert distribution.at_most() == [2, 2, 5, *(5 for _ in BOUNDS[3:]), 6]


def test_an_empty_one_has_every_bucket() -> None:
    assert Distribution().at_most() == [0] * (len(BOUNDS) + 1)
    assert Distribution().total == 0


def test_nothing_counted_is_no_entry() -> None:
    assert (Figures().listeners, Figures().groups, Figures().failures) == ({}, {}, {})


def test_bounds_grow() -> None:
    assert list(BOUNDS) == sorted(set(BOUNDS))


def test_distributions_add_bucket_by_bucket() -> None:
    one, other = (Distribution(tuple(range(start, start + len(BOUNDS) + 1)), 2.5) for start in (0, 10))
    assert one + other == Distribution(tuple(range(10, 10 + 2 * len(BOUNDS) + 1, 2)), 5.0)


def test_rule_75_figures_add_where_both_have_them_and_stay_where_one_has() -> None:
    one = Figures({1: ListenerFigures(2, (0, 1, 0, 0, 0))}, {"app": FULL}, {7: {"refused": 1, "reset": 2}})
    other = Figures({2: ListenerFigures(1)}, {"app": FULL, "api": FULL}, {7: {"refused": 3}, 8: {"reset": 1}})
    twice = ListenerFigures(2, (0, 1, 0, 0, 0), {"late": 1}) + ListenerFigures(
        3, (4, 1, 0, 0, 5), {"late": 2}
    )
    assert twice == ListenerFigures(5, (4, 2, 0, 0, 5), {"late": 3})
    both = one + other
    assert both.listeners == {**one.listeners, **other.listeners}
    assert both.groups["api"] == FULL
    assert astuple(both.groups["app"])[:4] == (2, 4, 6, (0, 8, 0, 0, 0))
    assert [each.seconds for each in (both.groups["app"].connect, both.groups["app"].header)] == [2.0, 4.0]
    assert both.groups["app"].response.seconds == 6.0
    assert both.failures == {7: {"refused": 4, "reset": 2}, 8: {"reset": 1}}
    assert both == other + one


def test_what_has_changed_since_is_enough_to_follow() -> None:
    before = Figures({1: ListenerFigures()}, {"app": FULL, "api": FULL}, {7: {"refused": 1}})
    now = Figures({1: ListenerFigures(4)}, {"app": FULL, "api": GroupFigures()}, {7: {"refused": 1}})
    news = now.since(before)
    assert news == Figures({1: ListenerFigures(4)}, {"api": GroupFigures()})
    assert before.updated(news) == now
    failed = Figures(failures={7: {"refused": 1}, 8: {"reset": 2}})
    assert failed.since(before) == Figures(failures={8: {"reset": 2}})
    assert now.since(now) == Figures()


def test_figures_by_other_numbers_and_of_nobody() -> None:
    figures = Figures({1: ListenerFigures(4)}, {"app": FULL}, {7: {"refused": 1}, 8: {"reset": 1}})
    assert figures.renumbered({1: 11, 7: 17}) == Figures(
        {11: ListenerFigures(4)}, {"app": FULL}, {17: {"refused": 1}}
    )
    assert figures.without(1, 8) == Figures({}, {"app": FULL}, {7: {"refused": 1}})
    rest = figures.at_rest()
    assert (rest.listeners[1].clients, rest.groups["app"].queue, rest.groups["app"].no_server) == (0, 0, 2)
    assert rest.failures == figures.failures
