"""The wire conversations of tests/vtest, by varnishtest, with one listener for each."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.processes import free_ports
from tests.functional.balancer import Balancer, section
from tests.functional.http_harness import program
from tests.functional.process import PATIENCE

pytestmark = [pytest.mark.functional, pytest.mark.slow]

SCRIPTS = sorted((Path(__file__).parents[1] / "vtest").glob("*.vtc"))
NETWORK = "127.0.1."
FROM = 10
"""The last byte of the first listener's address."""


class Stage:
    """A load balancer with a listener and a server's address for each script."""

    def __init__(self, lb: Balancer, servers: list[str]) -> None:
        self._lb = lb
        self._servers = servers

    def macros(self, script: Path) -> list[str]:
        """What the script calls its load balancer and its server."""
        at = SCRIPTS.index(script)
        host = f"{NETWORK}{FROM + at}"
        return [f"-Dlb={host}:{self._lb.port(host)}", f"-Dserver={self._servers[at]}"]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """It runs for all of them."""
    servers = [f"127.0.0.1:{port}" for port in free_ports(len(SCRIPTS))]
    sections = [
        section({"s1": server}, name=script.stem, endpoint=f"{NETWORK}{FROM + at}:0").replace(
            'protocol = "tcp"', 'protocol = "http"'
        )
        for at, (script, server) in enumerate(zip(SCRIPTS, servers, strict=True))
    ]
    with Balancer(tmp_path_factory.mktemp("vtest"), "".join(sections)) as lb:
        yield Stage(lb, servers)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: str(script.stem))
def test_conversation(stage: Stage, script: Path) -> None:
    done = subprocess.run(
        [program("varnishtest"), *stage.macros(script), script],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout
