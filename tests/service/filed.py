"""A load balancer with a file that the test writes, in memory or in a directory."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from lbtwist.model.config import Config, Part
from lbtwist.service.configfile import read
from lbtwist.service.filing import Filing
from lbtwist.service.loading import Loaded, judge
from lbtwist.service.reload import Reloader
from lbtwist.service.verbs import editing, filing, looking, settings
from lbtwist.service.verbs.verb import Result
from tests.service.bench import Bench


class Filed:
    """A balancer that runs; its thread is this one."""

    def __init__(self, toml: str, directory: Path | None = None, **included: str) -> None:
        """`included` are files of `directory` by name, which the main file may include."""
        self.toml = toml
        self.directory = directory
        for name, text in included.items():
            self.write(text, f"{name}.toml")
        if directory is not None:
            self.write(toml)
        self.reading: Deferred[Loaded] | None = None
        self.slow: list[Deferred[None]] | None = None
        """What is done in a thread waits for these, where there are any."""
        self.bench = Bench(self.loaded().config)
        self.balancer = self.bench.balancer
        self.balancer.parts = self.loaded().parts
        self.reloader = Reloader(self.balancer, self._read, self._in_thread)
        self.balancer.filing = Filing(self.balancer, self._read, self._in_thread)

    @property
    def file(self) -> Path:
        assert self.directory is not None
        return self.directory / "lb.toml"

    def write(self, text: str, name: str = "lb.toml") -> None:
        assert self.directory is not None
        (self.directory / name).write_text(text)

    def loaded(self) -> Loaded:
        """The file as it is now."""
        parts = [Part(tomllib.loads(self.toml), "lb.toml", Path(), self.toml)]
        if self.directory is not None:
            parts = read(self.file)
        return Loaded(judge(parts), tuple(parts))

    def set(self, key: str, value: str, **more: Any) -> Any:
        return self.run(settings.set_, key, value, **more)

    def unset(self, key: str, **more: Any) -> Any:
        return self.run(settings.unset, key, **more)

    def revert(self, key: str | None = None, **more: Any) -> Any:
        return self.run(settings.revert, key, **more)

    def apply(self, fragment: str, **more: Any) -> Any:
        return self.run(editing.apply, fragment=fragment, **more)

    def save(self, **more: Any) -> Any:
        return self.run(filing.save, **more)

    def diff(self) -> str:
        told: str = self.run(filing.diff)
        return told

    def run(self, verb: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        """What a verb answers."""
        return done(verb(self.bench.call(), *arguments, **more))

    def get(self, key: str | None = None) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = settings.get(self.bench.call(), key).data
        return told

    def reload(self, toml: str) -> list[str]:
        self.toml = toml
        if self.directory is not None:
            self.write(toml)
        changed: list[list[str]] = []
        self.reloader.reload().addCallback(changed.append)
        return changed[0]

    @property
    def live(self) -> list[str]:
        told: list[str] = looking.status(self.bench.call()).data["live_changes"]
        return told

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self.balancer.config

    def _read(self) -> Deferred[Loaded]:
        return self.reading or maybeDeferred(self.loaded)

    def _in_thread(self, call: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        if self.slow is None:
            return maybeDeferred(call, *arguments)
        waiting: Deferred[None] = Deferred()
        self.slow.append(waiting)
        return waiting.addCallback(lambda _: call(*arguments))


def done(answer: Result | Deferred[Result]) -> Any:
    """What a verb has answered, or raised."""
    if isinstance(answer, Result):
        return answer.data
    got: list[Result] = []
    caught: list[Failure] = []
    answer.addCallbacks(got.append, caught.append)
    if caught:
        caught[0].raiseException()
    return got[0].data
