"""An availability group: what its source answers is made true of its members, by the rules (rule 18)."""

from __future__ import annotations

import pytest
from twisted.internet.defer import succeed

from lbtwist.errors import Refused
from lbtwist.model.address import Address
from lbtwist.model.plane import Rotation
from lbtwist.service.loading import Loaded
from lbtwist.service.reload import Reloader
from lbtwist.service.verbs import editing, looking, membership, taking_out
from tests.service.bench import Bench, address, config

TOML = """
[load_balancer]
server_networks = ["10.0.0.0/16"]
[server_groups.app.discovery]
type = "file"
path = "/members"
"""
OUTSIDE = Address("192.0.2.1", 80)
ONE, TWO, THREE = (f"app/10.0.0.{number}:80" for number in (1, 2, 3))


@pytest.fixture
def bench() -> Bench:
    return Bench(TOML)


def answer(bench: Bench, *numbers: int, weight: int = 100) -> None:
    bench.world.source.answer({address(number): weight for number in numbers})


def problem(bench: Bench) -> str:
    told: str = looking.groups(bench.call()).data[0]["problem"]
    return told


def test_before_the_first_answer_it_has_no_servers(bench: Bench) -> None:
    assert bench.rotation() == []


def test_members_are_named_by_their_address(bench: Bench) -> None:
    answer(bench, 1, 2, weight=7)
    assert bench.rotation() == [f"{ONE}#1", f"{TWO}#2"]
    assert [member.weight for member in bench.plane.rotations["app"].members] == [7, 7]


def test_rule_18_a_server_that_disappears_is_removed_by_the_rules(bench: Bench) -> None:
    answer(bench, 1, 2)
    (connection,) = bench.connect(f"{ONE}#1")
    answer(bench, 2)
    assert (bench.rotation(), connection.live) == ([f"{TWO}#2"], True)
    (running,) = bench.balancer.drains
    assert (running.drain.cause.word, running.left()) == ("deregistered", 300.0)
    with pytest.raises(Refused, match="was removed by the source: add it there"):
        membership.ready(bench.call(), [ONE])
    bench.clock.advance(300)
    (receipt,) = bench.balancer.drains.receipts
    assert (receipt.who, receipt.cut) == ("source", 1)


def test_rule_16_a_server_that_appears_again_waits_for_its_drain(bench: Bench) -> None:
    answer(bench, 1, 2)
    (connection,) = bench.connect(f"{ONE}#1")
    answer(bench, 2)
    answer(bench, 1, 2)
    assert bench.rotation() == [f"{TWO}#2"]
    connection.end()
    assert bench.rotation() == [f"{TWO}#2", f"{ONE}#3"]


def test_another_weight_touches_no_connection(bench: Bench) -> None:
    answer(bench, 1, 2)
    (connection,) = bench.connect(f"{ONE}#1")
    answer(bench, 1, 2, weight=50)
    assert [(m.number, m.weight) for m in bench.plane.rotations["app"].members] == [(1, 50), (2, 50)]
    assert (connection.live, list(bench.balancer.drains)) == (True, [])


def test_an_answer_without_servers_removes_none(bench: Bench) -> None:
    answer(bench, 1, 2)
    answer(bench)
    assert (len(bench.rotation()), "no servers any more" in problem(bench)) == (2, True)
    answer(bench, 1, 2)
    assert problem(bench) == ""


def test_an_answer_without_servers_is_followed_where_that_is_said() -> None:
    bench = Bench(TOML + 'empty_ok = true\nmax_removal = "100%"\n')
    answer(bench, 1, 2)
    answer(bench)
    assert bench.rotation() == []


def test_an_answer_that_removes_too_many_is_held_back_until_it_is_applied(bench: Bench) -> None:
    answer(bench, 1, 2, 3)
    answer(bench, 3)
    assert len(bench.rotation()) == 3
    assert problem(bench) == "it would remove 2 of 3 servers (max_removal is 50%)"
    assert editing.apply(bench.call(), "app").data == [f"{ONE}#1 removed", f"{TWO}#2 removed"]
    assert (bench.rotation(), problem(bench)) == ([f"{THREE}#3"], "")


