"""Rules 74 to 76: one generation after the other, without a gap."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.functional.balancer import HOST, app
from tests.functional.generations import Generations
from tests.functional.peers import Server, Watch, asked, talking

pytestmark = [pytest.mark.functional, pytest.mark.slow]

Pair = tuple[Server, Server]


def over(pair: Pair, endpoint: str = f"{HOST}:0", draining: str = "timeout = 60") -> str:
    """One group of both servers."""
    return app({server.name: str(server) for server in pair}, draining=draining, endpoint=endpoint)


def test_rules_74_and_75_what_was_connected_is_counted_and_drained(
    tmp_path: Path, pair: Pair, watch: Watch
) -> None:
    with Generations(tmp_path, over(pair)) as lb, talking(watch, lb.address, pair[0]) as talk:
        old = lb.upgrade()
        assert {asked(watch, lb.address) for _ in range(4)} == {"ecs01", "ecs02"}
        talk.goes_on()
        assert lb.state("app/ecs01")["connections"] == 1
        (view,) = lb.ask("connections", "app/ecs01")
        assert view["server"] == lb.state("app/ecs01")["server"]
        lb.ask("drain", "app/ecs01", "--reason", "new disk")
        assert lb.ask("drains")[0]["connections"] == 1
        talk.goes_on()
        talk.leave()
        (receipt,) = lb.ask("wait", "app/ecs01")
        assert (receipt["outcome"], receipt["finished"]) == ("completed", 1)
        lb.gone(old)
