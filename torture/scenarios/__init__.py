"""All scenarios, in the order in which they are run."""

from __future__ import annotations

from torture.scenarios.bulk import SlowReaders
from torture.scenarios.clients import FewDescriptors, HalfClosed, Resets, SlowHeads
from torture.scenarios.hurt import Clock, FullDisk, FullOwnLog, Raising
from torture.scenarios.leaving import AllDrained, AtOnce, GracefulStop, orders
from torture.scenarios.link import Loss, Narrow
from torture.scenarios.reloads import BrokenFile, LongLived, Reloads, TwoReloads
from torture.scenarios.scenario import Scenario
from torture.scenarios.servers_fail import DrainedAndKilled, Flapping, Killed, Stopped, Unreachable
from torture.scenarios.suites import SlowHttpTest

ALL: tuple[type[Scenario], ...] = (
    Reloads,
    LongLived,
    Killed,
    DrainedAndKilled,
    GracefulStop,
    Resets,
    SlowHeads,
    Unreachable,
    FewDescriptors,
    SlowReaders,
    BrokenFile,
    TwoReloads,
    Stopped,
    Flapping,
    HalfClosed,
    FullDisk,
    FullOwnLog,
    Clock,
    *orders(),
    AllDrained,
    Loss,
    Narrow,
    Raising,
    SlowHttpTest,
)
BRIEF: tuple[type[Scenario], ...] = (
    Reloads,
    LongLived,
    Killed,
    DrainedAndKilled,
    GracefulStop,
    Resets,
    SlowHeads,
    Unreachable,
    SlowReaders,
    AtOnce,
    Raising,
)
"""Those of the short form: what has no functional test of its own."""
