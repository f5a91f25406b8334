"""The cases, in the order in which they are run."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.cases.checks import Checks
from benchmarks.cases.choice import Choice
from benchmarks.cases.costs import Costs
from benchmarks.cases.memory import Memory
from benchmarks.cases.reload import Reload
from benchmarks.cases.setting import Case
from benchmarks.cases.tail import Tail
from benchmarks.cases.throughput import THROUGHPUT, Throughput

OWN: Sequence[Case] = (Memory(), Choice(), Reload(), Checks(), Costs(), Tail())
"""Those that start proxies of their own."""
ALL: Sequence[Throughput | Case] = (*THROUGHPUT, *OWN)
