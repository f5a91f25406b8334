"""The log says why clients get no server, and is not flooded by it."""

from __future__ import annotations

from datetime import UTC, datetime

from lbtwist.model.config import GroupSettings
from lbtwist.service.unserved import LINES, Unserved
from tests.service.bench import WALL, Bench, House, group_settings

CHECKED = "interval = 5"


class Asked:
    """A group whose clients get no server."""

    def __init__(self, of: GroupSettings | None = None) -> None:
        self.house = House(of)
        clock = self.house.clock
        self.unserved = Unserved(self.house.plane, clock, lambda: WALL + clock.seconds())

    def tell(self, tried: int = 0, reason: str = "") -> None:
        self.unserved.tell("app", self.house.group, tried, reason)


def test_the_words_are_those_of_each_server(warned: list[str]) -> None:
    asked = Asked(group_settings(draining="timeout = 60", checks=CHECKED))
    house = asked.house
    house.first_checks()
    house.connections(1)
    house.fails(1, 2)
    house.passes(1)
    asked.tell()
    assert warned[-1] == f"no_server(app: 1 latched until {_at(60)}, 1 unhealthy)"


def _at(seconds: float) -> str:
    return datetime.fromtimestamp(WALL + seconds, UTC).strftime("%H:%M:%SZ")


def test_servers_that_were_tried_are_told(warned: list[str]) -> None:
    Asked().tell(tried=2)
    assert warned[-1] == "no_server(app: 2 in rotation, 2 tried)"


def test_what_this_process_is_short_of_is_told_alone(warned: list[str]) -> None:
    Asked().tell(1, "no descriptor left in this process")
    assert warned[-1] == "no_server(app: no descriptor left in this process)"


def test_a_group_without_servers_or_that_is_gone(warned: list[str]) -> None:
    asked = Asked()
    asked.house.remove(1, 2)
    asked.tell()
    asked.unserved.tell("old", None, 0, "")
    assert warned[-2:] == ["no_server(app: no servers)", "no_server(old: no servers)"]


def test_few_lines_a_second_and_the_rest_is_counted(warned: list[str]) -> None:
    asked = Asked()
    for _ in range(LINES + 5):
        asked.tell()
    assert len(warned) == LINES
    asked.house.clock.advance(1)
    asked.tell()
    asked.tell()
    assert warned[LINES] == "no_server(app: 2 in rotation), and 5 times more before"
    assert warned[LINES + 1] == "no_server(app: 2 in rotation)"


def test_a_load_balancer_tells_of_its_groups(warned: list[str]) -> None:
    bench = Bench(
        '[listeners.web]\nendpoint = 8080\nprotocol = "tcp"\n[server_groups.app]\nservers = ["10.0.0.1:80"]\n'
    )
    assert bench.plane.observer is bench.balancer
    bench.balancer.no_server("app", 1, "")
    assert warned == ["no_server(app: 1 in rotation, 1 tried)"]
