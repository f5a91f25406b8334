"""The verbs that add, remove, drain and bring back servers: what they do, and when they refuse."""

from __future__ import annotations

import math
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from lbtwist.errors import Refused, UsageError
from lbtwist.service.verbs import membership
from lbtwist.service.verbs.rows import SERVER_COLUMNS
from lbtwist.service.verbs.verb import Exit, Result
from tests.service.bench import Bench

TOML = """
[listeners.web]
endpoint = 8080
protocol = "tcp"
server_group = "app"
[server_groups.app.servers]
ecs01 = "10.0.0.1:80"
ecs02 = "10.0.0.2:80"
ecs03 = "10.0.0.3:80"
[server_groups.api]
port = 9000
[server_groups.api.servers]
ecs01 = "10.0.1.1"
ecs02 = "10.0.1.2"
"""
"""Numbers: app/ecs01#2, app/ecs02#3, app/ecs03#4, api/ecs01#5, api/ecs02#6."""


@pytest.fixture
def bench() -> Bench:
    return Bench(TOML)


def states(result: Result | Deferred[Result]) -> list[tuple[str, str]]:
    """Each server that the verb tells of, with its state."""
    assert isinstance(result, Result)
    assert (result.exit, result.columns) == (Exit.DONE, SERVER_COLUMNS)
    return [(row["server"], row["state"]) for row in result.data]


def promised(result: Result | Deferred[Result]) -> list[Result]:
    """Where the verb waits: its result, as soon as there is one."""
    assert isinstance(result, Deferred)
    got: list[Result] = []
    result.addCallback(got.append)
    return got


def unchanged(bench: Bench, before: list[str]) -> bool:
    return bench.rotation() == before and not list(bench.balancer.drains)


# add


def test_a_server_that_is_added_takes_traffic_at_once(bench: Bench) -> None:
    result = membership.add(bench.call(), "app", "extra", "10.0.0.9:81", weight=5)
    assert states(result) == [("app/extra#7", "healthy")]
    added = bench.plane.rotations["app"].members[-1]
    assert (str(added.address), added.weight) == ("10.0.0.9:81", 5)


def test_the_port_may_be_left_to_the_group(bench: Bench) -> None:
    membership.add(bench.call(), "api", "extra", "10.0.1.9")
    assert str(bench.plane.rotations["api"].members[-1].address) == "10.0.1.9:9000"
    with pytest.raises(UsageError, match="has no port"):
        membership.add(bench.call(), "app", "extra", "10.0.0.9")


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (("zzz", "extra", "10.0.0.9:80"), Refused, "no server group zzz"),
        (("app", "ecs01", "10.0.0.9:80"), Refused, "app/ecs01 is already registered, at 10.0.0.1:80"),
        (("app", "extra", "10.0.0.1:80"), Refused, "10.0.0.1:80 is already registered as app/ecs01"),
        (("app", "a/b", "10.0.0.9:80"), UsageError, "is not a name"),
        (("app", "extra", "example.com:80"), UsageError, "is not an address"),
    ],
)
def test_what_cannot_be_added_changes_nothing(
    bench: Bench, arguments: tuple[str, str, str], kind: type[Exception], message: str
) -> None:
    before = bench.rotation()
    with pytest.raises(kind, match=message):
        membership.add(bench.call(), *arguments)
    assert unchanged(bench, before)


def test_rule_16_one_that_is_added_again_tells_that_it_waits(bench: Bench) -> None:
    bench.connect("app/ecs01#2")
    membership.remove(bench.call(), ["app/ecs01"])
    result = membership.add(bench.call(), "app", "ecs01", "10.0.0.1:80")
    assert states(result) == [("app/ecs01#7", "initial")]
    assert result.data[0]["reason"] == "rejoining"


# remove and drain


