"""The verbs that take servers out, and that move or end a running drain."""

from __future__ import annotations

import math
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from lbtwist.errors import Refused, UsageError
from lbtwist.service.verbs import membership, taking_out
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


# remove and drain


def test_rule_1_a_removed_server_is_leaving_when_the_verb_returns(bench: Bench) -> None:
    bench.connect("app/ecs01#2")
    assert states(taking_out.remove(bench.call(), ["app/ecs01"])) == [("app/ecs01#2", "draining")]
    assert bench.rotation() == ["app/ecs02#3", "app/ecs03#4"]


def test_rule_4_a_removed_server_without_connections_is_gone_when_the_verb_returns(bench: Bench) -> None:
    assert states(taking_out.remove(bench.call(), ["app/ecs01"])) == [("app/ecs01#2", "gone")]


def test_what_a_server_has_had_is_told_to_who_removes_it(bench: Bench) -> None:
    bench.connect("app/ecs01#2")
    bench.plane.on(2)[0].end()
    result = taking_out.remove(bench.call(), ["app/ecs01"])
    assert isinstance(result, Result)
    assert [(row["state"], row["connections"], row["total"]) for row in result.data] == [("gone", 0, 1)]


def test_rule_60_a_drained_server_without_connections_is_drained_when_the_verb_returns(bench: Bench) -> None:
    assert states(taking_out.drain(bench.call(), ["app/ecs01"])) == [("app/ecs01#2", "drained")]


@pytest.mark.parametrize("verb", [taking_out.remove, taking_out.drain])
@pytest.mark.parametrize(("timeout", "left"), [(None, 300.0), (7.0, 7.0), (math.inf, math.inf)])
def test_rule_62_a_drain_may_have_its_own_timeout(
    bench: Bench, verb: Any, timeout: float | None, left: float
) -> None:
    bench.connect("app/ecs01#2")
    verb(bench.call(), ["app/ecs01"], timeout=timeout)
    (running,) = bench.balancer.drains
    assert running.left() == left


@pytest.mark.parametrize("verb", [taking_out.remove, taking_out.drain])
def test_several_servers_of_several_groups_at_once_each_once(bench: Bench, verb: Any) -> None:
    bench.connect("app/ecs01#2"), bench.connect("api/ecs01#5")
    verb(bench.call(), ["app/ecs01", "api/ecs01", "app/ecs01#2", "app/ecs02"])
    assert [running.drain.subject for running in bench.balancer.drains] == ["api/ecs01#5", "app/ecs01#2"]
    assert (bench.rotation(), bench.rotation("api")) == (["app/ecs03#4"], ["api/ecs02#6"])


@pytest.mark.parametrize("verb", [taking_out.remove, taking_out.drain])
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


@pytest.mark.parametrize("verb", [taking_out.remove, taking_out.drain])
def test_rule_66_it_is_refused_as_a_whole_when_one_group_would_have_too_few(bench: Bench, verb: Any) -> None:
    before = bench.rotation()
    with pytest.raises(Refused, match=r"api would be left with 0 of 2 servers.*--force overrides"):
        verb(bench.call(), ["app/ecs01", "api/ecs01", "api/ecs02"])
    assert unchanged(bench, before)
    assert len(bench.rotation("api")) == 2


@pytest.mark.parametrize("verb", [taking_out.remove, taking_out.drain])
def test_rule_66_force_overrides(bench: Bench, verb: Any) -> None:
    """Rule 66: too few would be left, and the operator says so all the same."""
    verb(bench.call(), ["api/ecs01", "api/ecs02"], force=True)
    assert bench.rotation("api") == []


def test_one_that_is_leaving_is_not_removed_again(bench: Bench) -> None:
    bench.connect("app/ecs01#2")
    taking_out.remove(bench.call(), ["app/ecs01"])
    with pytest.raises(Refused, match="app/ecs01#2 is being removed already"):
        taking_out.remove(bench.call(), ["app/ecs02", "app/ecs01"])
    assert bench.rotation() == ["app/ecs02#3", "app/ecs03#4"]


