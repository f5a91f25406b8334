"""`why`: each condition of "may take new connections", and the first that says no; `probe`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from lbtwist.model.members import Wanted
from lbtwist.model.registration import Origin, Registration
from lbtwist.service.verbs import explaining, looking, membership, taking_out
from lbtwist.service.verbs.verb import Exit, Result
from tests.service.bench import ADA, Bench, address, pass_time
from tests.service.world import ASKS, FAILS, PASSES, REFUSED

TOML = """
[listeners.web]
endpoint = 8080
protocol = "tcp"
[server_groups.app]
slow_start = 30
[server_groups.app.health_check]
type = "http"
drain_header = "x-drain"
unhealthy_threshold = 2
healthy_threshold = 3
interval = 5
[server_groups.app.servers]
one = { address = "10.0.0.1:80", max_connections = 2 }
two = "10.0.0.2:80"
spare = { address = "10.0.0.3:80", backup = true }
named = "named.test:80"
"""
"""Numbers: app/one#2, app/two#3, app/spare#4, app/named#5."""


@pytest.fixture
def bench() -> Bench:
    bench = Bench(TOML, start=False)
    bench.world.names.known["named.test"] = ("10.0.0.4",)
    bench.balancer.privilegedStartService()
    bench.balancer.startService()
    return bench


def settle(bench: Bench) -> None:
    """Every first check has passed."""
    pass_time(bench.clock, 1.0)


def server(bench: Bench, number: int = 1) -> Registration:
    found = bench.balancer.group("app").members.current_at(address(number))
    assert found is not None
    return found


def check(bench: Bench, number: int, result: Any, times: int = 1) -> None:
    bench.world.servers.answers[address(number)] = result
    for _ in range(times):
        bench.balancer.group("app").health.probe(server(bench, number))


def why(bench: Bench, name: str = "app/one") -> dict[str, Any]:
    told: dict[str, Any] = explaining.why(bench.call(), name).data
    return told


def nothing(bench: Bench) -> None:
    """All is well."""


def removed(bench: Bench) -> None:
    bench.connect("app/one#2")
    taking_out.remove(bench.call(), ["app/one"])


def drained(bench: Bench) -> None:
    taking_out.drain(bench.call(), ["app/one"])


def draining(bench: Bench) -> None:
    bench.connect("app/one#2")
    taking_out.drain(bench.call(), ["app/one"])


def maintained(bench: Bench) -> None:
    taking_out.maint(bench.call(), ["app/one"])


def maintained_for_a_while(bench: Bench) -> None:
    arguments: dict[str, Any] = {"for": 60.0}
    taking_out.maint(bench.call(), ["app/one"], **arguments)


def asked(bench: Bench) -> None:
    check(bench, 1, ASKS)


def asked_with_connections(bench: Bench) -> None:
    bench.connect("app/one#2")
    check(bench, 1, ASKS)


def failed(bench: Bench) -> None:
    check(bench, 1, FAILS, 2)


def failed_with_connections(bench: Bench) -> None:
    bench.connect("app/one#2")
    check(bench, 1, REFUSED, 2)


def latched(bench: Bench) -> None:
    failed_with_connections(bench)
    check(bench, 1, PASSES, 3)


def rejoining(bench: Bench) -> None:
    removed(bench)
    membership.add(bench.call(), "app", "one", "10.0.0.1:80")


def weighed_nothing(bench: Bench) -> None:
    membership.weigh(bench.call(), "app/one", 0)


def full(bench: Bench) -> None:
    bench.connect("app/one#2", 2)


def starting(bench: Bench) -> None:
    taking_out.drain(bench.call(), ["app/one"])
    membership.ready(bench.call(), ["app/one"])


def all_failed(bench: Bench) -> None:
    for number in (1, 2, 3, 4):
        check(bench, number, FAILS, 2)


def recovering(bench: Bench) -> None:
    all_failed(bench)
    check(bench, 1, PASSES)


def removed_and_failing(bench: Bench) -> None:
    removed(bench)
    bench.world.servers.answers[address(1)] = FAILS
    pass_time(bench.clock, 15.0)


