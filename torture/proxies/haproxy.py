"""haproxy, in its master-worker mode."""

from __future__ import annotations

import asyncio
import signal

from benchmarks.programs import program
from torture.proxies.child import ChildProxy


class Haproxy(ChildProxy):
    """Servers are drained through its socket."""

    name = "haproxy"
    template = "haproxy.cfg"
    on_reload = signal.SIGUSR2
    on_terminate = signal.SIGUSR1

    def words(self) -> list[str]:
        return [str(program("haproxy")), "-W", "-db", "-f", str(self.directory / "configuration")]

    def configuration(self) -> str:
        return f"{self.filled(self.template, {})}# {self.reloads}\n"

    async def drain(self, server: str) -> None:
        await self._tell(f"set server web/{server} state drain")

    async def ready(self, server: str) -> None:
        await self._tell(f"set server web/{server} state ready")

    async def _tell(self, line: str) -> None:
        reader, writer = await asyncio.open_unix_connection(str(self.directory / "haproxy.sock"))
        writer.write(f"{line}\n".encode())
        await reader.read()
        writer.close()
