"""What haproxy and nginx have in common: a file, a process, and signals."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from abc import abstractmethod
from typing import ClassVar

from torture.proxies.proxy import Proxy

RELOADING = 0.3
"""Seconds for a reload, of which neither tells when it is over."""


class ChildProxy(Proxy):
    """One whose first process stays through a reload."""

    on_reload: ClassVar[signal.Signals]
    on_terminate: ClassVar[signal.Signals]

    _process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def words(self) -> list[str]:
        """Its command."""

    @abstractmethod
    def configuration(self) -> str:
        """What is in its file now."""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        self.write()
        with (self.directory / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*self.setting.wrapper, *self.words()],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def end(self) -> None:
        if self._process is not None:
            for number in (signal.SIGTERM, signal.SIGKILL):
                if self.running:
                    os.killpg(self._process.pid, number)
                    await asyncio.sleep(0.1)
            self._process.wait()

    async def reload(self) -> None:
        self.reloads += 1
        self.write()
        os.kill(self.pid, self.on_reload)
        await asyncio.sleep(RELOADING)

    def terminate(self) -> None:
        os.kill(self.pid, self.on_terminate)

    def write(self) -> None:
        """Its file, anew."""
        (self.directory / "configuration").write_text(self.configuration())

    def printed(self) -> str:
        return (self.directory / "log").read_text(errors="replace")
