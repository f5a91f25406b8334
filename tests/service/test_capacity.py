"""How many clients descriptors are enough for, and what is kept back."""

from __future__ import annotations

import pytest
from twisted.internet.defer import succeed

from lbtwist.net.budget import UNLIMITED
from lbtwist.net.pipes import LIMIT
from lbtwist.service.capacity import capacity, pipe_limit, reserve
from lbtwist.service.loading import Loaded
from lbtwist.service.reload import Reloader
from lbtwist.service.verbs.looking import listeners, status
from lbtwist.service.verbs.verb import Call
from tests.service.bench import Bench, config

TOML = """
[load_balancer]
max_connections = {limit}
[listeners.web]
endpoint = 8080
protocol = "tcp"
[server_groups.app]
servers = ["10.0.0.1:80", "10.0.0.2:80"]
[server_groups.app.health_check]
"""
PIPES = 2 * 32
"""Their descriptors, where there are 1024."""
CONSOLE = '[console]\nadmin_keys = "keys"\nmax_sessions = 10\n'


@pytest.mark.parametrize(
    ("limit", "descriptors", "clients", "room", "reason"),
    [
        (0, 1024, 446, 893, "the limit of open descriptors is 1024"),
        (100, 1024, 100, 893, "load_balancer.max_connections is 100"),
        (1000, 1024, 446, 893, "the limit of open descriptors is 1024"),
        (0, 16, 4, 8, "the limit of open descriptors is 16"),
        (0, 1, 1, 2, "the limit of open descriptors is 1"),
        (100, 0, 100, UNLIMITED, "load_balancer.max_connections is 100"),
        (0, 0, UNLIMITED // 2, UNLIMITED, "the limit of open descriptors is 0"),
    ],
)
def test_two_descriptors_each_beside_a_reserve(
    limit: int, descriptors: int, clients: int, room: int, reason: str
) -> None:
    assert capacity(config(TOML.format(limit=limit)), descriptors) == (clients, room, reason)


def test_the_reserve_is_for_listeners_checks_and_the_console() -> None:
    assert reserve(config(TOML.format(limit=0)), 1024) == 64 + 1 + 2 + PIPES
    assert reserve(config(CONSOLE + TOML.format(limit=0)), 1024) == 64 + 1 + 2 + 10 + PIPES
    assert reserve(config(CONSOLE + TOML.format(limit=0)), 100) == 50


@pytest.mark.parametrize(
    ("splice", "descriptors", "pipes"),
    [("true", 0, LIMIT), ("true", 1_000_000, LIMIT), ("true", 1024, 32), ("true", 16, 0), ("false", 0, 0)],
)
def test_pipes_for_bulk_are_a_part_of_the_reserve(splice: str, descriptors: int, pipes: int) -> None:
    of = config(TOML.format(limit=f"0\nsplice = {splice}"))
    assert pipe_limit(of, descriptors) == pipes


def test_verbs_tell_why_nothing_is_accepted() -> None:
    bench = Bench(TOML.format(limit=1))
    call: Call = bench.call()
    assert [(row["state"], row["problem"]) for row in listeners(call).data] == [("listening", "")]
    bench.balancer.budget.enter()
    problem = "1 clients are connected, and load_balancer.max_connections is 1: others wait until some leave"
    assert [(row["state"], row["problem"]) for row in listeners(call).data] == [("listening (full)", problem)]
    assert problem in status(call).data["problems"]
    bench.balancer.listeners["web"].stop_accepting()
    assert [(row["state"], row["problem"]) for row in listeners(call).data] == [("closed", "")]


def test_a_reload_moves_the_limit_of_a_process_that_runs() -> None:
    bench = Bench(TOML.format(limit=5))
    bench.balancer.descriptors = 1024
    assert bench.balancer.budget.limit == 5
    for limit, clients in ((3, 3), (0, 446)):
        new = config(TOML.format(limit=limit))
        Reloader(bench.balancer, lambda new=new: succeed(Loaded(new))).reload()  # type: ignore[misc]
        assert bench.balancer.budget.limit == clients


def test_a_reload_turns_splicing_off_and_on() -> None:
    bench = Bench(TOML.format(limit=0))
    assert bench.balancer.pipes.limit == LIMIT
    for splice, pipes in (("false", 0), ("true", LIMIT)):
        new = config(TOML.format(limit=f"0\nsplice = {splice}"))
        Reloader(bench.balancer, lambda new=new: succeed(Loaded(new))).reload()  # type: ignore[misc]
        assert bench.balancer.pipes.limit == pipes
