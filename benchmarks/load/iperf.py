"""Bulk by iperf3: as many bytes as go through, from the client to the server."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

from benchmarks.figures import Sample
from benchmarks.ground import HOST
from benchmarks.processes import Failed
from benchmarks.programs import program
from benchmarks.proxies import Proxy

MEGABYTE = 1_000_000
ATTEMPTS = 10


def iperf(proxy: Proxy, streams: int, seconds: int) -> Sample:
    """Megabytes that were received, and what CPU they took `proxy`. Raises Failed.

    The server serves one client after the other, and sees the end of the last only after a moment.
    """
    words = [str(program("iperf3")), "-c", HOST, "-p", str(proxy.ports["BULK"]), "-J"]
    words += ["-t", str(seconds), "-P", str(streams)]
    for _ in range(ATTEMPTS):
        before = proxy.child.usage
        done = subprocess.run(words, capture_output=True, text=True, timeout=seconds + 15)
        used = proxy.child.usage - before
        told = json.loads(done.stdout or "{}")
        if "error" not in told and done.returncode == 0:
            return Sample(*received(told), used)
        time.sleep(0.2)
    raise Failed(f"iperf3: {told.get('error', done.stderr)}")


def received(told: dict[str, Any]) -> tuple[float, float]:
    """Megabytes, and the seconds that they took, as iperf3 reports them."""
    total = told["end"]["sum_received"]
    return total["bytes"] / MEGABYTE, total["seconds"]
