"""`set`, `unset` and `get`: any key the file has, live, by the same schema, whole or not at all."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from lbtwist.errors import Refused, UsageError
from lbtwist.service.live import read_path, read_value
from lbtwist.service.loading import Loaded
from lbtwist.service.reload import Reloader
from lbtwist.service.verbs import looking, membership, settings, taking_out
from lbtwist.service.verbs.verb import Result
from tests.service.bench import Bench, config

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


class Filed:
    """A balancer with a file that the test writes."""

    def __init__(self, toml: str = TOML) -> None:
        self.toml = toml
        self.bench = Bench(toml)
        self.reading: Deferred[Loaded] | None = None
        self.reloader = Reloader(self.bench.balancer, self._read)
        self.bench.balancer.documents = (tomllib.loads(toml),)

    def _read(self) -> Deferred[Loaded]:
        return self.reading or succeed(self.loaded())

    def loaded(self) -> Loaded:
        return Loaded(config(self.toml), (tomllib.loads(self.toml),))

    def set(self, key: str, value: str, **more: Any) -> list[Any]:
        return done(settings.set_(self.bench.call(), key, value, **more))

    def unset(self, key: str, **more: Any) -> list[Any]:
        return done(settings.unset(self.bench.call(), key, **more))

    def get(self, key: str | None = None) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = settings.get(self.bench.call(), key).data
        return told

    def reload(self, toml: str) -> list[str]:
        self.toml = toml
        changed: list[list[str]] = []
        self.reloader.reload().addCallback(changed.append)
        return changed[0]

    @property
    def live(self) -> list[str]:
        told: list[str] = looking.status(self.bench.call()).data["live_changes"]
        return told


@pytest.fixture
def filed() -> Filed:
    return Filed()


def done(answer: Deferred[Result]) -> list[Any]:
    got: list[Result] = []
    caught: list[Failure] = []
    answer.addCallbacks(got.append, caught.append)
    if caught:
        caught[0].raiseException()
    told: list[Any] = got[0].data
    return told


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
    assert filed.set("server_groups.app.scheduler", "wlc", dry_run=True) == [
        "it is valid, and would be applied"
    ]
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


def test_with_unset_the_files_value_is_in_force_again(filed: Filed) -> None:
    filed.set("server_groups.app.scheduler", "wlc")
    filed.set("server_groups.app.retries", "9")
    filed.unset("server_groups.app.retries")
    assert (rotation(filed).scheduler, rotation(filed).retries) == ("wlc", 1)
    assert filed.live == ["server_groups.app.scheduler"]


def test_what_was_not_set_is_not_unset(filed: Filed) -> None:
    with pytest.raises(Refused, match="was not set live"):
        filed.unset("server_groups.app.retries")


def test_a_dry_run_takes_nothing_back(filed: Filed) -> None:
    filed.set("server_groups.app.retries", "9")
    filed.unset("server_groups.app.retries", dry_run=True)
    assert rotation(filed).retries == 9


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
    filed.unset("server_groups.app.health_check.timeout")
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
    filed = Filed()
    origins = {
        row["key"].rpartition(".")[2]: row["from"] for row in filed.get("server_groups.app.servers.ecs01")
    }
    assert origins["address"] == "file"
    assert set(origins.values()) == {"file", "default"}


def test_what_stands_in_a_table_that_was_set_live_is_live() -> None:
    filed = Filed()
    filed.set("server_groups.app.health_check", "{ type = 'tcp', interval = 9 }")
    told = {
        row["key"].rpartition(".")[2]: (row["value"], row["from"])
        for row in filed.get("server_groups.app.health_check")
    }
    assert told["interval"] == (9, "live")
    assert told["timeout"] == (3, "default")
