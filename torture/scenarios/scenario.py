"""What a scenario is."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from torture.proxies.proxy import Setting
from torture.site import Site
from torture.sizes import Sizes


class Scenario:
    """A fault, done to a load balancer while a crowd asks it."""

    letter: ClassVar[str]
    title: ClassVar[str]
    peers: ClassVar[bool] = True
    """haproxy and nginx are put through it too."""
    stirred: ClassVar[bool] = False
    """It is run again with reloads, a drain and a SIGTERM at the same time."""
    crowded: ClassVar[bool] = True
    """A crowd asks while it runs."""
    leaves_nothing: ClassVar[bool] = False
    """Descriptors and objects are to be back where they were."""
    apart: ClassVar[bool] = False
    """It needs for itself what all share, as the network: nothing else is run at the same time."""
    expected: ClassVar[str] = ""
    """What its lines of unwanted log are about; empty where there may be none."""

    def setting(self, sizes: Sizes, directory: Path) -> Setting:
        """What the load balancer is configured with; `directory` is its own, and gone after the scenario."""
        return Setting()

    def clear(self) -> None:
        """Give back what `setting` has taken; called in any case."""

    def lacking(self) -> str:
        """Why it can't be run here; empty where it can."""
        return ""

    async def fault(self, site: Site) -> None:
        """While the crowd asks."""

    async def after(self, site: Site) -> None:
        """When the crowd has its answers."""
