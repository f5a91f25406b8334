"""What the metrics read."""

from __future__ import annotations

import math

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics

from lbtwist.model.config import Config
from lbtwist.model.config.changes import LiveChange
from lbtwist.model.drain import Because
from lbtwist.model.figures import BOUNDS, Distribution, Figures, GroupFigures, ListenerFigures
from lbtwist.model.health import CheckResult
from lbtwist.model.members import Wanted
from lbtwist.model.plane import Tally
from lbtwist.model.registration import Origin
from lbtwist.status import listener_metrics, server_metrics
from lbtwist.status.collector import FAMILIES
from lbtwist.status.families import Kind
from lbtwist.status.process_metrics import NAMES
from tests.service.bench import ADA, WALL, config
from tests.status.bench import ONE, Scene

HTTP = ONE.replace('"tcp"', '"http"')
CHECKED = ONE + "[server_groups.app.health_check]\n"


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_server_is_told_with_its_group_name_and_number(scene: Scene) -> None:
    first, second = scene.bench.connect("app/ecs01#2", 2)
    first.move(10, 200)
    second.move(1, 2)
    second.end()
    labels = {"group": "app", "server": "ecs01", "registration": "2"}
    told = {
        "current_connections": 1.0,
        "connections_total": 2.0,
        "received_bytes_total": 11.0,
        "sent_bytes_total": 202.0,
        "cut_connections_total": 0.0,
        "weight": 100.0,
        "available": 1.0,
    }
    for name, value in told.items():
        assert scene.value(f"lbtwist_server_{name}", **labels) == value, name
    assert scene.value("lbtwist_server_info", **labels, address="10.0.0.1:80", zone="") == 1


def test_a_server_counts_what_it_had_on_seats_that_it_gave_up(scene: Scene) -> None:
    registration = scene.balancer.groups["app"].members.get(2)
    assert registration is not None
    registration.past = Tally(total=5, received=7)
    scene.bench.connect("app/ecs01#2")
    assert scene.value("lbtwist_server_connections_total", server="ecs01") == 6
    assert scene.value("lbtwist_server_received_bytes_total", server="ecs01") == 7


def test_a_server_that_goes_while_a_scrape_is_made_is_left_out(scene: Scene) -> None:
    readings = server_metrics.readings(scene.balancer, Figures())
    next(readings)
    group = scene.balancer.groups["app"]
    group.remove([r for r in group.members if r.name == "ecs02"], ADA, Origin.VERB)
    assert {reading.labels[1] for reading in readings} == {"ecs01"}


def test_how_many_clients_there_may_be(scene: Scene) -> None:
    budget = scene.balancer.budget
    budget.allow(2, 4, "")
    for _ in range(2):
        budget.enter()
    told = [scene.value(f"lbtwist_clients{name}") for name in ("", "_limit", "_full")]
    assert told == [2, 2, 1]
    budget.leave()
    assert (scene.value("lbtwist_clients"), scene.value("lbtwist_clients_full")) == (1, 0)


def test_lines_of_the_access_log_that_were_dropped(scene: Scene) -> None:
    assert scene.value("lbtwist_access_log_dropped_lines_total") == 0
    scene.balancer.dropped_lines = lambda: 7
    assert scene.value("lbtwist_access_log_dropped_lines_total") == 7


def test_exactly_one_state_holds(scene: Scene) -> None:
    registration = scene.balancer.groups["app"].members.get(2)
    assert registration is not None
    scene.bench.connect("app/ecs01#2")
    scene.balancer.groups["app"].drain([registration], ADA)
    states = {
        sample.labels["state"]: sample.value
        for sample in scene.metrics()["lbtwist_server_state"].samples
        if sample.labels["server"] == "ecs01"
    }
    assert states == {state: float(state == "draining") for state in server_metrics.STATES}
    assert scene.value("lbtwist_server_available", server="ecs01") == 0
    assert scene.value("lbtwist_server_available", server="ecs02") == 1


def test_the_series_of_a_removed_server_vanish_with_it(scene: Scene) -> None:
    (connection,) = scene.bench.connect("app/ecs01#2")
    group = scene.balancer.groups["app"]
    group.remove([r for r in group.members if r.name == "ecs01"], ADA, Origin.VERB)
    assert scene.value("lbtwist_server_current_connections", server="ecs01") == 1
    connection.end()
    for metric in scene.metrics().values():
        assert [sample for sample in metric.samples if sample.labels.get("server") == "ecs01"] == []


