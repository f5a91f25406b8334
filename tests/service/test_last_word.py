"""`set`, `apply`, `revert` and the verbs add, remove and weight, of the same servers: the last one holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lbtwist.errors import Refused
from lbtwist.service.verbs import filing, membership, taking_out
from tests.service.bench import pass_time
from tests.service.filed import Filed, done

FILE = """
[listeners.web]
endpoint = "127.0.0.1:8080"
protocol = "tcp"
[server_groups.app]
retries = 1
[server_groups.app.servers]
ecs01 = { address = "10.0.0.1:80", zone = "a" }
ecs02 = "10.0.0.2:80"
named = "app.internal:80"
"""
SERVERS = "server_groups.app.servers"
WEIGHT = f"{SERVERS}.ecs01.weight"


@pytest.fixture
def filed() -> Filed:
    return started()


def started(directory: Path | None = None) -> Filed:
    filed = Filed(FILE, directory)
    filed.bench.world.names.known["app.internal"] = ("10.0.0.7",)
    pass_time(filed.bench.clock, 60)
    return filed


def weigh(filed: Filed, weight: int, server: str = "app/ecs01") -> None:
    membership.weigh(filed.bench.call(), server, weight)


def remove(filed: Filed, server: str = "app/ecs02") -> None:
    taking_out.remove(filed.bench.call(), [server], force=True)


def add(filed: Filed) -> None:
    membership.add(filed.bench.call(), "app", "extra", "10.0.0.9:80")


def members(filed: Filed) -> dict[str, int]:
    return {r.name: r.weight for r in filed.balancer.groups["app"].members if r.registered}


ALL = {"ecs01": 100, "ecs02": 100, "named": 100}


def test_the_server_given_by_name_is_there(filed: Filed) -> None:
    assert members(filed) == ALL


@pytest.mark.parametrize(
    ("steps", "weight"),
    [
        ([lambda f: weigh(f, 5), lambda f: f.set(WEIGHT, "7")], 7),
        ([lambda f: f.set(WEIGHT, "7"), lambda f: weigh(f, 5)], 5),
        ([lambda f: f.set(WEIGHT, "7"), lambda f: weigh(f, 5), lambda f: f.set(WEIGHT, "7")], 7),
        ([lambda f: weigh(f, 5), lambda f: f.set(WEIGHT, "100")], 100),
        ([lambda f: weigh(f, 5), lambda f: f.revert(WEIGHT)], 100),
        ([lambda f: weigh(f, 5), lambda f: f.revert()], 100),
        ([lambda f: weigh(f, 5), lambda f: f.unset(WEIGHT)], 100),
        ([lambda f: weigh(f, 5), lambda f: f.set("server_groups.app.retries", "3")], 5),
        ([lambda f: weigh(f, 5), lambda f: f.set(f"{SERVERS}.ecs01.max_connections", "3")], 5),
        ([lambda f: weigh(f, 5), lambda f: f.set(f"{SERVERS}.ecs01.zone", "b")], 5),
    ],
)
def test_rule_67_the_last_word_on_a_weight_holds(
    filed: Filed, steps: list[Callable[[Filed], object]], weight: int
) -> None:
    for step in steps:
        step(filed)
    assert members(filed) == {**ALL, "ecs01": weight}
    (row,) = filed.get(WEIGHT)
    assert (row["value"], row["from"], row["who"]) == (
        (100, "default", "") if weight == 100 and WEIGHT not in filed.live else (weight, "live", "ada")
    )


def test_the_same_of_a_server_that_is_given_by_name(filed: Filed) -> None:
    weigh(filed, 5, "app/named")
    filed.set(f"{SERVERS}.named.weight", "7")
    assert members(filed)["named"] == 7
    weigh(filed, 5, "app/named")
    filed.set(f"{SERVERS}.named.weight", "7")
    assert members(filed)["named"] == 7
    remove(filed, "app/named")
    assert f"{SERVERS}.named" in filed.live
    filed.revert()
    assert (members(filed), filed.live) == (ALL, [])


def test_a_server_that_a_verb_added_is_set_as_any_other(filed: Filed) -> None:
    add(filed)
    assert filed.live == [f"{SERVERS}.extra"]
    filed.set(f"{SERVERS}.extra.weight", "7")
    assert members(filed) == {**ALL, "extra": 7}
    filed.reload(FILE)
    assert members(filed) == {**ALL, "extra": 7}
    remove(filed, "app/extra")
    assert members(filed) == ALL
    filed.set("server_groups.app.retries", "3")
    assert members(filed) == ALL


def test_unset_and_revert_take_a_server_away_that_a_verb_added(filed: Filed) -> None:
    add(filed)
    (connection,) = filed.bench.connect("app/extra#5")
    filed.unset(f"{SERVERS}.extra")
    assert (members(filed), filed.live, connection.live) == (ALL, [], True)
    connection.end()
    add(filed)
    filed.revert(SERVERS)
    assert members(filed) == ALL


def test_a_server_that_a_verb_removed_comes_back_by_apply_or_revert_and_by_nothing_else(filed: Filed) -> None:
    remove(filed)
    filed.set("server_groups.app.retries", "3")
    assert "ecs02" not in members(filed)
    with pytest.raises(Refused, match=r"app/ecs02 was removed live: add it, or revert server_groups\.app"):
        filed.set(f"{SERVERS}.ecs02.weight", "7")
    filed.apply(f'[{SERVERS}]\necs02 = "10.0.0.2:80"\n')
    assert members(filed) == ALL
    remove(filed)
    filed.revert(f"{SERVERS}.ecs02")
    assert (members(filed), filed.live) == (ALL, ["server_groups.app.retries"])


def test_a_server_that_was_set_live_and_then_removed_by_a_verb_stays_removed(tmp_path: Path) -> None:
    filed = started(tmp_path)
    filed.apply(f'[{SERVERS}]\necs03 = "10.0.0.3:80"\n')
    remove(filed, "app/ecs03")
    filed.reload(FILE)
    assert (members(filed), filed.diff()) == (ALL, "")


def test_another_server_of_the_name_of_one_that_was_removed(tmp_path: Path) -> None:
    filed = started(tmp_path)
    remove(filed)
    membership.add(filed.bench.call(), "app", "ecs02", "10.0.0.22:80")
    assert '+ecs02 = "10.0.0.22:80"' in filed.diff()
    filed.revert()
    assert [
        str(r.address) for r in filed.balancer.groups["app"].members if r.name == "ecs02" and r.registered
    ] == ["10.0.0.2:80"]


def test_rule_67_with_on_reload_file_what_verbs_did_goes_too_but_drains(filed: Filed) -> None:
    weigh(filed, 5)
    remove(filed)
    add(filed)
    taking_out.drain(filed.bench.call(), ["app/ecs01"], force=True)
    filed.reload('[load_balancer]\non_reload = "file"\n' + FILE)
    assert (members(filed), filed.live) == (ALL, [])
    assert filed.balancer.groups["app"].members.current("ecs01").state == "drained"


def test_rule_67_a_reload_that_merges_leaves_what_verbs_did(filed: Filed) -> None:
    weigh(filed, 5)
    remove(filed)
    add(filed)
    filed.reload(FILE.replace("retries = 1", "retries = 3"))
    assert members(filed) == {"ecs01": 5, "named": 100, "extra": 100}
    assert len(filed.live) == 3


def test_a_dry_run_shows_the_last_word(filed: Filed) -> None:
    weigh(filed, 5)
    old, new = [line for line in filed.set(WEIGHT, "7", dry_run=True) if line[0] in "+-"][2:]
    assert ("weight = 5" in old, "weight = 7" in new) == (True, True)
    assert members(filed)["ecs01"] == 5


def test_of_a_server_given_by_name_what_a_verb_does_while_a_save_writes_stays(tmp_path: Path) -> None:
    filed = started(tmp_path)
    weigh(filed, 5, "app/named")
    filed.slow = []
    saving = filing.save(filed.bench.call())
    filed.slow.pop().callback(None)
    weigh(filed, 9, "app/named")
    filed.slow.pop().callback(None)
    done(saving)
    assert members(filed)["named"] == 9
    assert filed.live == [f"{SERVERS}.named.weight"]