@pytest.mark.parametrize(
    ("happens", "reason", "first_no", "takes_new", "state"),
    [
        (nothing, "", None, True, "healthy"),
        (removed, "deregistered", "membership", False, "draining"),
        (drained, "operator", "admin", False, "drained"),
        (draining, "operator", "admin", False, "draining"),
        (maintained, "maintenance", "admin", False, "maintenance"),
        (maintained_for_a_while, "maintenance", "admin", False, "maintenance"),
        (asked, "server_requested", "request", False, "drained"),
        (asked_with_connections, "server_requested", "request", False, "draining"),
        (failed, "failed_health_checks", "health", False, "unhealthy"),
        (failed_with_connections, "failed_health_checks", "health", False, "unhealthy.draining"),
        (latched, "latched", "drain", False, "unhealthy.draining"),
        (rejoining, "rejoining", "holds", False, "initial"),
        (weighed_nothing, "weight_zero", "weight", False, "healthy"),
        (full, "full", "limit", False, "healthy"),
        (starting, "slow_start", None, True, "healthy"),
        (all_failed, "failed_health_checks", "health", False, "unhealthy"),
        (recovering, "failed_health_checks", "health", True, "unhealthy"),
        (removed_and_failing, "deregistered", "membership", False, "draining"),
    ],
    ids=lambda value: value.__name__ if callable(value) else str(value),
)
def test_the_first_condition_that_says_no_is_the_reason(
    bench: Bench,
    happens: Callable[[Bench], None],
    reason: str,
    first_no: str | None,
    takes_new: bool,
    state: str,
) -> None:
    settle(bench)
    happens(bench)
    told = why(bench)
    assert (told["reason"], told["first_no"], told["takes_new"], told["state"]) == (
        reason,
        first_no,
        takes_new,
        state,
    )
    assert [row["condition"] for row in told["conditions"] if row["first"] == "→"] == (
        [first_no] if first_no else []
    )
    row = bench.row(looking.servers(bench.call(), "app").data, server=told["server"])
    assert (row["reason"], row["state"]) == (reason, state), "the table says the same"


def test_a_backup_stands_by(bench: Bench) -> None:
    settle(bench)
    assert (why(bench, "app/spare")["reason"], why(bench, "app/spare")["first_no"]) == ("standby", "turn")
    for name in ("app/one", "app/two", "app/named"):
        taking_out.drain(bench.call(), [name], force=True)
    assert why(bench, "app/spare")["takes_new"] is True


def test_one_that_was_not_checked_yet_is_initial(bench: Bench) -> None:
    settle(bench)
    bench.world.servers.held.add(address(9))
    membership.add(bench.call(), "app", "new", "10.0.0.9:80")
    told = why(bench, "app/new")
    assert (told["state"], told["reason"], told["first_no"]) == ("initial", "initial", "turn")


def test_one_whose_name_cannot_be_resolved_any_more_says_so(bench: Bench) -> None:
    settle(bench)
    del bench.world.names.known["named.test"]
    pass_time(bench.clock, 10.0)
    told = why(bench, "app/named")
    assert (told["state"], told["reason"], told["first_no"]) == ("unhealthy", "name_not_resolved", "name")


@pytest.mark.parametrize(("limit", "reason"), [(0, "no_health_check"), (2, "no_health_check"), (1, "full")])
def test_without_checks_what_holds_it_back_goes_before_that_nobody_checks(limit: int, reason: str) -> None:
    server = f'one = {{ address = "10.0.0.1:80", max_connections = {limit} }}'
    bench = Bench(f"[server_groups.app.servers]\n{server}\n")
    bench.connect("app/one#1")
    (row,) = looking.servers(bench.call()).data
    assert (row["reason"], why(bench)["reason"]) == (reason, reason)


def test_without_checks_a_backup_stands_by() -> None:
    bench = Bench(
        '[server_groups.app.servers]\none = "10.0.0.1:80"\n'
        'spare = { address = "10.0.0.3:80", backup = true }\n'
    )
    _, spare = looking.servers(bench.call()).data
    assert (spare["reason"], why(bench, "app/spare")["reason"]) == ("standby", "standby")


# What else it tells.


def test_it_tells_when_what_holds_it_back_ends(bench: Bench) -> None:
    settle(bench)
    assert why(bench)["seconds_left"] is None
    maintained_for_a_while(bench)
    bench.clock.advance(20)
    assert why(bench)["seconds_left"] == 40.0
    bench.connect("app/two#3")
    taking_out.drain(bench.call(), ["app/two"], force=True)
    bench.clock.advance(100)
    assert why(bench, "app/two")["seconds_left"] == 200.0


