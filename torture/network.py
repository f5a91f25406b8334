"""A network of its own for a run, in which packets can be dropped and links be slow."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence

from benchmarks.programs import SEARCHED, program

MARK = "LBTWIST_TORTURE_NETWORK"
TABLE = "inet torture"
NEEDED = ("unshare", "ip")


def alone() -> bool:
    """This process has a network of its own, made by `enter`."""
    return os.environ.get(MARK) == str(os.getpid())


def enter(module: str, arguments: Sequence[str]) -> None:
    """Become `python -m MODULE ARGUMENTS` in a network of its own; returns where that is not allowed."""
    if MARK in os.environ or any(program(each) is None for each in NEEDED):
        return
    os.environ["PATH"] = SEARCHED
    user = () if os.geteuid() == 0 else ("--map-root-user",)
    words = ["unshare", "--net", "--mount", *user]
    if subprocess.run([*words, "ip", "link", "set", "lo", "up"], capture_output=True).returncode:
        return
    again = f'ip link set lo up && export {MARK}=$$ && exec "$@"'
    command = [*words, "sh", "-c", again, "sh", sys.executable, "-m", module, *arguments]
    os.execvp(command[0], command)


def cannot_drop() -> str:
    """Why packets can't be dropped; empty where they can."""
    if not alone():
        return "no network of its own is allowed here (unshare --net)"
    return "" if program("nft") else "nft is not installed (Debian: apt install nftables)"


def cannot_slow() -> str:
    """Why a link can't be slow; empty where it can."""
    if why := cannot_drop():
        return why
    return "" if program("tc") else "tc is not installed (Debian: apt install iproute2)"


@contextlib.contextmanager
def dropping(*rules: str) -> Iterator[None]:
    """Packets for which one of `rules` holds are lost on their way, without a word."""
    _run("nft", "add", "table", *TABLE.split())
    _run("nft", f"add chain {TABLE} out {{ type filter hook output priority 0 ; }}")
    for rule in rules:
        _run("nft", f"add rule {TABLE} out {rule} drop")
    try:
        yield
    finally:
        _run("nft", "delete", "table", *TABLE.split())


@contextlib.contextmanager
def narrow(bits: int) -> Iterator[None]:
    """All that is sent shares so many bits a second."""
    shape = ["tbf", "rate", f"{bits}bit", "burst", "70000", "latency", "400ms"]
    _run("tc", "qdisc", "add", "dev", "lo", "root", *shape)
    try:
        yield
    finally:
        _run("tc", "qdisc", "del", "dev", "lo", "root")


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")
