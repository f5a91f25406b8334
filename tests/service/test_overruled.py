"""Rule 67: a reload in which the file says something else of what verbs did, and edits that take a while."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from lbtwist.errors import Refused
from lbtwist.service.reload import LOGGED_CHANGES
from lbtwist.service.verbs import membership, settings, taking_out
from tests.service.bench import address, pass_time
from tests.service.filed import Filed
from tests.service.test_live_merge import HEAD

TOML = HEAD.replace("[server_groups.app]\n", "") + 'ecs02 = "10.0.0.2:80"\n'
SERVERS = "server_groups.app.servers"
WINS = "was set live; the file has changed it since, and wins"


@pytest.fixture
def filed() -> Filed:
    return Filed(TOML)


def overruled(warned: list[str]) -> list[str]:
    return [line.removesuffix(f" {WINS}") for line in warned if line.endswith(WINS)]


def edited(**servers: str) -> str:
    """The file with other entries for these."""
    text = TOML
    for name, entry in servers.items():
        before = next(line for line in TOML.splitlines() if line.startswith(f"{name} = "))
        text = text.replace(before, f"{name} = {entry}" if entry else "")
    return text


def test_a_removed_server_whose_entry_the_file_edits_is_back(filed: Filed, warned: list[str]) -> None:
    """Rule 67."""
    filed.run(taking_out.remove, ["app/ecs01"])
    filed.reload(TOML + "# edited elsewhere\n")
    assert filed.bench.rotation() == ["app/ecs02#3"]
    done = filed.reload(edited(ecs01='{ address = "10.0.0.1:80", weight = 50 }'))
    assert [label.partition("#")[0] for label in filed.bench.rotation()] == ["app/ecs02", "app/ecs01"]
    assert done[-1].endswith("added")
    assert filed.live == []
    assert overruled(warned) == [f"{SERVERS}.ecs01"]


def test_one_that_still_drains_comes_back_by_the_rules(filed: Filed) -> None:
    """Rules 16 and 67."""
    filed.bench.connect("app/ecs01#2")
    filed.run(taking_out.remove, ["app/ecs01"])
    filed.reload(edited(ecs01='{ address = "10.0.0.1:80", weight = 50 }'))
    states = {r.label: r.state for r in filed.balancer.registrations()}
    assert states == {"app/ecs01#2": "draining", "app/ecs02#3": "healthy", "app/ecs01#4": "initial"}


def test_one_that_the_file_drops_too_is_nobody_s_surprise(filed: Filed, warned: list[str]) -> None:
    """Rule 67."""
    filed.run(taking_out.remove, ["app/ecs01"])
    filed.reload(edited(ecs01=""))
    assert (filed.live, overruled(warned)) == ([], [])


@pytest.mark.parametrize(
    ("entry", "weight", "warns"),
    [
        ('"10.0.0.1:80"', 7, False),
        ('{ address = "10.0.0.1:80", weight = 50 }', 50, True),
        ('{ address = "10.0.0.1:80", weight = 7 }', 7, False),
        ('{ address = "10.0.0.1:80", zone = "north" }', 7, False),
    ],
    ids=["as before", "another", "the same", "something else"],
)
def test_a_weight_that_a_verb_set(
    filed: Filed, warned: list[str], entry: str, weight: int, warns: bool
) -> None:
    """Rule 67: where the file overrules it, a warning names it."""
    filed.run(membership.weigh, "app/ecs01", 7)
    filed.reload(edited(ecs01=entry))
    assert members(filed)["ecs01"] == weight
    assert overruled(warned) == ([f"{SERVERS}.ecs01.weight"] if warns else [])


def test_with_on_reload_file_all_that_verbs_did_is_named(warned: list[str]) -> None:
    """Rule 67."""
    wins = '[load_balancer]\non_reload = "file"\n'
    filed = Filed(wins + TOML)
    filed.run(membership.weigh, "app/ecs01", 7)
    filed.run(taking_out.remove, ["app/ecs02"])
    filed.run(membership.add, "app", "mine", "10.0.0.9:80")
    filed.reload(wins + TOML)
    named = [line.partition(" ")[0] for line in warned if "is read anew" in line]
    assert named == [f"{SERVERS}.ecs01.weight", f"{SERVERS}.ecs02", f"{SERVERS}.mine"]
    assert filed.live == []


def test_a_server_given_by_name_that_a_verb_removed_and_the_file_edits() -> None:
    """Rule 67: it is back with what the file says, and not because its address is another."""
    toml = TOML + 'named = "app.internal:80"\n'
    filed = Filed(toml)
    filed.bench.world.names.known["app.internal"] = ("10.0.0.7",)
    pass_time(filed.bench.clock, 60)
    filed.run(taking_out.remove, ["app/named"])
    filed.bench.world.names.known["app.internal"] = ("10.0.0.8",)
    pass_time(filed.bench.clock, 60)
    filed.reload(toml + "# edited elsewhere\n")
    assert members(filed) == {"ecs01": 100, "ecs02": 100}
    filed.reload(toml.replace('"app.internal:80"', '{ address = "app.internal:80", weight = 50 }'))
    assert members(filed) == {"ecs01": 100, "ecs02": 100, "named": 50}


def test_rule_67_a_server_that_a_source_weighs_otherwise_stays_removed() -> None:
    """Only what somebody has edited brings it back."""
    filed = Filed('[server_groups.app]\ndiscovery = { type = "file", path = "x" }\n')
    filed.bench.world.source.answer({address(1): 100, address(2): 100})
    filed.run(taking_out.remove, ["app/10.0.0.1:80"])
    filed.bench.world.source.answer({address(1): 50, address(2): 50})
    assert members(filed) == {"10.0.0.2:80": 50}


def test_a_verb_that_comes_in_while_an_edit_is_judged(filed: Filed) -> None:
    """The server was removed meanwhile: its weight is nothing to set any more, and it stays removed."""
    waiting: list[Deferred[None]] = []
    filed.slow = waiting
    caught: list[Failure] = []
    answer = settings.set_(filed.bench.call(), f"{SERVERS}.ecs02.weight", "5")
    answer.addErrback(caught.append)
    filed.run(membership.weigh, "app/ecs02", 9)
    filed.run(taking_out.remove, ["app/ecs02"])
    waiting.pop().callback(None)
    assert caught[0].check(Refused)
    assert "was removed live" in caught[0].getErrorMessage()
    assert members(filed) == {"ecs01": 100}


def test_what_a_verb_does_while_an_edit_is_judged_is_not_undone_by_it(filed: Filed) -> None:
    """The server was added live, and is spoken of with all that is live of it: that is judged anew."""
    filed.run(membership.add, "app", "extra", "10.0.0.9:80")
    waiting: list[Deferred[None]] = []
    filed.slow = waiting
    caught: list[Failure] = []
    answer = settings.set_(filed.bench.call(), f"{SERVERS}.extra.zone", "north")
    answer.addErrback(caught.append)
    filed.run(membership.weigh, "app/extra", 9)
    waiting.pop().callback(None)
    waiting.pop().callback(None)
    assert (caught, members(filed)["extra"]) == ([], 9)


def test_an_edit_that_is_judged_while_it_leaves_is_refused(filed: Filed) -> None:
    waiting: list[Deferred[None]] = []
    filed.slow = waiting
    caught: list[Failure] = []
    settings.set_(filed.bench.call(), "server_groups.app.retries", "5").addErrback(caught.append)
    filed.balancer.leaving = True
    waiting.pop().callback(None)
    assert caught[0].check(Refused)
    assert filed.config.server_groups["app"].retries == 2


def test_the_log_of_a_reload_is_bounded(logged: list[str]) -> None:
    filed = Filed(TOML)
    more = "".join(f'more{number} = "10.0.1.{number}:80"\n' for number in range(LOGGED_CHANGES + 9))
    done = filed.reload(TOML + more)
    told = [line for line in logged if line.startswith("reload: ")]
    assert len(done) == LOGGED_CHANGES + 10
    assert len(told) == LOGGED_CHANGES + 1
    assert told[-1] == "reload: and 10 more"


def members(filed: Filed) -> dict[str, int]:
    return {r.name: r.weight for r in filed.balancer.groups["app"].members if r.registered}
