"""docs/jobs.md: its scripts do what they say."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.functional.balancer import HOST
from tests.functional.http_harness import program
from tests.functional.load import client_of, talks
from tests.functional.page import DOCS, environment, free_ports
from tests.functional.peers import Address, Watch, asked
from tests.functional.process import PATIENCE
from tests.functional.real_servers import ServerProcess, hosts
from tests.functional.waiting import eventually

pytestmark = [pytest.mark.functional, pytest.mark.slow]

NAMES = ("ecs01", "ecs02", "ecs03")
_SCRIPT = re.compile(r"^`(\w+\.sh)`:\n\n```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Site:
    """The folder of the jobs, once the first has been done."""

    def __init__(self, folder: Path, servers: list[ServerProcess]) -> None:
        self.folder = folder
        self.servers = servers
        listener, console = free_ports(2)
        self.address: Address = (HOST, int(listener))
        page = (DOCS / "jobs.md").read_text(encoding="utf-8")
        page = page.replace("127.0.0.1:8080", f"{HOST}:{listener}").replace("2222", console)
        for number, server in enumerate(servers, 1):
            page = page.replace(f"10.0.0.{number}:8080", str(server))
        for name, script in _SCRIPT.findall(page):
            (folder / name).write_text(script)
        self.started = self.run("sh", "start.sh")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=self.folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=3 * PATIENCE,
        )

    def command(self, script: str) -> str:
        """A program of the folder."""
        path = self.folder / "deploy-one"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return "./deploy-one"

    def states(self) -> list[str]:
        rows = self.run("./lb", "servers").stdout.splitlines()[1:]
        return [row.split()[4] for row in rows]

    def end(self) -> None:
        with suppress(FileNotFoundError, ProcessLookupError):
            pid = int((self.folder / "lb.pid").read_text())
            os.kill(pid, signal.SIGTERM)
            os.kill(pid, signal.SIGTERM)
            eventually(lambda: not (self.folder / "lb.pid").exists())


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    for name in ("ssh", "ssh-keygen", "awk", "xargs", "patch"):
        program(name)
    servers = [ServerProcess(name, host) for name, host in zip(NAMES, hosts(), strict=False)]
    try:
        for server in servers:
            server.start()
        site = Site(tmp_path, servers)
        try:
            yield site
        finally:
            site.end()
    finally:
        for server in servers:
            server.kill()


def test_a_first_start(site: Site, watch: Watch) -> None:
    assert site.started.returncode == 0, site.started.stdout
    assert "is valid: 1 listeners, 1 server groups, 3 servers" in site.started.stdout
    assert "host_key" in site.started.stdout
    assert asked(watch, site.address) in NAMES
    assert (site.folder / "key").stat().st_mode & 0o077 == 0


def test_a_rolling_deploy(site: Site, watch: Watch) -> None:
    eventually(lambda: site.states() == ["healthy"] * 3)
    deployed = site.run("sh", "deploy.sh", "20", site.command('echo "$1" >> deployed.txt'))
    assert deployed.returncode == 0, deployed.stdout
    assert (site.folder / "deployed.txt").read_text().split() == list(NAMES)
    assert site.states() == ["healthy"] * 3


def test_rule_63_a_rolling_deploy_stops_when_connections_were_cut(site: Site, watch: Watch) -> None:
    eventually(lambda: site.states() == ["healthy"] * 3)
    client = client_of("ecs02", watch, site.address)
    talks(client)
    deployed = site.run("sh", "deploy.sh", "1", site.command('echo "$1" >> deployed.txt'))
    assert deployed.returncode == 3, deployed.stdout
    assert "ecs02: exit code 3: the deploy stops here" in deployed.stdout
    assert (site.folder / "deployed.txt").read_text().split() == ["ecs01"]
    assert site.states() == ["healthy", "drained", "healthy"]


def test_rules_61_and_65_a_host_out_for_maintenance_and_back(site: Site, watch: Watch) -> None:
    host = site.servers[0].host
    out = site.run("sh", "out.sh", host, "disk")
    assert out.returncode == 0, out.stdout
    assert "WARNINGS" in out.stdout
    assert site.states()[0] == "maintenance"
    assert {asked(watch, site.address) for _ in range(6)} == {"ecs02", "ecs03"}
    back = site.run("sh", "back.sh", host)
    assert back.returncode == 0, back.stdout
    assert site.states()[0] == "healthy"


@pytest.mark.parametrize(
    ("verb", "says"),
    [
        ("", "It takes new connections."),
        ("drain app/ecs01", "An operator took it out: ./lb ready app/ecs01"),
        ("weight app/ecs01 0", "Its weight is 0: ./lb weight app/ecs01 100"),
    ],
)
def test_why_a_server_gets_no_traffic(site: Site, verb: str, says: str) -> None:
    eventually(lambda: site.states() == ["healthy"] * 3)
    if verb:
        assert site.run("./lb", *verb.split()).returncode == 0
    why = site.run("sh", "why.sh", "app/ecs01")
    assert why.stdout.splitlines()[-1] == says
    assert why.returncode == bool(verb)


def test_why_a_server_gets_no_traffic_whose_checks_fail(site: Site) -> None:
    site.servers[0].kill()
    eventually(lambda: site.states()[0] == "unhealthy")
    why = site.run("sh", "why.sh", "app/ecs01")
    assert why.returncode == 1
    assert "Its checks fail:" in why.stdout
    assert "reason   refused" in why.stdout


def test_rule_67_live_changes_into_the_file(site: Site) -> None:
    before = (site.folder / "lb.toml").read_text()
    assert site.run("sh", "keep.sh").stdout == "nothing is live\n"
    site.run("./lb", "weight", "app/ecs02", "50")
    kept = site.run("sh", "keep.sh")
    assert kept.returncode == 0, kept.stdout
    after = (site.folder / "lb.toml").read_text()
    assert after == before.replace(
        f'ecs02 = "{site.servers[1]}"', f'ecs02 = {{address = "{site.servers[1]}", weight = 50}}'
    )
    assert site.run("sh", "keep.sh").stdout == "nothing is live\n"
