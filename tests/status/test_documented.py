"""docs/metrics.md, the alert rules and the dashboard speak of the metrics that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lbtwist
from lbtwist.model import registration
from lbtwist.service import listener
from lbtwist.status import listener_metrics, server_metrics
from lbtwist.status.collector import FAMILIES
from lbtwist.status.families import Kind
from lbtwist.status.process_metrics import NAMES
from tests.status.bench import Scene
from tests.test_docs import section, texts_of

ROOT = Path(lbtwist.__file__).parents[1]
PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
ALERTS = (ROOT / "etc" / "prometheus-alerts.yml").read_text(encoding="utf-8")
DASHBOARD = (ROOT / "etc" / "grafana-dashboard.json").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| `(lbtwist_\w+)` \| (\w+) \| (.*?) \| (.*) \|$", re.MULTILINE)
_NAME = re.compile(r"\b(?:lbtwist|process|python)_\w+")
_LABELS = re.compile(r"(lbtwist_\w+)\{([^}]*)\}")


def series() -> set[str]:
    """The name of every series that a query may ask for."""
    names = {family.name for family in FAMILIES} | set(NAMES)
    spans = [family.name for family in FAMILIES if family.kind is Kind.HISTOGRAM]
    return names | {f"{name}_{suffix}" for name in spans for suffix in ("bucket", "sum", "count")}


def test_every_metric_is_told_with_its_type_and_labels_and_no_other() -> None:
    told = [
        (name, kind, tuple(re.findall(r"`(\w+)`", labels)), meaning)
        for name, kind, labels, meaning in _ROW.findall(PAGE)
    ]
    assert told == [(f.name, f.kind.value, f.labels, f.help) for f in FAMILIES]


def test_those_of_the_process_are_told() -> None:
    assert set(_NAME.findall(section(PAGE, "The process"))) == set(NAMES)


def test_every_page_is_told_and_no_other() -> None:
    told = re.findall(r"^\| `(/[\w.]*)`", section(PAGE, "The pages"), re.MULTILINE)
    assert [path.encode() for path in told] == list(Scene().service._pages())


@pytest.mark.parametrize("text", [PAGE, ALERTS, DASHBOARD], ids=["page", "alerts", "dashboard"])
def test_no_metric_is_named_that_does_not_exist(text: str) -> None:
    assert set(_NAME.findall(text)) - series() == set()
    assert len(set(_NAME.findall(text))) > 10


@pytest.mark.parametrize("text", [ALERTS, DASHBOARD], ids=["alerts", "dashboard"])
def test_no_label_is_asked_for_that_a_metric_does_not_have(text: str) -> None:
    by_name = {family.name: set(family.labels) for family in FAMILIES}
    asked = _LABELS.findall(text.replace('\\"', '"'))
    assert asked
    for name, selector in asked:
        labels = set(re.findall(r"(\w+)=", selector)) - {"job", "instance"}
        assert labels <= by_name[re.sub(r"_(bucket|sum|count)$", "", name)], (name, selector)


def test_what_alerts_are_for() -> None:
    alerts = re.findall(r"- alert: (\w+)\n +expr: (.+)\n", ALERTS)
    assert len(alerts) == len({name for name, _ in alerts}) == ALERTS.count("summary:")
    asked = {metric for _, expression in alerts for metric in _NAME.findall(expression)}
    assert {
        "lbtwist_listener_state",
        "lbtwist_group_available_servers",
        "lbtwist_group_fail_open",
        "lbtwist_drain_deadline_timestamp_seconds",
        "lbtwist_live_changes",
        "lbtwist_last_reload_successful",
        "process_open_fds",
    } <= asked


def expressions(panels: list[dict[str, Any]]) -> Iterator[str]:
    for panel in panels:
        yield from (target["expr"] for target in panel.get("targets", ()))


def test_the_dashboard_is_one_whose_panels_do_not_overlap() -> None:
    dashboard = json.loads(DASHBOARD)
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len(list(expressions(panels))) > 30


def test_every_group_of_metrics_is_on_the_dashboard() -> None:
    shown = set(_NAME.findall(DASHBOARD))
    for prefix in ("listener", "group", "server", "drain"):
        assert len([name for name in shown if name.startswith(f"lbtwist_{prefix}_")]) >= 3


def test_the_states_are_those_that_there_are() -> None:
    assert {*server_metrics.STATES, "gone"} == texts_of(registration, "state", "_HEALTH_STATES")
    assert set(listener_metrics.STATES) == texts_of(listener, "state")