def test_without_a_number_the_current_one_is_removed_not_the_one_that_is_leaving(bench: Bench) -> None:
    bench.connect("app/ecs01#2")
    taking_out.remove(bench.call(), ["app/ecs01"])
    membership.add(bench.call(), "app", "ecs01", "10.0.0.1:80")
    assert states(taking_out.remove(bench.call(), ["app/ecs01"])) == [("app/ecs01#7", "gone")]


def test_rule_64_who_and_why_stand_in_the_receipt(bench: Bench) -> None:
    taking_out.remove(bench.call(who="eve"), ["app/ecs01"], reason="broken")
    (receipt,) = bench.balancer.drains.receipts
    assert (receipt.who, receipt.why) == ("eve", "broken")


# --wait


def test_rule_63_with_wait_it_returns_when_all_are_empty(bench: Bench) -> None:
    one, other = *bench.connect("app/ecs01#2"), *bench.connect("app/ecs02#3")
    got = promised(taking_out.remove(bench.call(), ["app/ecs01", "app/ecs02"], wait=True))
    one.end()
    assert got == []
    other.end()
    assert [(row["subject"], row["outcome"]) for row in got[0].data] == [
        ("app/ecs01#2", "completed"),
        ("app/ecs02#3", "completed"),
    ]
    assert (got[0].exit, bench.timers) == (Exit.DONE, 0)


def test_rule_63_with_wait_one_without_connections_is_told_at_once(bench: Bench) -> None:
    got = promised(taking_out.drain(bench.call(), ["app/ecs01"], wait=True))
    assert got[0].data[0]["outcome"] == "completed"
    assert bench.timers == 0


