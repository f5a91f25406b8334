"""What every load balancer of a run can be told, and asked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from benchmarks.processes import PAGE, Failed, family, free_ports, usage_in
from torture.client import Client
from torture.servers import Server

CONFIGURATIONS = Path(__file__).parents[1] / "configurations"
START = 20.0
"""Seconds in which it has to serve, or to end."""


@dataclass(frozen=True)
class Setting:
    """What differs from scenario to scenario."""

    header_timeout: int = 10
    wrapper: Sequence[str] = ()
    """Words before its command."""
    environ: Mapping[str, str] = field(default_factory=dict)
    top: str = ""
    """Further keys of lbtwist's [load_balancer]."""
    sections: str = ""
    """Further sections of lbtwist's file."""
    group: str = ""
    """Further keys of lbtwist's server group of the http listener."""


class Proxy(ABC):
    """One load balancer over `servers`, in a process from `start` until `end`."""

    name: ClassVar[str]
    template: ClassVar[str]

    def __init__(self, directory: Path, servers: Sequence[Server], setting: Setting) -> None:
        self.directory = directory
        self.setting = setting
        self.reloads = 0
        web, raw = free_ports(2)
        self.web = ("127.0.0.1", web)
        """Where its http listener is."""
        self.raw = ("127.0.0.1", raw)
        """Where its tcp listener is."""
        self._values = {
            "DIRECTORY": str(directory),
            "WEB": str(web),
            "RAW": str(raw),
            "HEADER_TIMEOUT": str(setting.header_timeout),
        }
        for server in servers:
            number = server.name[-2:]
            self._values[f"ECS{number}"] = f"{server.host}:{server.port}"
            self._values[f"RAW{number}"] = f"{server.host}:{server.raw_port}"

    @property
    @abstractmethod
    def pid(self) -> int:
        """Of its first process."""

    @property
    def generations(self) -> Sequence[int]:
        """The first process of each of its generations that runs."""
        return [self.pid]

    @property
    @abstractmethod
    def running(self) -> bool:
        """It has not ended."""

    @property
    def speaks_tcp(self) -> bool:
        """It has its tcp listener."""
        return True

    @abstractmethod
    async def start(self) -> None:
        """Returns when its process runs. Raises Failed."""

    @abstractmethod
    async def end(self) -> None:
        """In any case, and at once."""

    @abstractmethod
    async def reload(self) -> None:
        """Have it read its file, which is another each time; returns when it has, or has had the time."""

    @abstractmethod
    async def drain(self, server: str) -> None:
        """Nothing new goes to `server`; what is under way goes on."""

    @abstractmethod
    async def ready(self, server: str) -> None:
        """Take `server` back."""

    @abstractmethod
    def terminate(self) -> None:
        """Have it end when all is answered."""

    async def ended(self, seconds: float = START) -> float:
        """Wait until it has ended; returns the seconds that were waited. Raises Failed."""
        began = asyncio.get_running_loop().time()
        while self.running:
            await asyncio.sleep(0.01)
            if asyncio.get_running_loop().time() - began > seconds:
                raise Failed(f"{self.name} has not ended after {seconds:.0f} s")
        return asyncio.get_running_loop().time() - began

    async def serves(self) -> None:
        """Wait until it answers well. Raises Failed."""
        client = Client(self.web)
        try:
            async with asyncio.timeout(START):
                while not (await client.ask("/small")).well:
                    if not self.running:
                        raise Failed(f"{self.name} has ended: {self.printed()[-1000:]}")
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise Failed(f"{self.name} does not serve: {self.printed()[-1000:]}") from None
        finally:
            client.close()

    @abstractmethod
    def printed(self) -> str:
        """All that it has said."""

    def resident(self) -> int:
        """Bytes of memory of all its processes."""
        return sum(self.residents().values())

    def residents(self) -> dict[int, int]:
        """The same, by generation."""
        return {
            first: sum(int(text.split()[1]) for text in _of_all("statm", family(first))) * PAGE
            for first in self.generations
        }

    def cpu(self) -> float:
        """Seconds of CPU that all its processes have had."""
        used = [usage_in(text) for text in _of_all("stat", self._everyone())]
        return sum(each.user + each.system for each in used)

    def descriptors(self) -> int:
        """How many all its processes have open, but for pipes, of which some are kept."""
        return sum(not file.startswith("pipe:") for pid in self._everyone() for file in _files(pid))

    def _everyone(self) -> Iterator[int]:
        for first in self.generations:
            yield from family(first)

    def filled(self, template: str, values: Mapping[str, str]) -> str:
        """A configuration with each @NAME@ in its place. Raises KeyError for a name without a value."""
        text = (CONFIGURATIONS / template).read_text()
        return re.sub(r"@([A-Z0-9_]+)@", lambda found: {**self._values, **values}[found[1]], text)


def _of_all(file: str, pids: Iterable[int]) -> Iterator[str]:
    for pid in pids:
        with contextlib.suppress(OSError):
            yield Path(f"/proc/{pid}/{file}").read_text()


def _files(pid: int) -> Iterator[str]:
    """What its descriptors are of; one that is closed meanwhile is left out."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for file in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                yield os.readlink(f"/proc/{pid}/fd/{file}")
