"""Every server of a group fails its checks at once, and comes back: rule 29 in its three settings."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Any

import pytest

from tests.functional.balancer import Balancer, section
from tests.functional.checked import becomes, health_check, named
from tests.functional.load import Load, client_of, talks, turned_away
from tests.functional.peers import HOST, Watch, talking
from tests.functional.real_servers import CheckedServer, checked_servers
from tests.functional.scale import told
from tests.functional.waiting import LATENESS, eventually, monotonic_of

pytestmark = [pytest.mark.functional, pytest.mark.slow]

TIMEOUT = 3.5
"""Seconds of a drain: in which the checks of all fail, then pass once, then twice."""
SETTINGS = {"recovered": HOST, "all": "127.0.0.3", "never": "127.0.0.4"}
"""A group for each, and where its listener is."""


def groups(servers: list[CheckedServer]) -> str:
    """All three over the same servers. One pass does not make a server healthy again."""
    keys = f'type = "http"\nport = {servers[0].page.port}'
    texts = [
        section(
            named(servers),
            name=setting,
            endpoint=f"{host}:0",
            group=f'fail_open = "{setting}"{health_check(keys, setting, healthy_threshold=2)}',
            draining=f"timeout = {TIMEOUT}",
        )
        for setting, host in SETTINGS.items()
    ]
    return "[load_balancer]\nshutdown_timeout = 0\n" + "".join(texts)


def open_groups(lb: Balancer) -> list[str]:
    return [row["group"] for row in lb.ask("groups") if row["fail_open"]]


def test_rule_29_all_fail_and_recover(tmp_path: Path, watch: Watch) -> None:
    with (
        checked_servers(watch, "ecs01", "ecs02", "ecs03") as servers,
        Balancer(tmp_path, groups(servers)) as lb,
        contextlib.ExitStack() as stack,
    ):
        at = {name: (host, lb.port(host)) for name, host in SETTINGS.items()}
        of = {name: [f"{name}/{server.name}" for server in servers] for name in SETTINGS}
        held = [stack.enter_context(talking(watch, at["recovered"], server)) for server in servers]
        kept = client_of("ecs01", watch, at["never"])
        load = stack.enter_context(Load(watch, at["recovered"]))
        load.goes_on()

        for server in servers:
            server.page.status = 503
        fell = becomes(lb, [name for names in of.values() for name in names], "failing")
        assert open_groups(lb) == ["all"]
        assert [name for name in SETTINGS if turned_away(watch, at[name])] == ["recovered", "never"]
        for talk in held:
            talk.goes_on()

        recovering = time.monotonic()
        servers[0].page.status = 200
        load.reaches("ecs01", 2)
        served = time.monotonic()
        why = lb.ask("why", "recovered/ecs01")
        assert (why["fail_open"], why["takes_new"], why["first_no"]) == (True, True, "health")
        newcomer = client_of("ecs01", watch, at["recovered"])
        becomes(lb, [of["recovered"][0], of["never"][0]], "passing")
        assert lb.state("recovered/ecs01")["reason"] == "latched"
        assert turned_away(watch, at["never"])
        talks(kept)

        for server in servers[1:]:
            server.page.status = 200
        for talk in held:
            talk.ends()
        assert kept.ended().how == "fin"
        eventually(lambda: open_groups(lb) == [])
        for server in servers:
            load.reaches(server.name)
        talks(newcomer)
        load.stop()
        told(f"the first client was served {served - recovering:.2f} s after the server was well")
        assert load.servers(fell, recovering).keys() == {""}
        assert load.failed(since=served) == []
        for talk, receipt in zip(held, receipts(lb, of["recovered"]), strict=True):
            assert (receipt["outcome"], receipt["cause"]) == ("cut", "failed_health_checks")
            for end in talk.ends():
                assert -0.002 <= end.at - monotonic_of(receipt["deadline"]) <= LATENESS


def receipts(lb: Balancer, servers: list[str]) -> list[dict[str, Any]]:
    """The only one of each of them."""
    found = {each["subject"].partition("#")[0]: each for each in lb.ask("receipts")}
    return [found[server] for server in servers]