def test_rule_16_both_stays_of_a_server_have_series_of_their_own(scene: Scene) -> None:
    scene.bench.connect("app/ecs01#2")
    group = scene.balancer.groups["app"]
    (old,) = [r for r in group.members if r.name == "ecs01"]
    group.remove([old], ADA, Origin.VERB)
    group.add({old.address: Wanted("ecs01")}, ADA)
    assert sorted(scene.values("lbtwist_server_connections_total", server="ecs01")) == [0, 1]


def test_failures_are_told_by_their_reason_and_kept_when_a_seat_is_given_up(scene: Scene) -> None:
    member = scene.bench.plane.rotations["app"].members[0]
    scene.bench.plane.fail(member, "refused")
    scene.bench.plane.fail(member, "refused")
    scene.bench.plane.fail(member, "timed out")
    registration = scene.balancer.groups["app"].members.get(2)
    assert registration is not None
    registration.past_failures["refused"] = 5
    assert scene.value("lbtwist_server_failures_total", server="ecs01", reason="refused") == 7
    assert scene.value("lbtwist_server_failures_total", server="ecs01", reason="timed out") == 1
    assert scene.values("lbtwist_server_failures_total", server="ecs02") == []


def test_the_last_check_is_told_once_there_was_one() -> None:
    scene = Scene(CHECKED)
    assert scene.values("lbtwist_server_check_passed") == []
    group = scene.balancer.groups["app"]
    first, second = group.members
    group.health.observe(first, CheckResult(False, "refused", 0.25))
    group.health.observe(second, CheckResult(True, "well", 0.5))
    assert scene.value("lbtwist_server_check_passed", server="ecs01") == 0
    assert scene.value("lbtwist_server_check_passed", server="ecs02") == 1
    assert scene.value("lbtwist_server_check_duration_seconds", server="ecs01") == 0.25
    scene.bench.clock.advance(60)


def test_a_listener_is_told_and_where_it_listens(scene: Scene) -> None:
    (connection,) = scene.bench.connect("app/ecs01#2")
    connection.move(3, 4)
    labels = {"endpoint": "127.0.0.1:8080", "protocol": "tcp", "group": "app"}
    assert scene.value("lbtwist_listener_info", listener="web", **labels) == 1
    for name, value in {
        "clients": 1,
        "current_connections": 1,
        "connections_total": 1,
        "refused_connections_total": 0,
        "received_bytes_total": 3,
        "sent_bytes_total": 4,
    }.items():
        assert scene.value(f"lbtwist_listener_{name}", listener="web") == value, name
    assert scene.values("lbtwist_listener_responses_total") == [], "it is tcp"


def test_the_state_of_a_listener_is_one_of_those_that_are_told(scene: Scene) -> None:
    assert scene.value("lbtwist_listener_state", state="listening") == 1
    scene.balancer.listeners["web"].stop_accepting()
    assert scene.value("lbtwist_listener_state", state="closed") == 1
    scene.balancer.listeners["web"].disabled = True
    assert scene.values("lbtwist_listener_state") == [0, 1, 0]
    assert listener_metrics.STATES[1] == "disabled"


def test_those_turned_away_at_the_entrance_are_told_by_the_reason(scene: Scene) -> None:
    name = "lbtwist_listener_turned_away_connections_total"
    assert scene.values(name) == []
    scene.bench.plane.listeners = {
        scene.balancer.listeners["web"].number: ListenerFigures(refused={"late": 3, "denied": 1})
    }
    assert scene.value(name, listener="web", reason="late") == 3
    assert scene.value(name, listener="web", reason="denied") == 1


def test_responses_are_told_by_class_of_listeners_and_groups() -> None:
    scene = Scene(HTTP)
    scene.bench.plane.listeners = {
        scene.balancer.listeners["web"].number: ListenerFigures(5, (1, 2, 3, 4, 5))
    }
    scene.bench.plane.groups = {"app": GroupFigures(responses=(0, 9, 0, 0, 0))}
    assert scene.value("lbtwist_listener_clients") == 5
    for code, count in zip(("1xx", "2xx", "3xx", "4xx", "5xx"), (1, 2, 3, 4, 5), strict=True):
        assert scene.value("lbtwist_listener_responses_total", code=code) == count
    assert scene.value("lbtwist_group_responses_total", code="2xx", group="app") == 9