def test_what_is_held_back_goes_with_an_answer_that_is_not(bench: Bench) -> None:
    answer(bench, 1, 2, 3)
    answer(bench, 3)
    answer(bench, 1, 3)
    assert bench.rotation() == [f"{ONE}#1", f"{THREE}#3"]
    with pytest.raises(Refused, match="no answer of the source is held back"):
        editing.apply(bench.call(), "app")


def test_a_source_that_fails_changes_nothing_and_what_was_held_back_stays_so(bench: Bench) -> None:
    answer(bench, 1, 2, 3)
    answer(bench, 3)
    bench.world.source.fail("the file is gone")
    assert (len(bench.rotation()), problem(bench)) == (3, "the file is gone")
    editing.apply(bench.call(), "app")
    assert bench.rotation() == [f"{THREE}#3"]


def test_where_nothing_is_held_back_apply_leaves_the_problem_to_be_seen(bench: Bench) -> None:
    bench.world.source.fail("the file is gone")
    with pytest.raises(Refused, match="held back"):
        editing.apply(bench.call(), "app")
    assert problem(bench) == "the file is gone"


def test_a_group_that_is_not_discovered_has_nothing_to_apply() -> None:
    with pytest.raises(Refused, match="app is not discovered"):
        editing.apply(Bench("[server_groups.app]\n").call(), "app")


def test_rule_18_what_an_operator_removed_stays_so_until_the_source_speaks_of_it_anew(bench: Bench) -> None:
    answer(bench, 1, 2, 3)
    taking_out.remove(bench.call(), [ONE])
    answer(bench, 1, 2, 3)
    assert bench.rotation() == [f"{TWO}#2", f"{THREE}#3"]
    answer(bench, 2, 3)
    answer(bench, 1, 2, 3)
    assert bench.rotation() == [f"{TWO}#2", f"{THREE}#3", f"{ONE}#4"]


def test_rule_67_a_live_weight_stays_until_the_source_changes_it(bench: Bench) -> None:
    answer(bench, 1, 2)
    membership.weigh(bench.call(), ONE, 5)
    answer(bench, 1, 2, 3)
    assert bench.plane.rotations["app"].members[0].weight == 5
    answer(bench, 1, 2, 3, weight=60)
    assert bench.plane.rotations["app"].members[0].weight == 60


def test_a_server_that_a_verb_added_is_not_the_sources(bench: Bench) -> None:
    answer(bench, 1, 2)
    membership.add(bench.call(), "app", "extra", "10.0.0.9:80")
    answer(bench, 2)
    assert bench.rotation() == [f"{TWO}#2", "app/extra#3"]


# A group that becomes one, or ceases to be.


FILED = TOML.partition("[server_groups")[0] + (
    "[server_groups.app.servers]\n"
    's1 = { address = "10.0.0.1:80", weight = 50, max_connections = 9 }\n'
    's2 = "10.0.0.2:80"\n'
)


def reload(bench: Bench, toml: str) -> list[str]:
    done: list[list[str]] = []
    Reloader(bench.balancer, lambda: succeed(Loaded(config(toml)))).reload().addCallback(done.append)
    return done[0]


def test_servers_of_the_file_stay_until_the_source_has_answered() -> None:
    bench = Bench(FILED)
    (kept,), (left,) = bench.connect("app/s1#1"), bench.connect("app/s2#2")
    reload(bench, TOML)
    assert (bench.rotation(), list(bench.balancer.drains)) == (["app/s1#1", "app/s2#2"], [])
    answer(bench, 1, 3)
    assert bench.rotation() == [f"{ONE}#1", f"{THREE}#3"]
    (running,) = bench.balancer.drains
    assert (running.drain.subject, kept.live, left.live) == ("app/s2#2", True, True)
    assert [(m.weight, m.max_connections) for m in bench.plane.rotations["app"].members] == [
        (100, 0),
        (100, 0),
    ]


