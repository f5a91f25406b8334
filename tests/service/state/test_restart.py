"""Rule 67: what operators want is the same after a restart, whatever it was, and an edited file wins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lbtwist.errors import Refused
from lbtwist.model.drain import Because
from lbtwist.model.merge import wanted_of
from lbtwist.model.state.document import read_state
from tests.service.bench import address
from tests.service.fakes import FakeDataPlane
from tests.service.state.house import TOML, Kept

NAMED = """
[server_groups.app]
[server_groups.app.servers]
n = "app.internal:80"
s2 = "10.0.0.2:80"
"""
FOUND = """
[server_groups.app]
discovery = { type = "file", path = "x" }
"""


def pass_second(kept: Kept) -> None:
    kept.clock.advance(1.0)


def restarted(kept: Kept, toml: str = TOML, *, later: float = 0.0) -> Kept:
    """The process has ended without a word, and another has begun."""
    return Kept(kept.file.parent, toml, wall=kept.balancer.wall() + later)


def test_rule_67_a_drained_server_is_drained_from_the_first_moment(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.connect(kept["s1"].label, 2)
    kept.do("drain", ["app/s1"], reason="new disk")
    pass_second(kept)
    again = restarted(kept)
    assert again.states() == {"s1": "drained", "s2": "healthy", "s3": "healthy"}
    assert [label.partition("#")[0] for label in again.rotation()] == ["app/s2", "app/s3"]
    assert again["s1"].because == ("ada", "new disk")
    (receipt,) = again.balancer.drains.receipts
    assert (receipt.outcome, receipt.connections, receipt.kept, receipt.why) == (
        "interrupted",
        2,
        2,
        "new disk",
    )
    again.do("ready", ["app/s1"])
    assert again.states()["s1"] == "healthy"


def test_rule_67_a_disabled_listener_is_not_opened_by_a_restart(tmp_path: Path, warned: list[str]) -> None:
    kept = Kept(tmp_path)
    kept.do("disable", "web", reason="moving")
    pass_second(kept)
    again = restarted(kept)
    listener = again.balancer.listeners["web"]
    assert (listener.state, listener.because) == ("disabled", ("ada", "moving"))
    assert again.plane.bound == {}
    assert "listener web stays disabled, as ada wanted it" in warned
    again.do("enable", "web")
    pass_second(again)
    assert restarted(again).balancer.listeners["web"].state == "listening"


def test_rule_67_a_disabled_listener_that_is_no_more_is_dropped(tmp_path: Path, logged: list[str]) -> None:
    kept = Kept(tmp_path)
    kept.do("disable", "web")
    pass_second(kept)
    again = restarted(kept, TOML.replace("listeners.web", "listeners.other"))
    assert again.balancer.listeners["other"].state == "listening"
    assert "there is no listener web any more: that it was disabled is dropped" in logged


def test_rule_67_it_is_never_published_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept(tmp_path)
    kept.do("drain", ["app/s1"])
    kept.do("remove", ["app/s2"])
    pass_second(kept)
    seen: set[str] = set()

    rotate = FakeDataPlane.rotate

    def see(self: FakeDataPlane, group: str, rotation: Any) -> None:
        seen.update(member.label.partition("#")[0] for member in rotation.members)
        rotate(self, group, rotation)

    monkeypatch.setattr(FakeDataPlane, "rotate", see)
    restarted(kept)
    assert seen == {"app/s3"}


def test_rule_67_after_a_clean_stop_nothing_is_told_twice(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.connect(kept["s1"].label)
    kept.do("drain", ["app/s1"])
    kept.do("remove", ["app/s2"])
    kept.stop()
    again = restarted(kept)
    assert again.states() == {"s1": "drained", "s3": "healthy"}
    assert again.outcomes == kept.outcomes
    assert [outcome for _, outcome in kept.outcomes] == ["completed", "cut", "cut"]


def test_rule_67_a_drain_that_ended_is_not_interrupted_though_the_state_says_so(tmp_path: Path) -> None:
    """The receipts are written before the state is."""
    kept = Kept(tmp_path)
    (connection,) = kept.connect(kept["s1"].label)
    kept.do("drain", ["app/s1"])
    pass_second(kept)
    before = kept.file.read_bytes()
    connection.end()
    pass_second(kept)
    kept.file.write_bytes(before)
    assert restarted(kept).outcomes == [(kept["s1"].label, "completed")]


def test_rule_67_an_interrupted_drain_has_ended_by_its_deadline(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.connect(kept["s1"].label)
    kept.do("drain", ["app/s1"], timeout=30.0)
    pass_second(kept)
    (receipt,) = restarted(kept, later=1000.0).balancer.drains.receipts
    assert receipt.seconds == 30.0


def test_rule_67_a_maintenance_goes_on_counting(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.do("maint", ["app/s1"], **{"for": 100.0})
    kept.do("maint", ["app/s2"], **{"for": 10.0})
    kept.do("maint", ["app/s3"])
    pass_second(kept)
    again = restarted(kept, later=40.0)
    assert again.states() == {"s1": "maintenance", "s2": "healthy", "s3": "maintenance"}
    again.clock.advance(58.5)
    assert again.states()["s1"] == "maintenance"
    again.clock.advance(1.0)
    assert again.states() == {"s1": "healthy", "s2": "healthy", "s3": "maintenance"}


def test_rule_67_it_is_kept_over_several_restarts(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.do("maint", ["app/s1"], **{"for": 100.0})
    kept.do("add", "app", "s9", "10.0.0.9:80", weight=7)
    kept.do("weight", "app/s2", 3)
    pass_second(kept)
    for _ in range(3):
        kept = restarted(kept)
        pass_second(kept)
    assert kept.states() == {"s1": "maintenance", "s2": "healthy", "s3": "healthy", "s9": "healthy"}
    assert (kept["s9"].weight, kept["s2"].weight) == (7, 3)
    assert kept["s1"].until == pytest.approx(kept.clock.seconds() + 96, abs=0.1)


def test_rule_67_who_did_it_is_kept_too(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.do("remove", ["app/s1"], reason="for good")
    for _ in range(2):
        pass_second(kept)
        kept = restarted(kept)
    pass_second(kept)
    (intent,) = read_state(kept.file.read_bytes()).intents["app"]
    assert (intent.live, intent.because) == (None, ("ada", "for good"))


def test_rule_67_an_added_server_does_not_start_slowly_after_a_restart(tmp_path: Path) -> None:
    toml = TOML.replace("min_healthy = 0", "min_healthy = 0\nslow_start = 30")
    kept = Kept(tmp_path, toml)
    kept.do("add", "app", "s9", "10.0.0.9:80")
    pass_second(kept)
    assert kept["s9"].starting
    assert not restarted(kept, toml)["s9"].starting


def test_rule_67_what_is_ready_again_leaves_nothing(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    for verb in ("drain", "ready", "remove"):
        kept.do(verb, ["app/s1"])
    kept.do("add", "app", "s1", "10.0.0.1:80")
    kept.do("weight", "app/s1", 7)
    kept.do("weight", "app/s1", 100)
    pass_second(kept)
    assert not read_state(kept.file.read_bytes()).wants


# What the file says now.


@pytest.mark.parametrize(
    ("line", "weight", "told"),
    [
        ('s1 = "10.0.0.1:80"', 7, ""),
        ('s1 = { address = "10.0.0.1:80", weight = 50 }', 50, "app/s1: its weight was set live"),
        ('renamed = "10.0.0.1:80"', 7, ""),
        ('s1 = { address = "10.0.0.1:80", zone = "b" }', 7, ""),
    ],
)
def test_rule_67_the_file_s_edit_of_a_weight_wins(
    tmp_path: Path, warned: list[str], line: str, weight: int, told: str
) -> None:
    kept = Kept(tmp_path)
    kept.do("weight", "app/s1", 7)
    kept.do("drain", ["app/s1"])
    pass_second(kept)
    again = restarted(kept, TOML.replace('s1 = "10.0.0.1:80"', line))
    (registration,) = [r for r in again.balancer.registrations() if r.address == address(1)]
    assert (registration.weight, registration.state) == (weight, "drained")
    assert told in "".join(warned)
    assert bool(told) == bool(warned)


def test_rule_67_a_removed_server_leaves_no_word_in_the_log(tmp_path: Path, logged: list[str]) -> None:
    kept = Kept(tmp_path)
    kept.do("remove", ["app/s1"])
    pass_second(kept)
    restarted(kept)
    assert not any("any more" in line for line in logged)


def test_rule_67_a_name_that_the_file_now_gives_to_another_is_given_up(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.do("remove", ["app/s1"])
    kept.do("add", "app", "x", "10.0.0.1:80")
    pass_second(kept)
    assert restarted(kept)["x"].address == address(1)
    again = restarted(kept, TOML + 'x = "10.0.0.4:80"\n')
    assert (again["s1"].address, again["x"].address) == (address(1), address(4))


def test_rule_67_a_removed_server_whose_entry_was_edited_is_back(tmp_path: Path, warned: list[str]) -> None:
    kept = Kept(tmp_path)
    kept.do("remove", ["app/s1"])
    kept.do("remove", ["app/s2"])
    pass_second(kept)
    again = restarted(kept, TOML.replace('"10.0.0.1:80"', '{ address = "10.0.0.1:80", weight = 5 }'))
    assert again.states() == {"s1": "healthy", "s3": "healthy"}
    assert warned == ["app/s1: it was removed live; the file has changed it since, and wins"]


def test_rule_67_what_is_not_there_any_more_is_dropped(tmp_path: Path, logged: list[str]) -> None:
    kept = Kept(tmp_path)
    kept.do("drain", ["app/s1"])
    pass_second(kept)
    without = restarted(kept, TOML.replace('s1 = "10.0.0.1:80"\n', ""))
    pass_second(without)
    assert any("app: there is no server at 10.0.0.1:80 any more" in line for line in logged)
    assert restarted(without).states()["s1"] == "healthy"


def test_rule_67_a_group_that_is_gone_is_dropped(tmp_path: Path, logged: list[str]) -> None:
    kept = Kept(tmp_path)
    kept.do("drain", ["app/s1"])
    pass_second(kept)
    restarted(kept, TOML.replace(".app", ".other").replace('"app"', '"other"'))
    assert any("there is no server group app any more" in line for line in logged)


def test_rule_67_an_added_server_that_the_file_has_now_is_the_file_s(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.do("add", "app", "s9", "10.0.0.9:80", weight=7)
    kept.do("drain", ["app/s9"])
    pass_second(kept)
    again = restarted(kept, TOML + 'nine = { address = "10.0.0.9:80", weight = 9 }\n')
    assert (again["nine"].weight, again["nine"].state) == (9, "drained")


@pytest.mark.parametrize("edit", ['s9 = "10.0.0.8:80"\n', ""])
def test_rule_67_an_added_server_that_can_t_be_brought_back(
    tmp_path: Path, warned: list[str], edit: str
) -> None:
    """Its name is taken, or it may not be there any more."""
    kept = Kept(tmp_path)
    kept.do("add", "app", "s9", "10.9.0.9:80")
    pass_second(kept)
    networks = "" if edit else '[load_balancer]\nserver_networks = ["10.0.0.0/24"]\n'
    again = restarted(kept, networks + TOML + edit)
    assert address(9) not in [r.address for r in again.balancer.registrations()]
    assert "app: it can't be brought back" in warned[0]


def test_rule_67_a_group_that_is_being_removed_leaves_nothing(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.connect(kept["s1"].label)
    kept.balancer.retire_group(kept.balancer.groups["app"], kept["s1"].because)
    pass_second(kept)
    assert not read_state(kept.file.read_bytes()).wants


# Servers that come later.


def test_rule_67_servers_of_a_source_are_remembered_until_it_tells_them(tmp_path: Path) -> None:
    kept = Kept(tmp_path, FOUND)
    kept.world.source.answer({address(1): 100, address(2): 100, address(3): 100})
    kept.do("drain", ["app/10.0.0.1:80"])
    kept.do("remove", ["app/10.0.0.2:80"])
    kept.do("weight", "app/10.0.0.3:80", 5)
    kept.do("add", "app", "s9", "10.0.0.9:80")
    pass_second(kept)
    again = restarted(kept, FOUND)
    assert again.states() == {"s9": "healthy"}
    pass_second(again)
    third = restarted(again, FOUND)  # the source had not answered yet
    third.world.source.answer({address(1): 100, address(2): 50, address(3): 100})
    assert third.states() == {"s9": "healthy", "10.0.0.1:80": "drained", "10.0.0.3:80": "healthy"}
    assert third["10.0.0.3:80"].weight == 5


def test_rule_67_servers_that_the_source_does_not_tell_are_dropped(tmp_path: Path, logged: list[str]) -> None:
    kept = Kept(tmp_path, FOUND)
    kept.world.source.answer({address(1): 100, address(2): 100})
    kept.do("drain", ["app/10.0.0.1:80"])
    pass_second(kept)
    again = restarted(kept, FOUND)
    again.world.source.answer({address(2): 100})
    assert any("there is no server at 10.0.0.1:80 any more" in line for line in logged)
    again.world.source.answer({address(1): 100, address(2): 100})
    assert again.states()["10.0.0.1:80"] == "healthy"


def resolved(kept: Kept, found: str) -> None:
    """The name stands for that address."""
    kept.world.names.known["app.internal"] = (found,)
    kept.clock.advance(60.0)


def test_rule_67_a_server_given_by_name_is_remembered_until_it_has_its_address(tmp_path: Path) -> None:
    kept = Kept(tmp_path, NAMED)
    resolved(kept, "10.0.0.1")
    kept.do("drain", ["app/n"])
    pass_second(kept)
    again = restarted(kept, NAMED)
    assert again.states() == {"s2": "healthy"}
    resolved(again, "10.0.0.1")
    assert again.states() == {"s2": "healthy", "n": "drained"}


def test_rule_67_a_removed_server_does_not_come_back_with_another_address(tmp_path: Path) -> None:
    kept = Kept(tmp_path, NAMED)
    resolved(kept, "10.0.0.1")
    kept.do("remove", ["app/n"])
    pass_second(kept)
    again = restarted(kept, NAMED)
    resolved(again, "10.0.0.77")
    assert again.states() == {"s2": "healthy"}
    pass_second(again)
    third = restarted(again, NAMED)
    resolved(third, "10.0.0.78")
    assert third.states() == {"s2": "healthy"}


def test_rule_67_a_verb_has_the_last_word_before_a_server_comes(tmp_path: Path) -> None:
    kept = Kept(tmp_path, FOUND)
    kept.world.source.answer({address(1): 100})
    kept.do("drain", ["app/10.0.0.1:80"], force=True)
    pass_second(kept)
    again = restarted(kept, FOUND)
    again.do("add", "app", "mine", "10.0.0.1:80")
    assert again.states() == {"mine": "healthy"}
    pass_second(again)
    assert [each.admin.value for each in read_state(again.file.read_bytes()).intents["app"]] == ["ready"]


def test_rule_67_a_server_given_by_name_has_the_file_s_name(tmp_path: Path) -> None:
    kept = Kept(tmp_path, NAMED)
    resolved(kept, "10.0.0.1")
    kept.do("remove", ["app/n"])
    kept.do("add", "app", "m", "10.0.0.1:80")
    kept.do("drain", ["app/m"])
    pass_second(kept)
    again = restarted(kept, NAMED)
    resolved(again, "10.0.0.1")
    assert again.states() == {"s2": "healthy", "n": "drained"}


def test_rule_67_a_group_that_is_removed_waits_for_nobody(tmp_path: Path) -> None:
    kept = Kept(tmp_path, FOUND)
    kept.world.source.answer({address(1): 100})
    kept.do("drain", ["app/10.0.0.1:80"], force=True)
    pass_second(kept)
    again = restarted(kept, FOUND)
    group = again.balancer.groups["app"]
    assert len(list(group.recollection)) == 1
    again.balancer.retire_group(group, Because("file"))
    assert list(group.recollection) == []


# Whatever operators do.

SERVERS = st.sampled_from(["s1", "s2", "s3", "s9"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["drain", "remove", "ready", "maint"]), SERVERS),
        st.tuples(st.just("for"), SERVERS, st.sampled_from([5.0, 100.0])),
        st.tuples(st.just("weight"), SERVERS, st.integers(0, 100)),
        st.tuples(st.just("add"), SERVERS, st.integers(1, 6)),
        st.tuples(st.just("time"), st.sampled_from([0.5, 3.0, 61.0])),
        st.tuples(st.just("connect"), SERVERS),
    ),
    max_size=20,
)


def step(kept: Kept, what: str, *values: Any) -> None:
    if what == "time":
        kept.clock.advance(values[0])
    elif what == "connect":
        if kept[values[0]].takes_new and kept[values[0]].weight:
            kept.connect(kept[values[0]].label)
    elif what == "for":
        kept.do("maint", [f"app/{values[0]}"], **{"for": values[1]})
    elif what == "weight":
        kept.do("weight", f"app/{values[0]}", values[1])
    elif what == "add":
        kept.do("add", "app", values[0], f"10.0.0.{values[1]}:80")
    else:
        kept.do(what, [f"app/{values[0]}"])


def shape(kept: Kept) -> list[Any]:
    """What is wanted of the servers that are registered."""
    now = kept.clock.seconds()
    return sorted(
        (
            r.address,
            wanted_of(r),
            r.admin.value,
            r.because if r.admin.value != "ready" else None,
            None if r.until is None else round(r.until - now, 2),
        )
        for r in kept.balancer.registrations()
        if r.registered
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, st.booleans())
def test_rule_67_a_restart_changes_nothing_but_connections(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Any], clean: bool
) -> None:
    kept = Kept(tmp_path_factory.mktemp("state"))
    for what in steps:
        try:
            step(kept, *what)
        except Refused:
            continue
    kept.clock.advance(1.0)
    before, running = shape(kept), [(r.drain.subject) for r in kept.balancer.drains]
    if clean:
        kept.stop()
    again = restarted(kept)
    assert shape(again) == before
    assert [each.label for each in again.balancer.registrations() if each.drain] == []
    if not clean:
        interrupted = [subject for subject, outcome in again.outcomes if outcome == "interrupted"]
        assert interrupted == running
