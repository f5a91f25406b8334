"""Metrics of the load balancer as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import lbtwist
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.doings import doings
from lbtwist.status.families import Family, Kind, Reading

INFO = Family(
    "lbtwist_info",
    Kind.GAUGE,
    "Always 1: what runs, and where.",
    ("name", "version", "region", "zone"),
)
READY = Family("lbtwist_ready", Kind.GAUGE, "1 while /readyz says so.")
LEAVING = Family("lbtwist_leaving", Kind.GAUGE, "1 while it shuts down.")
PROBLEMS = Family(
    "lbtwist_problems", Kind.GAUGE, "What is wrong with the file or the state file, as `status` lists it."
)
LIVE_CHANGES = Family(
    "lbtwist_live_changes", Kind.GAUGE, "What operators changed live and the file does not say."
)
RELOADS = Family("lbtwist_reloads_total", Kind.COUNTER, "Reloads of the file, by result.", ("result",))
RELOADED_WELL = Family(
    "lbtwist_last_reload_successful", Kind.GAUGE, "0 after a reload that was refused, else 1."
)
READ_AT = Family(
    "lbtwist_last_reload_success_timestamp_seconds",
    Kind.GAUGE,
    "When the file that is followed was read, at the start or later, in seconds since 1970.",
)
EVENTS = Family("lbtwist_events_total", Kind.COUNTER, "Events, as the verb `events` shows them.")

FAMILIES = (INFO, READY, LEAVING, PROBLEMS, LIVE_CHANGES, RELOADS, RELOADED_WELL, READ_AT, EVENTS)


def readings(balancer: LoadBalancer, unready: Callable[[], str]) -> Iterator[Reading]:
    """`unready` says why it is not ready."""
    settings, reloads = balancer.config.load_balancer, balancer.reloads
    yield INFO.of(1, balancer.name, lbtwist.__version__, settings.region, settings.zone)
    yield READY.of(not unready())
    yield LEAVING.of(balancer.leaving)
    yield PROBLEMS.of(len(balancer.problems) + len(balancer.state_problems))
    yield LIVE_CHANGES.of(len({**balancer.live.changes, **doings(balancer)}))
    yield RELOADS.of(reloads.applied, "applied")
    yield RELOADS.of(reloads.refused, "refused")
    yield RELOADED_WELL.of(reloads.well)
    yield READ_AT.of(reloads.read_at)
    yield EVENTS.of(balancer.events.added)