def test_the_same_servers_are_named_as_the_source_names_them() -> None:
    bench = Bench(FILED)
    reload(bench, TOML)
    bench.world.source.answer({address(1): 50, address(2): 100})
    assert bench.rotation() == [f"{ONE}#1", f"{TWO}#2"]


def test_the_first_answer_may_not_remove_too_many_of_the_file_either() -> None:
    bench = Bench(FILED)
    reload(bench, TOML)
    answer(bench, 3)
    assert bench.rotation() == ["app/s1#1", "app/s2#2"]
    assert problem(bench) == "it would remove 2 of 2 servers (max_removal is 50%)"


def test_servers_that_were_discovered_leave_when_the_file_names_others(bench: Bench) -> None:
    answer(bench, 1, 3)
    (kept,), (left,) = bench.connect(f"{ONE}#1"), bench.connect(f"{THREE}#2")
    assert f"{THREE}#2 removed" in reload(bench, FILED)
    assert (bench.rotation(), kept.live, left.live) == (["app/s1#1", "app/s2#3"], True, True)
    (running,) = bench.balancer.drains
    assert running.drain.subject == f"{THREE}#2"


def test_another_source_is_judged_as_if_it_had_found_the_members(bench: Bench) -> None:
    answer(bench, 1, 2, 3)
    before = bench.world.source
    reload(bench, TOML.replace("/members", "/others"))
    assert (before.heard, len(bench.rotation())) == (None, 3)
    answer(bench, 3)
    assert "would remove 2 of 3" in problem(bench)
    answer(bench, 2, 3)
    assert bench.rotation() == [f"{TWO}#2", f"{THREE}#3"]


def test_other_settings_of_the_group_ask_nobody_anew(bench: Bench) -> None:
    answer(bench, 1, 2)
    before = bench.world.source
    reload(bench, TOML + "[server_groups.app.connection_draining]\ntimeout = 5\n")
    assert bench.world.source is before
    assert [source.heard is not None for source in bench.world.sources].count(True) == 1
    assert len(bench.rotation()) == 2


def test_nobody_sees_who_leaves_and_not_yet_who_comes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """In between no server might be left, and a group would open for nothing."""
    answer(bench, 1, 2)
    seen: list[tuple[str, ...]] = []
    rotate = bench.plane.rotate

    def see(group: str, rotation: Rotation) -> None:
        seen.append(tuple(member.label for member in rotation.members))
        rotate(group, rotation)

    monkeypatch.setattr(bench.plane, "rotate", see)
    bench.world.source.answer({address(2): 50, address(3): 100})
    assert set(seen) == {(f"{TWO}#2", f"{THREE}#3")}


# The networks of servers.


def test_an_answer_with_a_server_outside_of_the_networks_is_a_problem_and_not_followed(bench: Bench) -> None:
    answer(bench, 1, 2)
    bench.world.source.answer(dict.fromkeys([address(1), address(3)], 100) | {OUTSIDE: 100})
    assert bench.rotation() == [f"{ONE}#1", f"{TWO}#2"]
    assert problem(bench) == "192.0.2.1:80 is not in load_balancer.server_networks: 10.0.0.0/16"
    answer(bench, 1, 3)
    assert (bench.rotation(), problem(bench)) == ([f"{ONE}#1", f"{THREE}#3"], "")


def test_an_answer_that_was_held_back_is_judged_by_the_networks_when_it_is_applied(bench: Bench) -> None:
    answer(bench, 1, 2, 3)
    answer(bench, 3)
    networks = Bench(TOML.replace("10.0.0.0/16", "10.9.0.0/16")).balancer.config
    bench.balancer.config = networks
    with pytest.raises(Refused, match=r"10\.0\.0\.3:80 is not in load_balancer\.server_networks"):
        editing.apply(bench.call(), "app")
    assert len(bench.rotation()) == 3