def test_it_tells_which_listeners_reach_it(bench: Bench) -> None:
    assert why(bench)["listeners"] == ["web"]


def test_it_tells_its_share_of_the_last_minute_against_its_due(bench: Bench) -> None:
    settle(bench)
    assert why(bench)["share"] == {"last_minute": "none", "due": "33.3%", "connections": 0}
    bench.connect("app/two#3", 3)
    for connection in bench.connect("app/one#2"):
        connection.end()
    assert why(bench)["share"] == {"last_minute": "25.0%", "due": "33.3%", "connections": 1}
    membership.weigh(bench.call(), "app/one", 0)
    assert why(bench)["share"]["due"] == "0.0%"
    pass_time(bench.clock, 71.0)
    assert why(bench)["share"]["connections"] == 0


def test_looking_at_it_changes_nothing(bench: Bench) -> None:
    before = bench.plane.rotations["app"]
    why(bench)
    assert bench.plane.rotations["app"] is before


def test_fail_open_is_told(bench: Bench) -> None:
    settle(bench)
    recovering(bench)
    assert (why(bench)["fail_open"], why(bench, "app/two")["fail_open"]) == (True, False)


# probe


def probed(answer: Deferred[Result]) -> Result:
    got: list[Result] = []
    answer.addCallback(got.append)
    return got[0]


def test_a_probe_tells_its_steps_and_counts(bench: Bench) -> None:
    settle(bench)
    result = probed(explaining.probe(bench.call(), "app/one"))
    assert (result.exit, result.data["passed"], result.data["reason"]) == (Exit.DONE, True, "status 200")
    assert [step["step"] for step in result.data["steps"]] == ["connect", "response"]
    bench.world.servers.answers[address(1)] = FAILS
    for _ in range(2):
        failed = probed(explaining.probe(bench.call(), "app/one"))
    assert (failed.exit, failed.data["reason"]) == (Exit.REFUSED, FAILS.reason)
    assert server(bench).state == "unhealthy"


def test_a_probe_of_one_that_asks_to_be_drained_is_done(bench: Bench) -> None:
    settle(bench)
    bench.world.servers.answers[address(1)] = ASKS
    assert probed(explaining.probe(bench.call(), "app/one")).exit is Exit.DONE


def test_one_in_maintenance_is_probed_and_its_state_stays(bench: Bench) -> None:
    settle(bench)
    maintained(bench)
    bench.world.servers.answers[address(1)] = FAILS
    for _ in range(5):
        assert probed(explaining.probe(bench.call(), "app/one")).exit is Exit.REFUSED
    assert (server(bench).state, server(bench).health.value) == ("maintenance", "passing")


def test_one_that_leaves_is_told_of_by_its_number(bench: Bench) -> None:
    settle(bench)
    bench.connect("app/one#2")
    group = bench.balancer.group("app")
    group.remove([server(bench)], ADA, Origin.VERB)
    group.add({address(9): Wanted("one")}, ADA)
    assert why(bench, "app/one#2")["reason"] == "deregistered"
    assert why(bench)["address"] == "10.0.0.9:80"


def test_why_a_name_that_was_never_resolved_gets_nothing() -> None:
    bench = Bench(TOML)
    told = why(bench, "app/named")
    assert (told["server"], told["takes_new"], told["first_no"]) == ("app/named", False, "name")
    assert (told["state"], told["reason"]) == ("unhealthy", "name_not_resolved")


def test_a_listener_that_reaches_the_group_by_a_rule_says_which_is_the_first() -> None:
    bench = Bench(
        '[listeners.web]\nendpoint = 8080\nprotocol = "http"\nserver_group = "app"\nrules = ['
        '{ path_prefix = "/gone", respond = { status = 410 } }, { path_prefix = "/a", server_group = "api" },'
        '{ path_prefix = "/b", server_group = "api" }, { path_prefix = "/c", server_group = "app" }]\n'
        '[listeners.alt]\nendpoint = 8081\nprotocol = "http"\nserver_group = "api"\n'
        '[server_groups.app.servers]\none = "10.0.0.1:80"\n[server_groups.api.servers]\none = "10.0.1.1:80"\n'
    )
    assert why(bench, "app/one")["listeners"] == ["web"]
    assert why(bench, "api/one")["listeners"] == ["web (rule 2)", "alt"]
