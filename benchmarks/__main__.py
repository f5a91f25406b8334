"""`python -m benchmarks [CASE…]`: lbtwist beside haproxy and nginx, in one run on one machine.

docs/performance.md says what is measured and how. Cases are chosen by name, or by the beginning of one:
`tcp` is all that begin with `tcp-`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import resource
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks import programs
from benchmarks.cases import ALL
from benchmarks.processes import cores, on_core
from benchmarks.results import Results
from benchmarks.run import Run
from benchmarks.table import summary

ROUNDS = 3
LIMIT = 290
"""Seconds of a whole run with the usual rounds."""
RESULTS = Path(__file__).with_name("results.json")
INTERRUPTED = 130


class OutOfTime(Exception):
    """The run has taken as long as it may."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0, or 1 when no case had a result, or 130 after Ctrl-C."""
    options = parsed(arguments)
    results, status = Results(about(options)), 0
    print(heading(results.about), flush=True)
    try:
        with _limited(options.limit), tempfile.TemporaryDirectory(prefix="lbtwist-bench-") as directory:
            for line in programs.missing():
                print(line, file=sys.stderr)
            proxy_core, load_core = cores()
            with on_core(load_core):
                Run(results, Path(directory), (proxy_core, load_core), options.rounds).all(options.cases)
    except OutOfTime:
        print(f"ended after {options.limit} s; --limit changes that", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = INTERRUPTED
    leave_out(results, options.cases)
    results.about["load_after"] = os.getloadavg()[0]
    if results.cases:
        options.json.write_text(json.dumps(results.as_data(), indent=1) + "\n")
        print(f"{summary(results)}\n\nAll figures are in {options.json}".lstrip())
    return status or int(not results.cases)


def leave_out(results: Results, cases: Sequence[Any]) -> None:
    """Say of those that the run did not come to that they were left out."""
    told = {each.case for each in results.cases} | results.left_out.keys()
    results.left_out |= {case.name: "the run ended before" for case in cases if case.name not in told}


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line; an unknown case is told, with those that there are."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=str(__doc__).partition("\n")[0])
    parser.add_argument("cases", nargs="*", help=f"of {', '.join(each.name for each in ALL)} (default: all)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of every comparison (default: {ROUNDS})")
    parser.add_argument("--json", type=Path, default=RESULTS, metavar="FILE", help=f"default: {RESULTS}")
    parser.add_argument("--limit", type=int, metavar="SECONDS", help="of the whole run")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error(f"--rounds: {options.rounds} is below 1")
    if unknown := [word for word in options.cases if not chosen([word])]:
        parser.error(f"no case {', '.join(unknown)}: there are {', '.join(each.name for each in ALL)}")
    options.limit = options.limit or LIMIT * max(ROUNDS, options.rounds) // ROUNDS
    options.cases = chosen(options.cases)
    return options


def chosen(words: Sequence[str]) -> list[Any]:
    """The cases that are named, each once, in their own order; all of them without a word."""
    return [
        case
        for case in ALL
        if not words or any(case.name == word or case.name.startswith(f"{word}-") for word in words)
    ]


def about(options: argparse.Namespace) -> dict[str, Any]:
    """What a reader of the figures has to know of the run."""
    return {
        "kernel": platform.release(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": programs.versions(),
        "rounds": options.rounds,
        "load_before": os.getloadavg()[0],
    }


def heading(about: Mapping[str, Any]) -> str:
    """The same in a line."""
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return (
        f"{about['cores']} cores, Linux {about['kernel']}, Python {about['python']}, {versions};"
        f" {about['rounds']} rounds; load {about['load_before']:.1f}\n"
    )


@contextlib.contextmanager
def _limited(seconds: int) -> Iterator[None]:
    """Raises OutOfTime in there after so long, and KeyboardInterrupt at the first SIGINT or SIGTERM."""

    def out_of_time(number: int, frame: FrameType | None) -> None:
        raise OutOfTime

    def interrupted(number: int, frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)  # a second one would leave processes behind
        signal.alarm(0)
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, out_of_time)
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, interrupted)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


if __name__ == "__main__":
    sys.exit(main())