def test_distributions_are_cumulative_histograms() -> None:
    scene = Scene(HTTP)
    counts = (2, 3, *(0 for _ in BOUNDS[2:]), 1)
    scene.bench.plane.groups = {"app": GroupFigures(connect=Distribution(counts, 40.5))}
    name = "lbtwist_group_connect_duration_seconds"
    assert scene.value(f"{name}_bucket", le="0.0005") == 2
    assert scene.value(f"{name}_bucket", le="0.001") == 5
    assert scene.value(f"{name}_bucket", le="30.0") == 5
    assert scene.value(f"{name}_bucket", le="+Inf") == scene.value(f"{name}_count") == 6
    assert scene.value(f"{name}_sum") == 40.5
    assert scene.value("lbtwist_group_response_duration_seconds_count") == 0
    assert scene.value("lbtwist_group_response_header_duration_seconds_count") == 0


def test_a_group_is_told(scene: Scene) -> None:
    scene.bench.plane.groups = {"app": GroupFigures(queue=4, no_server=5, retries=6)}
    group = scene.balancer.groups["app"]
    (first, _) = group.members
    scene.bench.connect("app/ecs01#2")
    group.drain([first], ADA)
    for name, value in {
        "servers": 2,
        "available_servers": 1,
        "draining_servers": 1,
        "unresolved_servers": 0,
        "fail_open": 0,
        "queue_length": 4,
        "no_server_total": 5,
        "retries_total": 6,
    }.items():
        assert scene.value(f"lbtwist_group_{name}", group="app") == value, name


def test_rule_29_fail_open_is_told() -> None:
    scene = Scene(CHECKED.replace("servers =", 'fail_open = "all"\nservers ='))
    assert scene.value("lbtwist_group_fail_open") == 0
    group = scene.balancer.groups["app"]
    for registration in group.members:
        group.health.observe(registration, CheckResult(False, "refused", 0.0))
    assert scene.value("lbtwist_group_fail_open") == 1
    assert scene.value("lbtwist_group_available_servers") == 0
    assert scene.values("lbtwist_server_available") == [1, 1]
    scene.bench.clock.advance(60)


def test_a_drain_is_told_while_it_runs(scene: Scene) -> None:
    connections = scene.bench.connect("app/ecs01#2", 3)
    group = scene.balancer.groups["app"]
    group.drain([r for r in group.members if r.name == "ecs01"], ADA, timeout=300)
    scene.bench.plane.linger = True
    connections[0].end()
    scene.bench.plane.cut_connection(connections[1].id)
    connections[1].end()
    labels = {"subject": "app/ecs01#2", "number": "2"}
    for name, value in {
        "current_connections": 1,
        "start_connections": 3,
        "finished_connections": 1,
        "cut_connections": 1,
        "start_timestamp_seconds": WALL,
        "deadline_timestamp_seconds": WALL + 300,
    }.items():
        assert scene.value(f"lbtwist_drain_{name}", **labels) == value, name
    assert scene.value("lbtwist_drain_info", **labels, cause="operator", state="running") == 1
    connections[2].end()
    assert scene.values("lbtwist_drain_info") == []
    assert scene.value("lbtwist_drains_total", cause="operator", outcome="cut") == 1
    assert scene.value("lbtwist_drained_connections_total", result="finished") == 2
    assert scene.value("lbtwist_drained_connections_total", result="cut") == 1


def test_a_drain_without_a_deadline_has_one_that_never_comes(scene: Scene) -> None:
    scene.bench.connect("app/ecs01#2")
    group = scene.balancer.groups["app"]
    group.drain([r for r in group.members if r.name == "ecs01"], ADA, timeout=math.inf)
    assert scene.value("lbtwist_drain_deadline_timestamp_seconds") == math.inf


