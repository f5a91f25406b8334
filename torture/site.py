"""What a scenario has: servers, one load balancer over them, clients, and a place for what it finds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from torture.crowd import Crowd
from torture.fates import Asked, Deeds
from torture.proxies import Ours, Proxy
from torture.servers import Server
from torture.sizes import Sizes


@dataclass
class Site:
    """Of one run of one scenario with one load balancer."""

    proxy: Proxy
    servers: Sequence[Server]
    sizes: Sizes
    crowd: Crowd
    deeds: Deeds = field(default_factory=Deeds)
    asked: list[Asked] = field(default_factory=list)
    """Requests that were not the crowd's."""
    figures: list[str] = field(default_factory=list)
    """What is to be told, in words."""
    faults: list[str] = field(default_factory=list)
    """What must not be."""
    left: bool = False
    """The load balancer was told to end, and nobody asks it again."""

    @property
    def ours(self) -> Ours | None:
        """The load balancer, where it is lbtwist."""
        return self.proxy if isinstance(self.proxy, Ours) else None

    @property
    def lbtwist(self) -> Ours:
        """The same, where it can be no other."""
        assert isinstance(self.proxy, Ours)
        return self.proxy

    def tell(self, figure: str) -> None:
        """For the line that is printed."""
        self.figures.append(figure)

    def must(self, true: bool, fault: str) -> None:
        """`fault`, unless it is true."""
        if not true:
            self.faults.append(fault)

    def kill(self, server: Server) -> None:
        """By SIGKILL, and note when."""
        at = time.monotonic()
        server.kill()
        self.deeds.kills.append((server.name, at))

    async def upgrade(self) -> None:
        """To the next generation, and note when."""
        since = time.monotonic()
        await self.lbtwist.upgrade()
        self.deeds.upgrades.append((since, time.monotonic()))

    def terminate(self) -> None:
        """The load balancer is to end; what it may refuse from now on is no loss."""
        self.left = True
        self.deeds.terminated = time.monotonic()
        self.proxy.terminate()
