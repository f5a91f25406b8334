"""A step of the wall clock during a drain."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.functional.balancer import Balancer, app
from tests.functional.peers import Server, Watch, talking
from tests.functional.waiting import LATENESS

pytestmark = [pytest.mark.functional, pytest.mark.slow]

TIMEOUT = 1.5
LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))

Pair = tuple[Server, Server]


@pytest.mark.skipif(not LIBRARIES, reason="faketime is not installed (Debian: apt install faketime)")
@pytest.mark.parametrize("step", ["+3600", "-3600"])
def test_rule_80_a_step_of_the_wall_clock_moves_no_deadline(
    tmp_path: Path, pair: Pair, watch: Watch, step: str
) -> None:
    offset = tmp_path / "offset"
    offset.write_text("+0")
    environ = {
        "LD_PRELOAD": str(LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    text = app({server.name: str(server) for server in pair})
    with Balancer(tmp_path, text, environ=environ) as lb, talking(watch, lb.address, pair[0]) as talk:
        before = time.monotonic()
        lb.ask("remove", "app/ecs01", "--timeout", str(TIMEOUT))
        after = time.monotonic()
        offset.write_text(step)
        (drain,) = lb.ask("drains")
        assert 0 < drain["seconds_left"] <= TIMEOUT
        talk.goes_on()
        for end in talk.ends():
            assert before + TIMEOUT <= end.at <= after + TIMEOUT + LATENESS
        receipt = lb.receipt()
        assert TIMEOUT <= receipt["seconds"] <= TIMEOUT + LATENESS
        talk_again = lb.ask("receipts", "--since", "10m")
        assert (talk_again == []) is (step == "+3600"), "the clock was not stepped"
