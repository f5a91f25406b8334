"""/events: figures each second, what happens as it happens, and who is too slow."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.python.failure import Failure

from lbtwist.model.registration import Origin
from lbtwist.service.verbs.rows import receipt_row
from lbtwist.status.reader import SLOW
from lbtwist.status.stream import INTERVAL, MAX_READERS, RECEIPTS, RECENT
from tests.service.bench import ADA
from tests.status.bench import Scene, Wire, read


@pytest.fixture
def scene() -> Scene:
    return Scene()


def sent(wire: Wire) -> list[tuple[str, str, Any]]:
    """The events that have come since it was last asked: kind, id, data."""
    found = []
    for block in wire.text().replace("\r\n", "\n").split("\n\n"):
        lines = [line.split(": ", 1) for line in block.split("\n") if ": " in line]
        fields = {name: value for name, value in lines if name in ("event", "id", "data")}
        if "data" in fields:
            found.append((fields["event"], fields.get("id", ""), json.loads(fields["data"])))
    return found


def kinds(wire: Wire) -> list[str]:
    return [kind for kind, _, _ in sent(wire)]


def pass_second(scene: Scene) -> None:
    scene.process.advance(INTERVAL)
    scene.settle()


def leave(wire: Wire) -> None:
    wire.protocol.connectionLost(Failure(ConnectionError()))


def test_a_reader_is_told_what_happened_lately_and_how_all_is(scene: Scene) -> None:
    wire = scene.open("/events")
    head = wire.value().decode().partition("\r\n\r\n")[0].lower()
    assert "content-type: text/event-stream" in head
    assert "\nretry: 2000\n" in wire.value().decode()
    *events, (kind, _, picture) = sent(wire)
    assert [data["event"] for _, _, data in events] == ["added at 10.0.0.1:80", "added at 10.0.0.2:80"]
    assert kind == "snapshot"
    assert picture["servers"]["app/ecs01#2"]["state"] == "healthy"
    assert picture["groups"]["app"]["servers"] == 2
    assert picture["listeners"]["web"]["connections"] == 0
    assert (picture["drains"], picture["load_balancer"]["state"]) == ([], "running")


def test_each_second_what_has_changed_and_no_more(scene: Scene) -> None:
    wire = scene.open("/events")
    sent(wire)
    (connection,) = scene.bench.connect("app/ecs01#2")
    pass_second(scene)
    ((kind, _, news),) = sent(wire)
    assert kind == "figures"
    assert list(news["servers"]) == ["app/ecs01#2"]
    assert news["servers"]["app/ecs01#2"]["connections"] == 1
    assert news["listeners"]["web"]["connections"] == 1
    pass_second(scene)
    ((kind, _, news),) = sent(wire)
    assert (kind, news) == ("figures", {})
    connection.end()


def test_of_a_row_the_cells_alone_that_have_changed(scene: Scene) -> None:
    wire = scene.open("/events")
    sent(wire)
    scene.bench.connect("app/ecs01#2")
    pass_second(scene)
    ((_, _, news),) = sent(wire)
    assert news["servers"] == {"app/ecs01#2": {"connections": 1, "total": 1}}
    group = scene.balancer.groups["app"]
    group.drain([r for r in group.members if r.name == "ecs01"], ADA)
    pass_second(scene)
    ((_, _, news),) = [told for told in sent(wire) if told[0] == "figures"]
    assert news["servers"]["app/ecs01#2"].keys() == {"admin", "state", "reason", "seconds_left"}


def test_the_last_receipts_are_told_and_then_each_that_comes(scene: Scene) -> None:
    group = scene.balancer.groups["app"]
    (first, _) = group.members

    def end_drains(count: int) -> None:
        for _ in range(count):
            group.drain([first], ADA)
            group.ready(first, ADA)
            scene.bench.clock.advance(1)

    end_drains(RECEIPTS + 1)
    wire = scene.open("/events")
    (picture,) = [data for kind, _, data in sent(wire) if kind == "snapshot"]
    assert picture["receipts"] == [receipt_row(each) for each in scene.balancer.drains.receipts][1:]
    end_drains(1)
    pass_second(scene)
    (news,) = [data for kind, _, data in sent(wire) if kind == "figures"]
    assert news["receipts"] == [receipt_row(scene.balancer.drains.receipts[-1])]


def test_a_server_that_is_gone_is_told_as_nothing(scene: Scene) -> None:
    wire = scene.open("/events")
    sent(wire)
    group = scene.balancer.groups["app"]
    group.remove([r for r in group.members if r.name == "ecs01"], ADA, Origin.VERB)
    sent(wire)
    pass_second(scene)
    ((_, _, news),) = sent(wire)
    assert news["servers"]["app/ecs01#2"] is None


def test_what_happens_is_told_as_it_happens_with_a_number(scene: Scene) -> None:
    wire = scene.open("/events")
    before = scene.balancer.events.added
    sent(wire)
    scene.balancer.events.add("operator", "app", "one\nline", "ada")
    ((kind, id, data),) = sent(wire)
    assert (kind, id.partition("-")[2]) == ("event", str(before + 1))
    assert (data["kind"], data["subject"], data["event"], data["who"]) == (
        "operator", "app", "one\nline", "ada",
    )  # fmt: skip


def test_who_comes_again_goes_on_where_it_was(scene: Scene) -> None:
    wire = scene.open("/events")
    last = [id for kind, id, _ in sent(wire) if kind == "event"][-1]
    leave(wire)
    scene.balancer.events.add("operator", "", "while it was away")
    again = scene.open("/events", f"Last-Event-ID: {last}")
    assert [data["event"] for kind, _, data in sent(again) if kind == "event"] == ["while it was away"]


@pytest.mark.parametrize("last", ["12345-1", "nonsense", "1-x", "-", "²"])
def test_who_comes_from_another_process_is_told_all_that_is_kept(scene: Scene, last: str) -> None:
    for number in range(RECENT + 10):
        scene.balancer.events.add("operator", "", str(number))
    wire = scene.open("/events", f"Last-Event-ID: {last}")
    assert kinds(wire).count("event") == scene.balancer.events.added == RECENT + 12
    fresh = scene.open("/events")
    assert kinds(fresh).count("event") == RECENT


def test_nothing_is_made_while_nobody_listens(scene: Scene) -> None:
    wire = scene.open("/events")
    pass_second(scene)
    assert scene.balancer.events._followers
    leave(wire)
    scene.process.advance(0)
    assert scene.balancer.events._followers == {}
    calls = len(scene.process.getDelayedCalls())
    again = scene.open("/events")
    assert kinds(again)[-1] == "snapshot"
    leave(again)
    assert len(scene.process.getDelayedCalls()) == calls


def test_one_who_comes_while_a_picture_is_made_has_it_and_there_is_one_each_second(scene: Scene) -> None:
    first = scene.open("/events")
    leave(first)
    second, third = scene.open("/events"), scene.open("/events")
    assert kinds(second)[-2:] == ["snapshot", "figures"], "the third has not waited for the next second"
    assert kinds(third)[-1] == "snapshot"
    for _ in range(3):
        pass_second(scene)
    assert kinds(second) == kinds(third) == ["figures"] * 3


def test_one_who_comes_while_the_picture_of_one_who_left_is_made_is_told_once_a_second(scene: Scene) -> None:
    ask = b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"
    first, second = scene.connect(), scene.connect()
    assert first is not None
    assert second is not None
    first.protocol.dataReceived(ask)
    leave(first)
    second.protocol.dataReceived(ask)
    scene.settle()
    assert kinds(second)[-1] == "snapshot"
    for _ in range(3):
        pass_second(scene)
    assert kinds(second) == ["figures"] * 3


def test_readers_have_a_limit(scene: Scene) -> None:
    wires = [scene.open("/events") for _ in range(MAX_READERS)]
    response = scene.get("/events")
    assert (response.status, response.body) == (503, b"there are 32 readers already\n")
    leave(wires[0])
    assert "text/event-stream" in scene.open("/events").value().decode()


def test_nothing_is_kept_for_a_reader_that_takes_nothing(scene: Scene) -> None:
    wire = scene.open("/events")
    sent(wire)
    wire.hold()
    scene.balancer.events.add("operator", "", "meanwhile")
    for _ in range(3):
        pass_second(scene)
    assert wire.value() == b""
    wire.release()
    pass_second(scene)
    told = sent(wire)
    assert [kind for kind, _, _ in told] == ["event", "snapshot"]
    assert told[0][2]["event"] == "meanwhile"
    pass_second(scene)
    assert kinds(wire) == ["figures"]


def test_a_slow_reader_is_dropped(scene: Scene) -> None:
    wire, other = scene.open("/events"), scene.open("/events")
    wire.hold()
    for _ in range(int(SLOW / INTERVAL) - 1):
        pass_second(scene)
    assert not wire.aborted
    pass_second(scene)
    assert wire.aborted
    assert not other.aborted


def test_a_head_ends(scene: Scene) -> None:
    wire = scene.open("/events", method="HEAD")
    response = read(wire)
    assert (response.status, response.headers["content-type"], response.body) == (
        200, "text/event-stream", b"",
    )  # fmt: skip
    assert not scene.balancer.events._followers


def test_when_it_stops_nobody_is_followed_any_more(scene: Scene) -> None:
    scene.open("/events")
    scene.service.stopService()
    assert scene.balancer.events._followers == {}
    scene.balancer.events.add("operator", "", "late")
