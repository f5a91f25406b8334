"""Availability groups: a server that its source names no more drains, and comes back (rule 18)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.functional.balancer import Balancer, section
from tests.functional.name_server import SERVICE, NameServerProcess
from tests.functional.peers import HOST, Address, Server, Watch, asked, talking
from tests.functional.real_servers import HealthPage, hosts
from tests.functional.waiting import LATENESS, eventually, monotonic_of

pytestmark = [pytest.mark.functional, pytest.mark.slow]

TIMEOUT = 60.0
"""Seconds of a drain: until the test has seen enough of it."""
KINDS = {"dns": HOST, "file": "127.0.0.3", "http": "127.0.0.4"}
"""A group for each kind of source, and where its listener is."""


class Sources:
    """One of each kind, which all say the same."""

    def __init__(self, file: Path, name_server: NameServerProcess, page: HealthPage) -> None:
        self._file = file
        self._name_server = name_server
        self._page = page

    def say(self, servers: Sequence[Server]) -> None:
        """These are the servers, from now on."""
        self._name_server.say([server.address for server in servers])
        self._page.body = json.dumps([str(server) for server in servers]).encode()
        anew = self._file.with_suffix(".new")
        anew.write_text("".join(f"{server}\n" for server in servers))
        anew.rename(self._file)

    def groups(self) -> str:
        discoveries = {
            "dns": f'name = "{SERVICE}", resolver = "{self._name_server.address}", interval = 1',
            "file": f'path = "{self._file}"',
            "http": f'url = "http://{self._page}/servers", interval = 1',
        }
        texts = [
            section(
                {},
                name=kind,
                endpoint=f"{host}:0",
                group=f'discovery = {{ type = "{kind}", {discoveries[kind]} }}',
                draining=f"timeout = {TIMEOUT}",
            )
            for kind, host in KINDS.items()
        ]
        return "[load_balancer]\nshutdown_timeout = 0\n" + "".join(texts)


@pytest.fixture
def sources(tmp_path: Path) -> Iterator[Sources]:
    with NameServerProcess() as name_server, HealthPage((HOST, 0)) as page:
        yield Sources(tmp_path / "servers.txt", name_server, page)


def given(lb: Balancer, watch: Watch, at: Address, count: int = 4) -> set[str]:
    return {asked(watch, at) for _ in range(count)}


def test_a_server_is_lost_and_found(tmp_path: Path, watch: Watch, sources: Sources) -> None:
    """Rules 16 and 18, and that an answer which would remove too many waits for `apply`."""
    servers = [Server(f"ecs0{number}", watch, host) for number, host in zip((1, 2, 3), hosts(), strict=False)]
    names = {server.name for server in servers}
    sources.say(servers)
    with Balancer(tmp_path, sources.groups()) as lb, contextlib.ExitStack() as stack:
        at = {kind: (host, lb.port(host)) for kind, host in KINDS.items()}

        def column(name: str) -> list[object]:
            return [row[name] for row in lb.ask("groups")]

        eventually(lambda: column("available") == [3, 3, 3])
        talks = [stack.enter_context(talking(watch, at[kind], servers[0])) for kind in KINDS]
        sources.say(servers[1:])
        eventually(lambda: column("available") == [2, 2, 2])
        for kind, talk in zip(KINDS, talks, strict=True):
            row = lb.state(f"{kind}/{servers[0]}")
            assert (row["state"], row["reason"]) == ("draining", "deregistered")
            assert given(lb, watch, at[kind]) == {"ecs02", "ecs03"}
            talk.goes_on()

        sources.say(servers)
        eventually(lambda: column("servers") == [3, 3, 3])
        for kind in KINDS:
            assert lb.state(f"{kind}/{servers[0]}")["reason"] == "rejoining"
            assert given(lb, watch, at[kind]) == {"ecs02", "ecs03"}
            lb.ask("extend", f"{kind}/{servers[0]}", "--timeout", "0.2")
        ends = [talk.ends() for talk in talks]
        eventually(lambda: column("available") == [3, 3, 3])
        receipts = {each["subject"].partition("/")[0]: each for each in lb.ask("receipts")}
        for kind, sides in zip(KINDS, ends, strict=True):
            assert (receipts[kind]["outcome"], receipts[kind]["who"]) == ("cut", "source")
            for end in sides:
                assert -0.002 <= end.at - monotonic_of(receipts[kind]["deadline"]) <= LATENESS
            assert given(lb, watch, at[kind]) == names

        sources.say(servers[:1])
        eventually(lambda: all("max_removal" in str(problem) for problem in column("problem")))
        for kind in KINDS:
            assert given(lb, watch, at[kind]) == names
            lb.ask("apply", kind)
            assert given(lb, watch, at[kind]) == {"ecs01"}