def test_rule_1_a_removed_server_is_leaving_when_the_verb_returns(bench: Bench) -> None:
    bench.connect("app/ecs01#2")
    assert states(membership.remove(bench.call(), ["app/ecs01"])) == [("app/ecs01#2", "draining")]
    assert bench.rotation() == ["app/ecs02#3", "app/ecs03#4"]


def test_rule_4_a_removed_server_without_connections_is_gone_when_the_verb_returns(bench: Bench) -> None:
    assert states(membership.remove(bench.call(), ["app/ecs01"])) == [("app/ecs01#2", "gone")]


def test_rule_60_a_drained_server_without_connections_is_drained_when_the_verb_returns(bench: Bench) -> None:
    assert states(membership.drain(bench.call(), ["app/ecs01"])) == [("app/ecs01#2", "drained")]


@pytest.mark.parametrize("verb", [membership.remove, membership.drain])
@pytest.mark.parametrize(("timeout", "left"), [(None, 300.0), (7.0, 7.0), (math.inf, math.inf)])
def test_rule_62_a_drain_may_have_its_own_timeout(
    bench: Bench, verb: Any, timeout: float | None, left: float
) -> None:
    bench.connect("app/ecs01#2")
    verb(bench.call(), ["app/ecs01"], timeout=timeout)
    (running,) = bench.balancer.drains
    assert running.left() == left


@pytest.mark.parametrize("verb", [membership.remove, membership.drain])
def test_several_servers_of_several_groups_at_once_each_once(bench: Bench, verb: Any) -> None:
    bench.connect("app/ecs01#2"), bench.connect("api/ecs01#5")
    verb(bench.call(), ["app/ecs01", "api/ecs01", "app/ecs01#2", "app/ecs02"])
    assert [running.drain.subject for running in bench.balancer.drains] == ["api/ecs01#5", "app/ecs01#2"]
    assert (bench.rotation(), bench.rotation("api")) == (["app/ecs03#4"], ["api/ecs02#6"])


@pytest.mark.parametrize("verb", [membership.remove, membership.drain])
@pytest.mark.parametrize(
    ("servers", "kind", "message"),
    [
        (["app/ecs01", "app/zzz"], Refused, "no server app/zzz"),
        (["app/ecs01", "zzz/ecs01"], Refused, "no server group zzz"),
        (["app/ecs01", "ecs02"], UsageError, "not group/server"),
        (["app/ecs01", "app/ecs02#99"], Refused, "no server app/ecs02#99"),
    ],
)
def test_when_one_of_them_is_wrong_nothing_is_changed(
    bench: Bench, verb: Any, servers: list[str], kind: type[Exception], message: str
) -> None:
    before = bench.rotation()
    with pytest.raises(kind, match=message):
        verb(bench.call(), servers)
    assert unchanged(bench, before)


@pytest.mark.parametrize("verb", [membership.remove, membership.drain])
def test_rule_66_it_is_refused_as_a_whole_when_one_group_would_have_too_few(bench: Bench, verb: Any) -> None:
    before = bench.rotation()
    with pytest.raises(Refused, match=r"api would be left with 0 of 2 servers.*--force overrides"):
        verb(bench.call(), ["app/ecs01", "api/ecs01", "api/ecs02"])
    assert unchanged(bench, before)
    assert len(bench.rotation("api")) == 2


@pytest.mark.parametrize("verb", [membership.remove, membership.drain])
def test_rule_66_force_overrides(bench: Bench, verb: Any) -> None:
    verb(bench.call(), ["api/ecs01", "api/ecs02"], force=True)
    assert bench.rotation("api") == []


def test_one_that_is_leaving_is_not_removed_again(bench: Bench) -> None:
    bench.connect("app/ecs01#2")
    membership.remove(bench.call(), ["app/ecs01"])
    with pytest.raises(Refused, match="app/ecs01#2 is being removed already"):
        membership.remove(bench.call(), ["app/ecs02", "app/ecs01"])
    assert bench.rotation() == ["app/ecs02#3", "app/ecs03#4"]