def test_rule_63_a_limit_ends_the_waiting_and_not_the_drain(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    got = promised(taking_out.remove(bench.call(), ["app/ecs01"], wait=True, limit=10.0))
    bench.clock.advance(10)
    assert (got[0].exit, got[0].data[0]["subject"]) == (Exit.LIMIT, "app/ecs01#2")
    assert (connection.live, len(list(bench.balancer.drains))) == (True, 1)


# extend and cut


def test_rule_62_extend_sets_the_deadline_from_now(bench: Bench) -> None:
    bench.connect("app/ecs01#2")
    taking_out.remove(bench.call(), ["app/ecs01"])
    bench.clock.advance(100)
    result = taking_out.extend(bench.call(), "app/ecs01", 900.0)
    assert (result.data[0]["seconds_left"], result.exit) == (900.0, Exit.DONE)
    assert taking_out.extend(bench.call(), "app/ecs01", math.inf).data[0]["seconds_left"] == "never"


def test_rule_62_cut_ends_a_drain_now_and_says_how_many_connections(bench: Bench) -> None:
    opened = bench.connect("app/ecs01#2", 3)
    taking_out.remove(bench.call(), ["app/ecs01"])
    assert taking_out.cut(bench.call(), "app/ecs01").data == {"subject": "app/ecs01#2", "connections": 3}
    assert not any(connection.live for connection in opened)


def test_without_a_number_extend_and_cut_mean_the_one_that_is_leaving(bench: Bench) -> None:
    (old,) = bench.connect("app/ecs01#2")
    taking_out.remove(bench.call(), ["app/ecs01"])
    membership.add(bench.call(), "app", "ecs01", "10.0.0.9:80")
    (new,) = bench.connect("app/ecs01#7")
    taking_out.extend(bench.call(), "app/ecs01", 5.0)
    assert [running.left() for running in bench.balancer.drains] == [5.0]
    taking_out.cut(bench.call(), "app/ecs01")
    assert (old.live, new.live) == (False, True)


@pytest.mark.parametrize(
    ("verb", "more"), [(taking_out.extend, (5.0,)), (taking_out.cut, ())], ids=["extend", "cut"]
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
    taking_out.remove(bench.call(), ["app/ecs01"])
    taking_out.cut(bench.call(), "app/ecs01")
    with pytest.raises(Refused, match="its drain is cutting"):
        taking_out.extend(bench.call(), "app/ecs01", 900.0)
    connection.end()


def test_one_connection_is_cut_by_its_id(bench: Bench) -> None:
    one, other = bench.connect("app/ecs01#2", 2)
    assert taking_out.cut(bench.call(), connection=one.id).data == {"connection": one.id}
    assert (one.live, other.live) == (False, True)
    with pytest.raises(Refused, match=f"there is no connection {one.id}"):
        taking_out.cut(bench.call(), connection=one.id)


@pytest.mark.parametrize("arguments", [{}, {"server": "app/ecs01", "connection": 1}])
def test_cut_takes_a_server_or_a_connection(bench: Bench, arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="a server, or --connection"):
        taking_out.cut(bench.call(), **arguments)


# maint


def test_rule_61_maint_drains_and_then_it_is_in_maintenance(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    assert states(taking_out.maint(bench.call(), ["app/ecs01"])) == [("app/ecs01#2", "draining")]
    bench.clock.advance(299)
    assert connection.live
    connection.end()
    assert states(membership.weigh(bench.call(), "app/ecs01", 9)) == [("app/ecs01#2", "maintenance")]
    assert bench.balancer.drains.receipts[0].cause == "maintenance"


def test_rule_61_with_now_it_is_cut_at_once(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    assert states(taking_out.maint(bench.call(), ["app/ecs01"], now=True)) == [("app/ecs01#2", "maintenance")]
    assert not connection.live
    with pytest.raises(UsageError, match="--now or --timeout"):
        taking_out.maint(bench.call(), ["app/ecs02"], now=True, timeout=1.0)


def maint_for(bench: Bench, seconds: float) -> None:
    """`maint app/ecs01 --for SECONDS`: a word of Python's has no name there."""
    arguments: dict[str, Any] = {"for": seconds}
    taking_out.maint(bench.call(), ["app/ecs01"], **arguments)


def test_rule_61_with_for_it_comes_back_by_itself(bench: Bench) -> None:
    maint_for(bench, 60.0)
    bench.clock.advance(59)
    assert bench.rotation() == ["app/ecs02#3", "app/ecs03#4"]
    bench.clock.advance(1)
    assert bench.rotation()[0] == "app/ecs01#2"
    assert bench.timers == 0


@pytest.mark.parametrize("undo", ["ready", "maint", "drain", "remove"])
def test_rule_61_what_comes_later_ends_the_coming_back(bench: Bench, undo: str) -> None:
    bench.connect("app/ecs01#2")
    maint_for(bench, 60.0)
    assert bench.timers == 2
    module = membership if undo == "ready" else taking_out
    getattr(module, undo)(bench.call(), ["app/ecs01"])
    bench.clock.advance(60)
    assert ("app/ecs01#2" in bench.rotation()) == (undo == "ready")
    assert bench.timers == (0 if undo == "ready" else 1)


def test_rule_32_maintenance_of_one_that_is_drained_already_is_one_drain(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    taking_out.drain(bench.call(), ["app/ecs01"], timeout=50.0)
    taking_out.maint(bench.call(), ["app/ecs01"])
    (running,) = bench.balancer.drains
    assert (running.left(), running.drain.cause.word) == (50.0, "maintenance")
    connection.end()
    assert bench.balancer.group("app").members.current("ecs01").state == "maintenance"


# --host


SHARED = TOML.replace('ecs01 = "10.0.1.1"', 'shared = "10.0.0.1:9000"')


@pytest.mark.parametrize("verb", [taking_out.drain, taking_out.maint])
def test_rule_65_host_means_that_address_in_every_group_that_has_it(verb: Any) -> None:
    bench = Bench(SHARED)
    told = [server for server, _ in states(verb(bench.call(), host="10.0.0.1"))]
    assert told == ["app/ecs01#2", "api/shared#5"]
    assert (bench.rotation(), bench.rotation("api")) == (["app/ecs02#3", "app/ecs03#4"], ["api/ecs02#6"])


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("[2001:db8::1]:80", "2001:DB8:0::1"),
        ("[2001:db8::1]:80", "[2001:db8::1]"),
        ("10.0.0.9:80", "::ffff:10.0.0.9"),
        ("unix:/run/app.sock", "unix:/run/app.sock"),
        ("unix:/run/app.sock", "/run/app.sock"),
    ],
)
def test_rule_65_a_host_is_known_by_each_form_of_its_address(bench: Bench, address: str, host: str) -> None:
    membership.add(bench.call(), "app", "new", address)
    assert states(taking_out.drain(bench.call(), host=host)) == [("app/new#7", "drained")]


@pytest.mark.parametrize("verb", [taking_out.drain, taking_out.maint])
def test_rule_65_host_is_all_or_nothing(verb: Any) -> None:
    """Rule 65: that address in every group that has it, or in none."""
    bench = Bench(SHARED)
    taking_out.drain(bench.call(), ["api/ecs02"])
    before = bench.rotation()
    with pytest.raises(Refused, match="api would be left with 0"):
        verb(bench.call(), host="10.0.0.1")
    assert unchanged(bench, before)
    assert bench.rotation("api") == ["api/shared#5"]


@pytest.mark.parametrize("verb", [taking_out.drain, taking_out.maint])
def test_rule_65_servers_or_a_host_that_there_is(bench: Bench, verb: Any) -> None:
    with pytest.raises(Refused, match="no server is registered at 10\\.9"):
        verb(bench.call(), host="10.9.9.9")
    for both in ({}, {"servers": ["app/ecs01"], "host": "10.0.0.1"}):
        with pytest.raises(UsageError, match="name servers, or --host"):
            verb(bench.call(), **both)


# --dry-run


@pytest.mark.parametrize("verb", [taking_out.remove, taking_out.drain, taking_out.maint])
def test_a_dry_run_tells_what_would_be_and_changes_nothing(bench: Bench, verb: Any) -> None:
    bench.connect("app/ecs01#2", 3), bench.connect("app/ecs02#3", 3)
    before = bench.rotation()
    (row,) = verb(bench.call(), ["app/ecs01"], timeout=0.0, dry_run=True).data
    assert (row["server"], row["connections"], row["servers_left"]) == ("app/ecs01#2", 3, 2)
    assert (row["connections_each"], row["timeout"]) == (3.0, 0.0)
    assert row["warnings"] == ["its connections would be cut at once"]
    assert unchanged(bench, before)


def test_a_dry_run_warns_of_too_few_and_of_a_drain_that_runs(bench: Bench) -> None:
    bench.connect("api/ecs01#5")
    taking_out.drain(bench.call(), ["api/ecs01"])
    _, row = taking_out.drain(bench.call(), ["api/ecs01", "api/ecs02"], dry_run=True).data
    assert "api would be left with 0 of 2" in row["warnings"][0]
    first, _ = taking_out.drain(bench.call(), ["api/ecs01", "app/ecs01"], dry_run=True).data
    assert first["warnings"] == ["it drains already: the earlier deadline holds"]


def test_a_dry_run_extends_and_cuts_nothing(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    taking_out.remove(bench.call(), ["app/ecs01"])
    taking_out.extend(bench.call(), "app/ecs01", 5.0, dry_run=True)
    assert taking_out.cut(bench.call(), "app/ecs01", dry_run=True).data["connections"] == 1
    assert taking_out.cut(bench.call(), connection=connection.id, dry_run=True).data == {
        "connection": connection.id
    }
    with pytest.raises(Refused):
        taking_out.cut(bench.call(), connection=connection.id + 1, dry_run=True)
    (running,) = bench.balancer.drains
    assert (running.left(), connection.live) == (300.0, True)


@pytest.mark.parametrize("verb", [taking_out.drain, taking_out.maint])
def test_one_that_is_being_removed_is_not_drained_besides(bench: Bench, verb: Any) -> None:
    bench.connect("app/ecs01#2")
    taking_out.remove(bench.call(), ["app/ecs01"])
    with pytest.raises(Refused, match="app/ecs01#2 is being removed: it leaves by itself"):
        verb(bench.call(), ["app/ecs02", "app/ecs01"])
    assert bench.rotation() == ["app/ecs02#3", "app/ecs03#4"]
