"""A scheduler of somebody else's package, which is only on the path, chooses in a real load balancer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.balancer import Balancer, app
from tests.functional.peers import Server, Watch, asked
from tests.functional.process import PATIENCE

pytestmark = [pytest.mark.functional, pytest.mark.slow]

PLUGIN = """
from twisted.plugin import IPlugin
from zope.interface import implementer
from lbtwist.interfaces import IScheduler, ISchedulerMaker

@implementer(IScheduler)
class LastRegistered:
    counting = False
    members = ()
    def update(self, members):
        self.members = members
    def order(self, client):
        return (m for m in sorted(self.members, key=lambda m: -m.number) if m in self.members)
    def taken(self, number): "Not called."
    def released(self, number): "Not called."

@implementer(IPlugin, ISchedulerMaker)
class Maker:
    name = "last"
    def make(self, chance):
        return LastRegistered()

maker = Maker()
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with that package's plugin, to be put on PYTHONPATH."""
    plugins = tmp_path / "theirs" / "twisted" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "last_registered.py").write_text(PLUGIN)
    return tmp_path / "theirs"


def test_it_is_found_by_its_name_through_the_path_alone(tmp_path: Path, package: Path) -> None:
    ask = "from lbtwist.service.plugins import scheduler_makers; print(*scheduler_makers())"
    done = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.stdout.split()[-2:] == ["random", "last"]
    assert done.stderr == ""


def test_a_scheduler_of_another_package_chooses(
    tmp_path: Path, package: Path, pair: tuple[Server, Server], watch: Watch
) -> None:
    text = app({server.name: str(server) for server in pair}, group='scheduler = "last"')
    with Balancer(tmp_path, text, environ={"PYTHONPATH": str(package)}) as lb:
        assert [asked(watch, lb.address) for _ in range(4)] == ["ecs02"] * 4
        lb.ask("remove", "app/ecs02", "--wait")
        assert [asked(watch, lb.address) for _ in range(4)] == ["ecs01"] * 4