def test_without_a_number_the_current_one_is_removed_not_the_one_that_is_leaving(bench: Bench) -> None:
    bench.connect("app/ecs01#2")
    membership.remove(bench.call(), ["app/ecs01"])
    membership.add(bench.call(), "app", "ecs01", "10.0.0.1:80")
    assert states(membership.remove(bench.call(), ["app/ecs01"])) == [("app/ecs01#7", "gone")]


def test_rule_64_who_and_why_stand_in_the_receipt(bench: Bench) -> None:
    membership.remove(bench.call(who="eve"), ["app/ecs01"], reason="broken")
    (receipt,) = bench.balancer.drains.receipts
    assert (receipt.who, receipt.why) == ("eve", "broken")


# --wait


def test_rule_63_with_wait_it_returns_when_all_are_empty(bench: Bench) -> None:
    one, other = *bench.connect("app/ecs01#2"), *bench.connect("app/ecs02#3")
    got = promised(membership.remove(bench.call(), ["app/ecs01", "app/ecs02"], wait=True))
    one.end()
    assert got == []
    other.end()
    assert [(row["subject"], row["outcome"]) for row in got[0].data] == [
        ("app/ecs01#2", "completed"),
        ("app/ecs02#3", "completed"),
    ]
    assert (got[0].exit, bench.clock.getDelayedCalls()) == (Exit.DONE, [])


def test_rule_63_with_wait_one_without_connections_is_told_at_once(bench: Bench) -> None:
    got = promised(membership.drain(bench.call(), ["app/ecs01"], wait=True))
    assert got[0].data[0]["outcome"] == "completed"
    assert bench.clock.getDelayedCalls() == []


