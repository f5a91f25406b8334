"""Rule 67: what was set live holds after a restart, unless the file was edited or it can't be any more."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lbtwist.errors import ConfigurationError, Problem
from lbtwist.model.config import Config, Part, parse_parts
from lbtwist.model.config.changes import Changes, LiveChange, changed
from lbtwist.model.state.document import Setting, State, read_state, write_state
from lbtwist.service.state.settings import SetAgain, set_again, settings_of
from tests.service.state.house import TOML, Kept

APP = ("server_groups", "app")
RETRIES, SCHEDULER = (*APP, "retries"), (*APP, "scheduler")
LISTENER: Changes = {
    ("listeners", "new", "endpoint"): LiveChange("127.0.0.1:8081", "ada"),
    ("listeners", "new", "protocol"): LiveChange("tcp", "ada"),
    ("listeners", "new", "server_group"): LiveChange("other", "ada"),
}
GROUP: Changes = {("server_groups", "other", "servers", "s1", "address"): LiveChange("10.1.0.1:80", "ada")}


def parts(toml: str) -> tuple[Part, ...]:
    return (Part(tomllib.loads(toml)),)


def again(before: str, changes: Changes, after: str) -> SetAgain:
    """`changes` over the file `before`, kept, and taken up over the file `after`."""
    state = read_state(write_state(State(settings=tuple(settings_of(parts(before), changes)))))
    return set_again(parts(after), state.settings, lambda wanted: judged(parts(after), wanted))


def judged(of: Sequence[Part], changes: Changes) -> Config:
    return parse_parts(changed(of, changes), {})


def change(path: tuple[str, ...], value: Any) -> Changes:
    return {path: LiveChange(value, "ada")}


EDITED = TOML.replace("min_healthy = 0", "min_healthy = 0\nretries = 1")


@pytest.mark.parametrize(
    ("before", "after", "held"),
    [
        (TOML, TOML, True),
        (EDITED, EDITED, True),
        (TOML, EDITED, False),
        (EDITED, TOML, False),
        (EDITED, EDITED.replace("retries = 1", "retries = 4"), False),
        (TOML, TOML.replace("timeout = 60", "timeout = 61"), True),
        (TOML, TOML.replace(".app", ".b").replace('"app"', '"b"'), False),
    ],
)
def test_rule_67_the_file_s_edit_of_the_same_key_wins(before: str, after: str, held: bool) -> None:
    changes = change(RETRIES, 3)
    told = (
        () if held else ("server_groups.app.retries was set live; the file has changed it since, and wins",)
    )
    assert again(before, changes, after) == SetAgain(changes if held else {}, told)


def test_rule_67_what_the_file_says_now_too_is_the_file_s() -> None:
    """As after `save`: it is neither live any more nor outdated."""
    assert again(TOML, change(RETRIES, 1), EDITED) == SetAgain({})
    gone = TOML.replace('s1 = "10.0.0.1:80"\n', "")
    assert again(TOML, change((*APP, "servers", "s1"), None), gone) == SetAgain({})


def test_rule_67_what_was_taken_away_live() -> None:
    changes = change(("server_groups", "app", "servers", "s1"), None)
    assert again(TOML, changes, TOML) == SetAgain(changes)


def test_rule_67_a_listener_and_its_group_are_made_together() -> None:
    assert again(TOML, {**LISTENER, **GROUP}, TOML) == SetAgain({**LISTENER, **GROUP})


def test_rule_67_what_can_t_be_any_more_takes_nothing_with_it() -> None:
    """A scheduler whose plugin is gone, here; the rest holds, each table whole."""
    changes = {**LISTENER, **GROUP, **change(SCHEDULER, "gone")}
    assert again(TOML, changes, TOML) == SetAgain(
        {**LISTENER, **GROUP}, ("server_groups.app.scheduler was set live, and can't be any more",)
    )


def test_a_setting_of_a_strange_shape_is_dropped() -> None:
    """The state file is believed in nothing."""
    for filed in (None, 3, [], [1], [1, 2, 3], [True, None]):
        found = set_again(parts(TOML), [Setting(RETRIES, 3, "ada", filed)], lambda _: Config())
        assert (found.changes, len(found.dropped)) == ({}, 1)


def test_nothing_is_judged_where_nothing_was_set() -> None:
    def judge(changes: Changes) -> Config:
        assert changes == {}
        raise ConfigurationError([Problem("", "")])

    assert set_again(parts(TOML), [], judge) == SetAgain({})


def test_rule_67_what_is_set_is_kept(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.balancer.live.changes = change(RETRIES, 3)
    kept.balancer.changed()
    kept.clock.advance(1)
    (setting,) = read_state(kept.file.read_bytes()).settings
    assert setting[:3] == (RETRIES, 3, "ada")
