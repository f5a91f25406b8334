"""`python -m fuzz [--seconds 60] [TARGET …]`: each target for so long, in a process of its own.

Fails when one has found something; what it was found with stands in fuzz/found/ then, and
`python -m fuzz.again FILE` shows it. Needs atheris: `pip install -e '.[fuzz]'`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from fuzz.targets import SEEDS, TARGETS

FOUND = Path(__file__).with_name("found")
MEGABYTES = 1024
"""Of resident memory at most, as a whole; libFuzzer ends a process that has more."""
SLOW = 10
"""Seconds that one input may take."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("target", nargs="*", choices=[*TARGETS, []], help="all, where none is named")
    given = parser.parse_args()
    FOUND.mkdir(exist_ok=True)
    return max(run(name, given.seconds) for name in given.target or TARGETS)


def run(name: str, seconds: int) -> int:
    """1 where something was found."""
    with tempfile.TemporaryDirectory() as corpus:
        options = [
            f"-max_total_time={seconds}",
            f"-timeout={SLOW}",
            f"-rss_limit_mb={MEGABYTES}",
            "-max_len=20000",
            f"-artifact_prefix={FOUND}/{name}-",
            "-print_final_stats=1",
        ]
        command = [sys.executable, "-m", "fuzz.one", name, *options, corpus, str(SEEDS / name)]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    told = [line for line in done.stderr.splitlines() if "number_of_executed_units" in line]
    print(
        f"{name:16} {told[0].split()[-1] if told else '?':>9} inputs, exit status {done.returncode}",
        flush=True,
    )
    if done.returncode:
        print(done.stderr[-8000:], flush=True)
    return int(done.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