def test_rule_63_a_limit_ends_the_waiting_and_not_the_drain(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    got = promised(membership.remove(bench.call(), ["app/ecs01"], wait=True, limit=10.0))
    bench.clock.advance(10)
    assert (got[0].exit, got[0].data[0]["subject"]) == (Exit.LIMIT, "app/ecs01#2")
    assert (connection.live, len(list(bench.balancer.drains))) == (True, 1)


# ready


def test_rule_60_ready_brings_servers_back(bench: Bench) -> None:
    membership.drain(bench.call(), ["app/ecs01", "app/ecs02"])
    result = membership.ready(bench.call(), ["app/ecs01", "app/ecs02"])
    assert states(result) == [("app/ecs01#2", "healthy"), ("app/ecs02#3", "healthy")]
    assert len(bench.rotation()) == 3


def test_rule_62_ready_undoes_a_removal_by_a_verb(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    membership.remove(bench.call(), ["app/ecs01"])
    assert states(membership.ready(bench.call(), ["app/ecs01"])) == [("app/ecs01#2", "healthy")]
    bench.clock.advance(1000)
    assert connection.live


def test_rule_62_ready_is_for_all_of_them_or_none(bench: Bench) -> None:
    bench.plane.linger = True
    (connection,) = bench.connect("app/ecs01#2")
    membership.remove(bench.call(), ["app/ecs01"])
    membership.cut(bench.call(), "app/ecs01")
    membership.drain(bench.call(), ["app/ecs02"])
    with pytest.raises(Refused, match="is being cut"):
        membership.ready(bench.call(), ["app/ecs02", "app/ecs01"])
    assert bench.rotation() == ["app/ecs03#4"]
    connection.end()


def test_rule_62_one_that_is_gone_cannot_be_brought_back(bench: Bench) -> None:
    membership.remove(bench.call(), ["app/ecs01"])
    with pytest.raises(Refused, match="there is no server app/ecs01"):
        membership.ready(bench.call(), ["app/ecs01"])


# extend and cut


def test_rule_62_extend_sets_the_deadline_from_now(bench: Bench) -> None:
    bench.connect("app/ecs01#2")
    membership.remove(bench.call(), ["app/ecs01"])
    bench.clock.advance(100)
    result = membership.extend(bench.call(), "app/ecs01", 900.0)
    assert (result.data[0]["seconds_left"], result.exit) == (900.0, Exit.DONE)
    assert membership.extend(bench.call(), "app/ecs01", math.inf).data[0]["seconds_left"] == "never"


def test_rule_62_cut_ends_a_drain_now_and_says_how_many_connections(bench: Bench) -> None:
    opened = bench.connect("app/ecs01#2", 3)
    membership.remove(bench.call(), ["app/ecs01"])
    assert membership.cut(bench.call(), "app/ecs01").data == {"subject": "app/ecs01#2", "connections": 3}
    assert not any(connection.live for connection in opened)


def test_without_a_number_extend_and_cut_mean_the_one_that_is_leaving(bench: Bench) -> None:
    (old,) = bench.connect("app/ecs01#2")
    membership.remove(bench.call(), ["app/ecs01"])
    membership.add(bench.call(), "app", "ecs01", "10.0.0.9:80")
    (new,) = bench.connect("app/ecs01#7")
    membership.extend(bench.call(), "app/ecs01", 5.0)
    assert [running.left() for running in bench.balancer.drains] == [5.0]
    membership.cut(bench.call(), "app/ecs01")
    assert (old.live, new.live) == (False, True)


@pytest.mark.parametrize(
    ("verb", "more"), [(membership.extend, (5.0,)), (membership.cut, ())], ids=["extend", "cut"]
)
def test_what_does_not_drain_can_be_neither_extended_nor_cut(
    bench: Bench, verb: Any, more: tuple[float, ...]
) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    with pytest.raises(Refused, match="app/ecs01#2 is not draining"):
        verb(bench.call(), "app/ecs01", *more)
    assert connection.live


def test_rule_62_what_is_being_cut_is_not_extended(bench: Bench) -> None:
    bench.plane.linger = True
    (connection,) = bench.connect("app/ecs01#2")
    membership.remove(bench.call(), ["app/ecs01"])
    membership.cut(bench.call(), "app/ecs01")
    with pytest.raises(Refused, match="its drain is cutting"):
        membership.extend(bench.call(), "app/ecs01", 900.0)
    connection.end()


def test_one_connection_is_cut_by_its_id(bench: Bench) -> None:
    one, other = bench.connect("app/ecs01#2", 2)
    assert membership.cut(bench.call(), connection=one.id).data == {"connection": one.id}
    assert (one.live, other.live) == (False, True)
    with pytest.raises(Refused, match=f"there is no connection {one.id}"):
        membership.cut(bench.call(), connection=one.id)


@pytest.mark.parametrize("arguments", [{}, {"server": "app/ecs01", "connection": 1}])
def test_cut_takes_a_server_or_a_connection(bench: Bench, arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="a server, or --connection"):
        membership.cut(bench.call(), **arguments)


# weight


def test_the_weight_is_told_to_the_data_plane(bench: Bench) -> None:
    result = membership.weigh(bench.call(), "app/ecs01", 7)
    assert (states(result), result.data[0]["weight"]) == ([("app/ecs01#2", "healthy")], 7)
    assert bench.plane.rotations["app"].members[0].weight == 7


def test_weight_zero_gets_nothing_new_and_starts_no_drain(bench: Bench) -> None:
    bench.connect("app/ecs01#2")
    result = membership.weigh(bench.call(), "app/ecs01", 0)
    assert (result.data[0]["reason"], list(bench.balancer.drains)) == ("weight_zero", [])
    assert bench.rotation() == ["app/ecs02#3", "app/ecs03#4"]


def test_one_that_is_leaving_has_no_weight_any_more(bench: Bench) -> None:
    bench.connect("app/ecs01#2")
    membership.remove(bench.call(), ["app/ecs01"])
    with pytest.raises(Refused, match="app/ecs01#2 is leaving"):
        membership.weigh(bench.call(), "app/ecs01", 7)
