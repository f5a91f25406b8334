"""A load balancer in memory whose state is kept in real files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from lbtwist.model.reference import parse_reference
from lbtwist.model.registration import Registration
from lbtwist.service.state.keeper import StateKeeper
from lbtwist.service.state.recall import recall
from lbtwist.service.verbs.registry import VERBS
from tests.service.bench import Bench

TOML = """
[listeners.web]
endpoint = "127.0.0.1:8080"
protocol = "tcp"
server_group = "app"
[server_groups.app]
min_healthy = 0
[server_groups.app.connection_draining]
timeout = 60
[server_groups.app.servers]
s1 = "10.0.0.1:80"
s2 = "10.0.0.2:80"
s3 = "10.0.0.3:80"
"""


class Kept(Bench):
    """It keeps its state in `directory`. Threads are no threads: what they do is done at once."""

    def __init__(self, directory: Path, toml: str = TOML, *, wall: float | None = None) -> None:
        super().__init__(toml, start=False)
        if wall is not None:
            self.wall = wall
        self.file = directory / "state.json"
        self.keeper = StateKeeper(self.balancer, self.file, recall(self.file), self._in_thread)
        self.keeper.setServiceParent(self.balancer)
        self.written = 0
        """How many times something was written."""
        self.balancer.privilegedStartService()
        self.balancer.startService()

    def do(self, verb: str, *values: Any, **named: Any) -> Any:
        """The data that the verb answers, called with its parameters in their order."""
        names = [parameter.name for parameter in VERBS[verb].parameters if not parameter.option]
        done = VERBS[verb].run(self.call(), **dict(zip(names, values, strict=False)), **named)
        return done if isinstance(done, Deferred) else done.data

    def __getitem__(self, server: str) -> Registration:
        return self.balancer.find(parse_reference(f"app/{server}"))[1]

    def states(self) -> dict[str, str]:
        """Of every registered server, by name."""
        return {r.name: r.state for r in self.balancer.registrations() if r.registered}

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(each.subject, each.outcome) for each in self.balancer.drains.receipts]

    def stop(self) -> None:
        """A clean stop: connections are cut at once."""
        self.balancer.hurry()
        stopped = self.balancer.stopService()
        assert stopped.called

    def _in_thread(self, call: Callable[[], None]) -> Deferred[None]:
        self.written += 1
        try:
            call()
        except Exception:
            return fail()
        return succeed(None)
