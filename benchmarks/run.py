"""A run: each case in its turn, told as soon as it is over."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.cases.setting import Case, Setting
from benchmarks.cases.throughput import Throughput
from benchmarks.ground import Ground, prepared
from benchmarks.processes import TROUBLE
from benchmarks.programs import program
from benchmarks.proxies import Proxy, available, running
from benchmarks.results import Compared, Measured, Results
from benchmarks.table import shown


class Run:
    """Of some cases, into `results`. What fails is told and left out; the rest goes on."""

    def __init__(self, results: Results, directory: Path, cores: tuple[int, int], rounds: int) -> None:
        """`cores` are the one for the proxy, and the one for load and servers, where this runs itself."""
        self._results = results
        self._directory = directory
        self._cores = cores
        self._rounds = rounds

    def all(self, cases: Sequence[Throughput | Case]) -> None:
        """Those that compare throughput share their proxies; the others are run after them."""
        able = [case for case in cases if self._can(case)]
        with self._ground(able) as ground:
            if shared := [case for case in able if isinstance(case, Throughput)]:
                self._compare(shared, ground)
            for case in able:
                if not isinstance(case, Throughput):
                    self._measure(case, ground)

    @contextlib.contextmanager
    def _ground(self, cases: Sequence[Throughput | Case]) -> Iterator[Ground]:
        if any(case.needs for case in cases):
            with prepared(self._directory, *self._cores) as ground:
                yield ground
        else:
            yield Ground(self._directory, *self._cores, 0, 0, 0)

    def _compare(self, cases: Sequence[Throughput], ground: Ground) -> None:
        with contextlib.ExitStack() as stack:
            proxies = self._started(ground, stack)
            for case in cases:
                result = case.run(proxies, self._rounds, tell)
                if result is None:
                    self._results.left_out[case.name] = "no proxy had a result"
                else:
                    self._add(result)

    def _started(self, ground: Ground, stack: contextlib.ExitStack) -> Mapping[str, Proxy]:
        proxies = {}
        for name in available():
            try:
                proxies[name] = stack.enter_context(running(name, ground))
            except TROUBLE as failure:
                tell(f"{name}: {failure}")
        return proxies

    def _measure(self, case: Case, ground: Ground) -> None:
        try:
            self._add(case.run(self._setting(ground)))
        except TROUBLE as failure:
            tell(f"{case.name}: {failure}")
            self._results.left_out[case.name] = str(failure)

    def _can(self, case: Throughput | Case) -> bool:
        lacking = [name for name in case.needs if program(name) is None]
        if lacking:
            self._results.left_out[case.name] = f"{' and '.join(lacking)} not installed"
        return not lacking

    def _setting(self, ground: Ground) -> Setting:
        return Setting(ground, available(), self._rounds, tell)

    def _add(self, result: Compared | Measured) -> None:
        self._results.cases.append(result)
        print(shown(result), flush=True)


def tell(text: str) -> None:
    """On standard error, so that the tables can be kept by themselves."""
    print(text, file=sys.stderr, flush=True)
