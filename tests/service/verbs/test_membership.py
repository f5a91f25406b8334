"""The verbs that bring servers in and back, and set their shares."""

from __future__ import annotations

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
    taking_out.remove(bench.call(), ["app/ecs01"])
    result = membership.add(bench.call(), "app", "ecs01", "10.0.0.1:80")
    assert states(result) == [("app/ecs01#7", "initial")]
    assert result.data[0]["reason"] == "rejoining"


# ready


def test_rule_60_ready_brings_servers_back(bench: Bench) -> None:
    taking_out.drain(bench.call(), ["app/ecs01", "app/ecs02"])
    result = membership.ready(bench.call(), ["app/ecs01", "app/ecs02"])
    assert states(result) == [("app/ecs01#2", "healthy"), ("app/ecs02#3", "healthy")]
    assert len(bench.rotation()) == 3


def test_rule_62_ready_undoes_a_removal_by_a_verb(bench: Bench) -> None:
    (connection,) = bench.connect("app/ecs01#2")
    taking_out.remove(bench.call(), ["app/ecs01"])
    assert states(membership.ready(bench.call(), ["app/ecs01"])) == [("app/ecs01#2", "healthy")]
    bench.clock.advance(1000)
    assert connection.live


def test_rule_62_ready_is_for_all_of_them_or_none(bench: Bench) -> None:
    bench.plane.linger = True
    (connection,) = bench.connect("app/ecs01#2")
    taking_out.remove(bench.call(), ["app/ecs01"])
    taking_out.cut(bench.call(), "app/ecs01")
    taking_out.drain(bench.call(), ["app/ecs02"])
    with pytest.raises(Refused, match="is being cut"):
        membership.ready(bench.call(), ["app/ecs02", "app/ecs01"])
    assert bench.rotation() == ["app/ecs03#4"]
    connection.end()


def test_rule_62_ready_brings_none_back_when_the_place_of_one_was_taken(bench: Bench) -> None:
    bench.connect("app/ecs01#2")
    taking_out.remove(bench.call(), ["app/ecs01"])
    membership.add(bench.call(), "app", "again", "10.0.0.1:80")
    taking_out.drain(bench.call(), ["app/ecs02"])
    before = bench.rotation()
    with pytest.raises(Refused, match="already registered as app/again"):
        membership.ready(bench.call(), ["app/ecs02", "app/ecs01"])
    assert bench.rotation() == before


def test_rule_62_one_that_is_gone_cannot_be_brought_back(bench: Bench) -> None:
    taking_out.remove(bench.call(), ["app/ecs01"])
    with pytest.raises(Refused, match="there is no server app/ecs01"):
        membership.ready(bench.call(), ["app/ecs01"])


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
    taking_out.remove(bench.call(), ["app/ecs01"])
    with pytest.raises(Refused, match="app/ecs01#2 is leaving"):
        membership.weigh(bench.call(), "app/ecs01", 7)


# --wait and replace


def test_with_wait_add_returns_when_the_earlier_stay_has_drained(bench: Bench) -> None:
    """Rule 16."""
    (old,) = bench.connect("app/ecs01#2")
    taking_out.remove(bench.call(), ["app/ecs01"])
    got = promised(membership.add(bench.call(), "app", "ecs01", "10.0.0.1:80", wait=True))
    assert got == []
    old.end()
    assert (got[0].exit, got[0].data[0]["state"]) == (Exit.DONE, "healthy")


def test_with_wait_add_returns_at_the_limit(bench: Bench) -> None:
    bench.connect("app/ecs01#2")
    taking_out.remove(bench.call(), ["app/ecs01"])
    got = promised(membership.add(bench.call(), "app", "ecs01", "10.0.0.1:80", wait=True, limit=10.0))
    bench.clock.advance(10)
    assert (got[0].exit, got[0].data[0]["state"], bench.timers) == (Exit.LIMIT, "initial", 1)


def test_replace_removes_the_old_one_when_the_new_one_takes_traffic(bench: Bench) -> None:
    (old,) = bench.connect("app/ecs01#2")
    got = promised(membership.replace(bench.call(), "app/ecs01", "new", "10.0.0.9:80"))
    assert [(row["server"], row["state"]) for row in got[0].data] == [
        ("app/new#7", "healthy"),
        ("app/ecs01#2", "draining"),
    ]
    assert (bench.rotation(), old.live) == (["app/ecs02#3", "app/ecs03#4", "app/new#7"], True)


def test_replace_keeps_the_old_one_when_the_new_one_never_takes_traffic(bench: Bench) -> None:
    bench.connect("app/ecs02#3")
    taking_out.remove(bench.call(), ["app/ecs02"])
    got = promised(membership.replace(bench.call(), "app/ecs01", "new", "10.0.0.2:80", limit=10.0))
    bench.clock.advance(10)
    assert got[0].exit is Exit.LIMIT
    assert "app/ecs01#2" in bench.rotation()


@pytest.mark.parametrize(
    ("name", "address", "message"),
    [("new", "10.0.0.2:80", "already registered"), ("ecs02", "10.0.0.9:80", "already registered")],
)
def test_replace_changes_nothing_when_the_new_one_cannot_be_added(
    bench: Bench, name: str, address: str, message: str
) -> None:
    before = bench.rotation()
    with pytest.raises(Refused, match=message):
        membership.replace(bench.call(), "app/ecs01", name, address)
    assert unchanged(bench, before)


def test_a_server_must_be_in_the_networks_that_are_allowed() -> None:
    bench = Bench('[load_balancer]\nserver_networks = ["10.0.0.0/16"]\n' + TOML)
    for verb in (
        lambda: membership.add(bench.call(), "app", "new", "192.0.2.1:80"),
        lambda: membership.replace(bench.call(), "app/ecs01", "new", "192.0.2.1:80"),
    ):
        with pytest.raises(Refused, match=r"not in load_balancer\.server_networks: 10\.0\.0\.0/16"):
            verb()


def test_a_dry_run_brings_nothing_in_and_back_and_weighs_nothing(bench: Bench) -> None:
    bench.connect("app/ecs02#3")
    taking_out.drain(bench.call(), ["app/ecs02"])
    before = bench.plane.rotations["app"]
    call = bench.call()
    told = [
        membership.add(call, "app", "new", "10.0.0.9:80", dry_run=True),
        membership.ready(call, ["app/ecs02"], dry_run=True),
        membership.weigh(call, "app/ecs01", 5, dry_run=True),
        membership.replace(call, "app/ecs01", "new", "10.0.0.9:80", dry_run=True),
    ]
    assert [result.data[0]["would"] for result in told if isinstance(result, Result)] == [
        "add",
        "ready",
        "weigh 5 instead of 100",
        "replace by new at 10.0.0.9:80",
    ]
    assert (bench.plane.rotations["app"], len(list(bench.balancer.drains))) == (before, 1)
