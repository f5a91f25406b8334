"""What a case finds when it is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmarks.ground import Ground
from benchmarks.processes import TROUBLE
from benchmarks.results import Measured


@dataclass(frozen=True)
class Setting:
    """The ground, the proxies that there are, and who hears what went wrong."""

    ground: Ground
    proxies: Sequence[str]
    rounds: int
    failed: Callable[[str], object]

    def each(self, measure: Callable[[str], float], *, among: Sequence[str] = ()) -> Mapping[str, float]:
        """What `measure` finds of each proxy (of those in `among`); those where it fails are left out."""
        found = {}
        for name in self.proxies:
            if among and name not in among:
                continue
            try:
                found[name] = measure(name)
            except TROUBLE as failure:
                self.failed(f"{name}: {failure}")
        return found


class Case(Protocol):
    """A case that starts its proxies itself."""

    name: str
    title: str
    needs: Sequence[str]

    def run(self, setting: Setting) -> Measured:
        """Raises what is in TROUBLE when nothing can be measured."""
