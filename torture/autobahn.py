"""`python -m torture.autobahn --wstest PATH`: Autobahn|Testsuite's cases, directly and through lbtwist.

Each verdict through lbtwist must be at least the one without it. The suite runs on Python 2.7 alone:

    python2.7 -m virtualenv /tmp/autobahn && /tmp/autobahn/bin/pip install autobahntestsuite
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from benchmarks.ground import ROOT, await_port
from benchmarks.processes import Child, cores, free_ports
from tests.functional.balancer import HOST, Balancer, section

BEST_FIRST = ("OK", "INFORMATIONAL", "NON-STRICT", "UNIMPLEMENTED", "FAILED")
"""Verdicts."""
LEFT_OUT = ["12.*", "13.*"]
"""Compression, which is between the two ends alone."""
PATIENCE = 300.0
SHOWN = 20
"""Lines of verdicts that are worse."""

Verdicts = Mapping[str, Mapping[str, str]]
"""By case: the verdicts on the connection itself, and on how it was closed."""


def better_than(verdict: str) -> tuple[str, ...]:
    """What is better: than one that is not known, as of an unclean close, only the best."""
    return BEST_FIRST[: BEST_FIRST.index(verdict)] if verdict in BEST_FIRST else BEST_FIRST[:1]


def worse(direct: Verdicts, through: Verdicts) -> list[str]:
    """A line for each case whose verdict is worse than without a load balancer, or is missing."""
    lines = []
    for case, verdicts in direct.items():
        for what in ("behavior", "behaviorClose"):
            before, now = verdicts[what], through.get(case, {}).get(what, "missing")
            if now != before and now not in better_than(before):
                lines.append(f"case {case}: {what} was {before}, and is {now}")
    return lines


def run(wstest: str, directory: Path) -> dict[str, Verdicts]:
    """The verdicts, of `direct` and `through`."""
    (port,) = free_ports(1)
    echo = [sys.executable, "-m", "torture.echo", str(port)]
    text = section({"echo": f"{HOST}:{port}"}).replace('protocol = "tcp"', 'protocol = "http"')
    with (
        Child(echo, cores()[1], directory, {"PYTHONPATH": str(ROOT)}) as child,
        Balancer(directory, text) as lb,
    ):
        await_port(port, child)
        places = {"direct": port, "through": lb.port(HOST)}
        spec = {
            "outdir": str(directory / "reports"),
            "servers": [
                {"agent": name, "url": f"ws://{HOST}:{place}/", "options": {"version": 18}}
                for name, place in places.items()
            ],
            "cases": ["*"],
            "exclude-cases": LEFT_OUT,
            "exclude-agent-cases": {},
        }
        file = directory / "spec.json"
        file.write_text(json.dumps(spec))
        words = [wstest, "-m", "fuzzingclient", "-s", str(file)]
        subprocess.run(words, cwd=directory, check=True, capture_output=True, timeout=PATIENCE)
    verdicts: dict[str, Verdicts] = json.loads((directory / "reports" / "index.json").read_text())
    return verdicts


def main() -> int:
    """Returns the exit status: 1 where a verdict is worse."""
    parser = argparse.ArgumentParser(prog="python -m torture.autobahn")
    parser.add_argument("--wstest", required=True, help="the suite's program")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lbtwist-autobahn-") as name:
        verdicts = run(options.wstest, Path(name))
    for agent, cases in verdicts.items():
        counts = Counter(each["behavior"] for each in cases.values())
        print(f"{agent}: {len(cases)} cases, {dict(counts)}")
    lines = worse(verdicts["direct"], verdicts["through"])
    print("\n".join(lines[:SHOWN]) or "no verdict is worse")
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