def test_the_whole_is_told(scene: Scene) -> None:
    assert scene.value("lbtwist_info", name="lbtwist", region="", zone="") == 1
    for name, value in {
        "ready": 1,
        "leaving": 0,
        "problems": 0,
        "live_changes": 0,
        "last_reload_successful": 1,
        "last_reload_success_timestamp_seconds": WALL,
    }.items():
        assert scene.value(f"lbtwist_{name}") == value, name
    scene.balancer.problems = ("one", "two")
    scene.balancer.reloads.apply(WALL + 1)
    scene.balancer.reloads.refuse()
    scene.balancer.live.changes = {("load_balancer", "zone"): LiveChange("b", "ada")}
    scene.balancer.groups["app"].weigh(scene.balancer.groups["app"].members.get(2), 7)  # type: ignore[arg-type]
    scene.balancer.leaving = True
    assert scene.value("lbtwist_problems") == 2
    assert scene.value("lbtwist_live_changes") == 2, "one was set, and one was done by a verb"
    assert scene.value("lbtwist_reloads_total", result="applied") == 1
    assert scene.value("lbtwist_reloads_total", result="refused") == 1
    assert scene.value("lbtwist_last_reload_successful") == 0
    assert scene.value("lbtwist_last_reload_success_timestamp_seconds") == WALL + 1
    assert (scene.value("lbtwist_ready"), scene.value("lbtwist_leaving")) == (0, 1)
    assert scene.value("lbtwist_events_total") == scene.balancer.events.added


@pytest.mark.parametrize("toml", [ONE, HTTP, CHECKED])
def test_every_name_has_its_kind_its_help_and_its_labels(toml: str) -> None:
    scene = Scene(toml)
    scene.bench.connect("app/ecs01#2")
    group = scene.balancer.groups["app"]
    group.drain([next(iter(group.members))], Because("ada"), timeout=5)
    scene.bench.plane.fail(scene.bench.plane.rotations["app"].members[0])
    web = scene.balancer.listeners["web"].number
    scene.bench.plane.listeners = {web: ListenerFigures(refused={"late": 1})}
    by_name = {family.name.removesuffix("_total"): family for family in FAMILIES}
    metrics = {n.removesuffix("_total"): m for n, m in scene.metrics().items() if n.startswith("lbtwist_")}
    assert set(metrics) <= set(by_name)
    assert len(metrics) > len(FAMILIES) - 8
    for name, metric in metrics.items():
        family = by_name[name]
        assert (metric.type, metric.documentation) == (family.kind.value, family.help)
        for sample in metric.samples:
            assert set(sample.labels) - {"le"} == set(family.labels)
    scene.bench.clock.advance(60)


def test_names_are_as_prometheus_would_have_them() -> None:
    assert len({family.name.removesuffix("_total") for family in FAMILIES}) == len(FAMILIES)
    for family in FAMILIES:
        assert family.name.startswith("lbtwist_")
        assert family.name.endswith("_total") is (family.kind is Kind.COUNTER), family.name
        assert family.help.endswith(".")
        if family.kind is Kind.HISTOGRAM:
            assert family.name.endswith("_seconds")


def test_openmetrics_says_the_same_and_ends(scene: Scene) -> None:
    scene.bench.connect("app/ecs01#2")
    accept = "Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"
    response = scene.get("/metrics", accept)
    assert response.headers["content-type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert response.body.endswith(b"# EOF\n")
    assert response.body.count(b"# EOF") == 1
    metrics = {metric.name: metric for metric in parse_openmetrics(response.body.decode())}
    plain = scene.metrics()
    ours = [name for name in plain if name.startswith("lbtwist_")]
    for name in ours:
        same = metrics[name.removesuffix("_total")]
        assert [s.value for s in same.samples] == [s.value for s in plain[name].samples], name


def test_text_is_what_is_given_without_a_wish(scene: Scene) -> None:
    response = scene.get("/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b"# EOF" not in response.body


def test_a_label_can_say_anything() -> None:
    toml = ONE.replace("[load_balancer]\n", "[load_balancer]\nregion = 'a \"b\" \\n#'\n")
    parsed: Config = config(toml)
    scene = Scene(toml)
    assert scene.value("lbtwist_info", region=parsed.load_balancer.region) == 1


def test_the_process_is_told_too(scene: Scene) -> None:
    names = {sample.name for metric in scene.metrics().values() for sample in metric.samples}
    assert set(NAMES) <= names
    assert scene.value("process_open_fds") > 3
