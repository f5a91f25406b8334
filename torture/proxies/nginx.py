"""nginx, with its stream module where it is there."""

from __future__ import annotations

import os
import signal

from benchmarks.programs import nginx_stream, program
from torture.proxies.child import ChildProxy


class Nginx(ChildProxy):
    """Servers are drained by an edit of its file."""

    name = "nginx"
    template = "nginx.conf"
    on_reload = signal.SIGHUP
    on_terminate = signal.SIGQUIT

    _down: frozenset[str] = frozenset()

    @property
    def speaks_tcp(self) -> bool:
        return nginx_stream() is not None

    def words(self) -> list[str]:
        file = str(self.directory / "configuration")
        return [str(program("nginx")), "-p", str(self.directory), "-e", "stderr", "-c", file]

    def configuration(self) -> str:
        (self.directory / "temp").mkdir(exist_ok=True)
        down = {f"DOWN0{number}": "down" if f"ecs0{number}" in self._down else "" for number in (1, 2, 3)}
        module = nginx_stream()
        values = {
            **down,
            "MODULE": module or "",
            "USER": "user root;" if os.geteuid() == 0 else "",
            "STREAM": "" if module is None else self.filled("nginx-stream.conf", {}),
        }
        return f"{self.filled(self.template, values)}# {self.reloads}\n"

    async def drain(self, server: str) -> None:
        self._down |= {server}
        await self.reload()

    async def ready(self, server: str) -> None:
        self._down -= {server}
        await self.reload()
