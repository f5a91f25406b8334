"""`set`, `unset` and `get`: any key the file has, live, by the same schema, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from lbtwist.errors import Refused, UsageError
from lbtwist.service.live import read_path, read_value
from lbtwist.service.verbs import membership, settings, taking_out
from tests.service.bench import Bench, config
from tests.service.filed import Filed, done

TOML = """
[listeners.web]
endpoint = "127.0.0.1:8080"
protocol = "tcp"
server_group = "app"
[server_groups.app]
retries = 1
[server_groups.app.servers]
ecs01 = "10.0.0.1:80"
"ecs.02" = "10.0.0.2:80"
[server_groups.api.servers]
one = "10.0.1.1:80"
"""


@pytest.fixture
def filed() -> Filed:
    return Filed(TOML)


def rotation(filed: Filed) -> Any:
    return filed.bench.plane.rotations["app"]


# set


def test_a_setting_is_in_force_when_it_is_set(filed: Filed) -> None:
    assert filed.set("server_groups.app.scheduler", "wlc") == ["server group app changed"]
    assert (rotation(filed).scheduler, filed.live) == ("wlc", ["server_groups.app.scheduler"])


def test_a_value_is_read_as_in_the_file(filed: Filed) -> None:
    filed.set("server_groups.app.retries", "7")
    filed.set("server_groups.app.connection_draining.timeout", "5m")
    filed.set("server_groups.app.min_healthy", '"50%"')
    app = filed.bench.balancer.config.server_groups["app"]
    assert (app.retries, app.connection_draining.timeout, str(app.min_healthy)) == (7, 300.0, "50%")


def test_rule_73_no_connection_is_touched_and_no_member(filed: Filed) -> None:
    (connection,) = filed.bench.connect("app/ecs01#2")
    taking_out.drain(filed.bench.call(), ["app/ecs01"])
    (running,) = filed.bench.balancer.drains
    filed.set("server_groups.app.connection_draining.timeout", "0")
    assert (running.left(), connection.live, filed.bench.rotation()) == (300.0, True, ["app/ecs.02#3"])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("server_groups.app.scheduler", "nothing", "'nothing' is not one of"),
        ("server_groups.app.slow_start", "7", r"slow_start: 7"),
        ("server_groups.app.schedular", "wlc", "is not a known key"),
        ("listeners.web.server_group", "zzz", "'zzz' is no server group"),
        ("server_groups.app.retries.more", "1", "retries is no table"),
        ("console.endpoint", "2223", "console"),
    ],
)
def test_what_is_wrong_changes_nothing(filed: Filed, key: str, value: str, message: str) -> None:
    before = (filed.bench.balancer.config, rotation(filed))
    with pytest.raises(Refused, match=message):
        filed.set(key, value)
    assert ((filed.bench.balancer.config, rotation(filed)), filed.live) == (before, [])


def test_what_does_not_fit_with_what_was_set_before_is_refused(filed: Filed) -> None:
    filed.set("server_groups.app.health_check.timeout", "4")
    with pytest.raises(Refused, match=r"timeout: 4 s is longer than interval \(3 s\)"):
        filed.set("server_groups.app.health_check.interval", "3")
    assert filed.live == ["server_groups.app.health_check.timeout"]


def test_a_name_with_a_dot_is_quoted(filed: Filed) -> None:
    filed.set('server_groups.app.servers."ecs.02".weight', "9")
    assert [member.weight for member in rotation(filed).members] == [100, 9]
    (row,) = filed.get('server_groups.app.servers."ecs.02".weight')
    assert row["key"] == 'server_groups.app.servers."ecs.02".weight'


def test_a_dry_run_judges_and_sets_nothing(filed: Filed) -> None:
    told = filed.set("server_groups.app.scheduler", "wlc", dry_run=True)
    assert [line for line in told if line[0] in "+-"] == ["--- lb.toml", "+++ lb.toml", '+scheduler = "wlc"']
    with pytest.raises(Refused):
        filed.set("server_groups.app.scheduler", "nothing", dry_run=True)
    assert (rotation(filed).scheduler, filed.live) == ("wrr", [])


def test_of_two_that_are_set_while_the_file_is_read_both_are_in_force(filed: Filed) -> None:
    filed.reading = Deferred()
    filed.reloader.reload()
    one = settings.set_(filed.bench.call(), "server_groups.app.scheduler", "wlc")
    two = settings.set_(filed.bench.call(), "server_groups.app.retries", "9")
    assert (one.called, two.called) == (False, False)
    filed.reading.callback(filed.loaded())
    assert (rotation(filed).scheduler, rotation(filed).retries) == ("wlc", 9)
    assert filed.live == ["server_groups.app.scheduler", "server_groups.app.retries"]


def test_without_a_reloader_nothing_is_set() -> None:
    with pytest.raises(Refused):
        done(settings.set_(Bench(TOML).call(), "server_groups.app.scheduler", "wlc"))


# unset


def test_with_unset_the_default_is_in_force_though_the_file_says_another_value(filed: Filed) -> None:
    filed.set("server_groups.app.scheduler", "wlc")
    filed.unset("server_groups.app.scheduler")
    assert (rotation(filed).scheduler, filed.live) == ("wrr", [])
    filed.unset("server_groups.app.retries")
    assert (rotation(filed).retries, filed.live) == (2, ["server_groups.app.retries"])
    (row,) = filed.get("server_groups.app.retries")
    assert (row["value"], row["from"]) == (2, "default")


def test_a_whole_table_is_unset() -> None:
    filed = Filed(TOML + "[server_groups.app.health_check]\ninterval = 9\n")
    filed.unset("server_groups.app.health_check")
    assert filed.bench.balancer.config.server_groups["app"].health_check is None
    assert filed.live == ["server_groups.app.health_check"]


def test_what_is_written_nowhere_is_not_unset(filed: Filed) -> None:
    with pytest.raises(Refused, match="is not written in the file, nor was it set live"):
        filed.unset("server_groups.app.slow_start")
    filed.unset("server_groups.app.retries")
    with pytest.raises(Refused, match="is not written"):
        filed.unset("server_groups.app.retries")


def test_what_the_file_needs_is_not_unset(filed: Filed) -> None:
    with pytest.raises(Refused, match=r"listeners\.web\.endpoint: is required"):
        filed.unset("listeners.web.endpoint")
    assert filed.live == []


# revert


def test_with_revert_the_files_value_is_in_force_again(filed: Filed) -> None:
    filed.set("server_groups.app.scheduler", "wlc")
    filed.set("server_groups.app.retries", "9")
    filed.revert("server_groups.app.retries")
    assert (rotation(filed).scheduler, rotation(filed).retries) == ("wlc", 1)
    assert filed.live == ["server_groups.app.scheduler"]


def test_revert_drops_all_below_a_key_and_without_one_all(filed: Filed) -> None:
    for key, value in {"health_check.interval": "9", "health_check.timeout": "2", "retries": "5"}.items():
        filed.set(f"server_groups.app.{key}", value)
    filed.revert("server_groups.app.health_check")
    assert filed.live == ["server_groups.app.retries"]
    assert filed.bench.balancer.config.server_groups["app"].health_check is None
    filed.revert()
    assert (filed.live, filed.bench.balancer.config) == ([], config(TOML))


def test_where_nothing_was_changed_live_there_is_nothing_to_revert(filed: Filed) -> None:
    with pytest.raises(Refused, match=r"nothing was changed live at server_groups\.app\.retries"):
        filed.revert("server_groups.app.retries")
    with pytest.raises(Refused, match=r"nothing was changed live$"):
        filed.revert()


# get


def test_get_tells_a_value_and_where_it_comes_from(filed: Filed) -> None:
    assert filed.get("server_groups.app.retries") == [
        {"key": "server_groups.app.retries", "value": 1, "from": "file", "who": ""}
    ]
    filed.set("server_groups.app.retries", "9")
    assert filed.get("server_groups.app.retries") == [
        {"key": "server_groups.app.retries", "value": 9, "from": "live", "who": "ada"}
    ]
    (row,) = filed.get("server_groups.app.scheduler")
    assert (row["value"], row["from"]) == ("wrr", "default")


def test_get_tells_all_of_a_table_and_all(filed: Filed) -> None:
    keys = [row["key"] for row in filed.get("listeners.web")]
    assert "listeners.web.endpoint" in keys
    assert all(key.startswith("listeners.web.") for key in keys)
    assert len(filed.get()) > len(keys)
    with pytest.raises(Refused, match=r"there is no value at listeners\.zzz"):
        filed.get("listeners.zzz")


# A reload.


def test_rule_67_what_was_set_survives_a_reload_that_does_not_change_it(filed: Filed) -> None:
    filed.set("server_groups.app.scheduler", "wlc")
    filed.reload(TOML.replace("retries = 1", "retries = 3"))
    assert (rotation(filed).scheduler, rotation(filed).retries) == ("wlc", 3)
    assert filed.live == ["server_groups.app.scheduler"]


def test_rule_67_where_the_file_has_changed_the_same_key_it_wins(filed: Filed) -> None:
    filed.set("server_groups.app.retries", "9")
    filed.set("server_groups.app.scheduler", "wlc")
    filed.reload(TOML.replace("retries = 1", "retries = 3"))
    assert (rotation(filed).retries, rotation(filed).scheduler) == (3, "wlc")
    assert filed.live == ["server_groups.app.scheduler"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("scheduler", "wlc"), ("health_check.interval", "9"), ("connection_draining.timeout", "9")],
)
def test_what_was_set_of_a_group_that_the_file_drops_does_not_bring_it_back(
    filed: Filed, key: str, value: str
) -> None:
    filed.set(f"server_groups.api.{key}", value)
    filed.reload(TOML.partition("[server_groups.api")[0])
    assert (filed.live, list(filed.bench.balancer.groups)) == ([], ["app"])


def test_a_reload_that_does_not_fit_with_what_was_set_is_refused_and_nothing_changes(
    flush_logged_errors: Callable[[], object],
) -> None:
    filed = Filed(TOML + "[server_groups.app.health_check]\ninterval = 5\n")
    filed.set("server_groups.app.health_check.timeout", "4")
    before = filed.bench.balancer.config
    filed.toml = filed.toml.replace("interval = 5", "interval = 3")
    caught: list[Failure] = []
    filed.reloader.reload().addErrback(caught.append)
    assert "timeout: 4 s is longer than interval (3 s)" in caught[0].getErrorMessage()
    assert (filed.bench.balancer.config, len(filed.live)) == (before, 1)
    flush_logged_errors()
    filed.revert("server_groups.app.health_check.timeout")
    assert filed.reload(filed.toml) == ["server group app changed"]
    filed.bench.balancer.stopService()


def test_what_was_set_in_a_table_that_the_file_adds_gives_way(filed: Filed) -> None:
    filed.set("server_groups.app.health_check.timeout", "4")
    filed.reload(TOML + "[server_groups.app.health_check]\ninterval = 9\n")
    assert filed.live == []
    filed.bench.balancer.stopService()


def test_rule_67_a_live_weight_of_the_verb_and_a_setting_are_two_things(filed: Filed) -> None:
    membership.weigh(filed.bench.call(), "app/ecs01", 5)
    filed.set("server_groups.app.retries", "9")
    assert [member.weight for member in rotation(filed).members] == [5, 100]


# How keys and values are written.


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("a", ("a",)),
        ("server_groups.app.scheduler", ("server_groups", "app", "scheduler")),
        ('a."b.c"', ("a", "b.c")),
        ("a.'b c'", ("a", "b c")),
    ],
)
def test_a_key_is_read_as_toml_writes_it(key: str, path: tuple[str, ...]) -> None:
    assert read_path(key) == path


@pytest.mark.parametrize("key", ["", "a b", "a = 1\nb", "a.", "[a]", 'a."b', "a\n", "a#", "a=1#"])
def test_what_is_no_key_is_wrong_usage(key: str) -> None:
    with pytest.raises(UsageError, match="is not a key path"):
        read_path(key)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("0.5", 0.5),
        ("true", True),
        ("wlc", "wlc"),
        ('"5"', "5"),
        ("50%", "50%"),
        ('["a", "b"]', ["a", "b"]),
        ("{ a = 1 }", {"a": 1}),
        ("1\nb = 2", "1\nb = 2"),
        ("", ""),
    ],
)
def test_a_value_is_read_as_toml_writes_it_and_else_it_is_text(text: str, value: object) -> None:
    assert read_value(text) == value


def test_the_address_that_a_server_is_short_for_is_the_files() -> None:
    filed = Filed(TOML)
    origins = {
        row["key"].rpartition(".")[2]: row["from"] for row in filed.get("server_groups.app.servers.ecs01")
    }
    assert origins["address"] == "file"
    assert set(origins.values()) == {"file", "default"}


def test_what_stands_in_a_table_that_was_set_live_is_live() -> None:
    filed = Filed(TOML)
    filed.set("server_groups.app.health_check", "{ type = 'tcp', interval = 9 }")
    told = {
        row["key"].rpartition(".")[2]: (row["value"], row["from"])
        for row in filed.get("server_groups.app.health_check")
    }
    assert told["interval"] == (9, "live")
    assert told["timeout"] == (3, "default")
