"""Requests by wrk, on one thread: as many as the proxy and the servers take."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Sample
from benchmarks.ground import HOST
from benchmarks.processes import Failed
from benchmarks.programs import program
from benchmarks.proxies import Proxy

HERE = Path(__file__).parent
REPORT = HERE / "report.lua"
VARIED = HERE / "varied.lua"


def wrk(
    proxy: Proxy,
    where: str,
    clients: int,
    seconds: int,
    *,
    path: str = "/",
    script: Path = REPORT,
    headers: Sequence[str] = (),
) -> Sample:
    """What `clients` had answered in `seconds`, and what CPU it took `proxy`. Raises Failed."""
    words = [str(program("wrk")), "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout=5s", "-s", str(script)]
    words += [word for header in headers for word in ("-H", header)]
    before = proxy.child.usage
    done = subprocess.run(
        [*words, f"http://{HOST}:{proxy.ports[where]}{path}"],
        capture_output=True,
        text=True,
        env={**os.environ, "REPORT": str(REPORT)},
        timeout=seconds + 15,
    )
    used = proxy.child.usage - before
    if done.returncode != 0:
        raise Failed(f"wrk: {done.stdout}{done.stderr}")
    told = reported(done.stdout)
    if not told["requests"]:
        raise Failed(f"wrk had nothing answered through {proxy.name}: {done.stdout}")
    return Sample(
        told["requests"], told["microseconds"] / 1e6, used, told["p50"], told["p99"], int(told["errors"])
    )


def reported(said: str) -> dict[str, float]:
    """The line of JSON in what wrk printed. Raises Failed where there is none."""
    for line in said.splitlines():
        if line.startswith("{"):
            figures: dict[str, float] = json.loads(line)
            return figures
    raise Failed(f"wrk has reported nothing: {said}")
