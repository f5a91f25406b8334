"""`lb` in Python calls the same verbs."""

from __future__ import annotations

import math
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from lbtwist.console.api import Balancer
from lbtwist.errors import Refused, UsageError
from lbtwist.service.verbs.verb import Result
from tests.console.fakes import FakeBalancer
from tests.console.recorder import ADMIN, READER, logged, make_desk


@pytest.fixture
def balancer() -> FakeBalancer:
    return FakeBalancer()


@pytest.fixture
def lb(balancer: FakeBalancer) -> Any:
    return Balancer(make_desk(balancer), ADMIN)


def test_a_verb_is_a_method_that_gives_its_data(lb: Any, balancer: FakeBalancer) -> None:
    assert lb.remove("app/ecs01", timeout="5m") == {"server": ["app/ecs01"]}
    assert balancer.asked[0] == (
        ADMIN.name,
        "remove",
        {"server": ["app/ecs01"], "timeout": 300.0, "wait": False, "reason": ""},
    )


def test_values_may_be_numbers_or_text(lb: Any, balancer: FakeBalancer) -> None:
    lb.remove("app/a", "app/b", timeout=math.inf)
    lb.remove(["app/a", "app/b"], timeout=1.5, reason=None)
    lb.weight("app/a", 5)
    assert balancer.asked[0][2]["timeout"] == math.inf
    assert balancer.asked[1][2]["server"] == ["app/a", "app/b"]
    assert balancer.asked[1][2]["timeout"] == 1.5
    assert balancer.asked[2][2] == {"server": "app/a", "weight": 5}


def test_things_are_reached_by_name(lb: Any, balancer: FakeBalancer) -> None:
    lb.groups["app"].servers["ecs01"].remove(timeout=15)
    lb.groups["app"].servers()
    assert balancer.asked[0][2]["server"] == ["app/ecs01"]
    assert balancer.asked[0][2]["timeout"] == 15
    assert balancer.asked[1][2] == {"group": "app"}


def test_a_thing_may_be_given_where_its_name_is_wanted(lb: Any, balancer: FakeBalancer) -> None:
    lb.remove(lb.groups["app"].servers["ecs02"])
    assert balancer.asked[0][2]["server"] == ["app/ecs02"]


def test_names_are_a_mapping(lb: Any) -> None:
    assert list(lb.groups) == ["app", "api"]
    assert list(lb.groups["app"].servers) == ["ecs01", "ecs02"]
    assert "none" not in lb.groups
    with pytest.raises(KeyError):
        lb.groups["none"]


def test_attributes_complete(lb: Any) -> None:
    assert {"groups", "remove", "remove_listener", "status"} <= set(dir(lb))
    assert dir(lb.groups["app"].servers["ecs01"]) == ["remove", "wait", "weight"]
    assert dir(lb.groups["app"]) == ["apply", "servers"]
    assert lb.remove.__doc__.startswith("Deregisters")


def test_a_verb_of_two_words_is_one_name(lb: Any, balancer: FakeBalancer) -> None:
    lb.remove_listener("web")
    assert balancer.asked[0][1:] == ("remove listener", {"name": "web"})


def test_what_is_no_verb_or_does_not_take_the_thing_is_no_attribute(lb: Any) -> None:
    with pytest.raises(AttributeError):
        lb.nonsense  # noqa: B018
    with pytest.raises(AttributeError, match="status does not take app/ecs01 first"):
        lb.groups["app"].servers["ecs01"].status  # noqa: B018


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((), {}),
        (("app/a",), {"server": "app/b"}),
        (("app/a",), {"nonsense": 1}),
        (("app/a",), {"timeout": "soon"}),
        (("app/a",), {"timeout": -1}),
    ],
)
def test_wrong_arguments_are_a_usage_error(
    lb: Any, balancer: FakeBalancer, values: tuple[object, ...], named: dict[str, object]
) -> None:
    with pytest.raises(UsageError):
        lb.remove(*values, **named)
    assert balancer.asked == []


def test_too_much_is_a_usage_error(lb: Any) -> None:
    with pytest.raises(UsageError):
        lb.weight("app/a", 1, 2)


def test_a_refusal_is_raised(lb: Any) -> None:
    with pytest.raises(Refused, match="no such server"):
        lb.remove("app/none")


def test_the_role_holds_here_too(balancer: FakeBalancer) -> None:
    lb: Any = Balancer(make_desk(balancer), READER)
    with pytest.raises(Refused, match="needs the role operate"):
        lb.remove("app/ecs01")
    assert balancer.asked == []


def test_a_wait_is_a_deferred_of_the_data(lb: Any, balancer: FakeBalancer) -> None:
    running: Deferred[Any] = lb.wait("app/ecs01")
    results: list[object] = []
    running.addCallback(results.append)
    assert results == []
    balancer.waits[0].callback(Result("empty"))
    assert results == ["empty"]


def test_only_the_waiting_of_a_verb_is_given_up(lb: Any, balancer: FakeBalancer) -> None:
    running: Deferred[Any] = lb.wait("app/ecs01")
    other: Deferred[None] = Deferred()
    lb.give_up(other)
    assert not other.called
    lb.give_up(running)
    assert balancer.given_up == 1
    failures: list[Failure] = []
    running.addErrback(failures.append)
    assert failures[0].check(CancelledError)


def test_what_it_changes_is_recorded(lb: Any) -> None:
    with logged() as lines:
        lb.remove("app/ecs01", timeout=5)
    assert lines == [f"console: {ADMIN.name} from {ADMIN.source}: remove app/ecs01 --timeout 5: done"]
