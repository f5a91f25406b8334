"""A key that an operator changes live and that the file changes, too: what holds, and what is told."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import pytest

from tests.service.filed import Filed

HEAD = """
[listeners.web]
endpoint = "127.0.0.1:8080"
protocol = "tcp"
server_group = "app"
[server_groups.app.servers]
ecs01 = "10.0.0.1:80"
[server_groups.app]
"""
KEY = "server_groups.app.retries"
DEFAULT = 2
SAID = {"without": None, "with": 1}
"""What the file says at first."""
FILED = {"unchanged": "same", "changed": 5, "removed": None, "added": 5, "to the same": 9}
"""What the file says when it is read again."""
LIVE = {"unchanged": "same", "changed": 9, "removed": None}


class Case(NamedTuple):
    """One key, on each side."""

    was: int | None
    filed: int | None
    """In the file, when it is read again; None: it is not there."""
    live: int | str | None
    """As an operator sets it; None: takes it away."""


def toml(value: int | None) -> str:
    return HEAD + ("" if value is None else f"retries = {value}\n")


def cases() -> list[Case]:
    found = set()
    for was, filed, live in product(SAID.values(), FILED.values(), LIVE.values()):
        now = was if filed == "same" else filed
        if not (live is None and was is None):  # what is not there is not taken away
            found.add(Case(was, now, live))  # type: ignore[arg-type]
    return sorted(found, key=str)


def expected(case: Case) -> tuple[int, list[str], bool]:
    """The value in force, what is live, and whether a warning is told."""
    was, filed, live = case
    in_file = DEFAULT if filed is None else filed
    if live == "same" or live == filed:
        return in_file, [], False
    if filed != was:
        return in_file, [], True
    return DEFAULT if live is None else int(live), [KEY], False


@pytest.mark.parametrize("case", cases(), ids=str)
def test_rule_67_one_key_is_changed_in_the_file_and_live(case: Case, warned: list[str]) -> None:
    """Each of unchanged, changed, removed and added on one side with each on the other."""
    filed = Filed(toml(case.was))
    if case.live is None:
        filed.unset(KEY)
    elif case.live != "same":
        filed.set(KEY, str(case.live))
    filed.reload(toml(case.filed))
    (row,) = filed.get(KEY)
    told = [line for line in warned if line == f"{KEY} was set live; the file has changed it since, and wins"]
    assert (row["value"], filed.live, bool(told)) == expected(case)


def test_the_table_has_each_combination() -> None:
    assert len(cases()) == 18


@pytest.mark.parametrize("live", [*LIVE.values(), 1], ids=str)
@pytest.mark.parametrize("now", [None, 1, 5, 9], ids=str)
def test_rule_67_with_on_reload_file_the_file_wins_everywhere(
    now: int | None, live: int | str | None
) -> None:
    wins = '[load_balancer]\non_reload = "file"\n'
    filed = Filed(wins + toml(1))
    if live is None:
        filed.unset(KEY)
    elif live != "same":
        filed.set(KEY, str(live))
    filed.reload(wins + toml(now))
    (row,) = filed.get(KEY)
    assert (row["value"], filed.live) == (DEFAULT if now is None else now, [])


THIRD = '[server_groups.third]\nretries = 7\n[server_groups.third.servers]\none = "10.0.3.1:80"\n'
CHECKS = "[server_groups.app.health_check]\ninterval = 9\n"
ADMIN = '[listeners.admin]\nendpoint = "127.0.0.1:8081"\nprotocol = "tcp"\nserver_group = "app"\n'


@pytest.mark.parametrize(
    ("before", "after", "holds"),
    [
        (HEAD + THIRD, HEAD + THIRD, True),
        (HEAD + THIRD, HEAD + THIRD.replace("7", "8"), False),
        (HEAD + THIRD, HEAD + THIRD + 'two = "10.0.3.2:80"\n', False),
        (HEAD + THIRD, HEAD, False),
    ],
    ids=["unchanged", "changed", "added to", "removed"],
)
def test_rule_67_a_group_that_was_removed_live_stays_so_until_the_file_changes_it(
    before: str, after: str, holds: bool
) -> None:
    filed = Filed(before)
    filed.unset("server_groups.third")
    filed.reload(after)
    assert filed.live == (["server_groups.third"] if holds else [])
    assert ("third" in filed.config.server_groups) is (after != HEAD and not holds)


@pytest.mark.parametrize(
    ("after", "endpoint", "live"),
    [
        (HEAD, "127.0.0.1:8081", 3),
        (HEAD + ADMIN, "127.0.0.1:8081", 0),
        (HEAD + ADMIN.replace("8081", "9999"), "127.0.0.1:9999", 0),
    ],
    ids=["unchanged", "added as it is", "added otherwise"],
)
def test_rule_67_a_listener_that_was_made_live(after: str, endpoint: str, live: int) -> None:
    filed = Filed(HEAD)
    filed.apply(ADMIN)
    filed.reload(after)
    assert str(filed.config.listeners["admin"].endpoint) == endpoint
    assert len(filed.live) == live


def test_rule_67_a_server_that_was_added_live_and_then_by_the_file_under_another_name() -> None:
    filed = Filed(HEAD.replace("[server_groups.app]\n", ""))
    filed.apply('[server_groups.app.servers]\nmine = "10.0.0.8:80"\n')
    filed.reload(filed.toml + 'ecs08 = "10.0.0.8:80"\n')
    assert filed.bench.rotation() == ["app/ecs01#2", "app/ecs08#3"]
    assert filed.live == []


def test_rule_67_a_file_in_which_a_server_is_only_written_otherwise_has_not_changed_it() -> None:
    filed = Filed(HEAD)
    filed.set("server_groups.app.servers.ecs01.weight", "5")
    filed.reload(HEAD.replace('"10.0.0.1:80"', '{ address = "10.0.0.1:80" }'))
    assert filed.live == ["server_groups.app.servers.ecs01.weight"]
