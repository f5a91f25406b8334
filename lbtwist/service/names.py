"""The names of what a balancer has, for completion and for reaching things by name."""

from __future__ import annotations

from lbtwist.service.balancer import LoadBalancer


class Names:
    """Asked at each use, because they change."""

    def __init__(self, balancer: LoadBalancer) -> None:
        self._balancer = balancer

    def groups(self) -> list[str]:
        """Server groups: `app`."""
        return sorted(self._balancer.groups)

    def servers(self) -> list[str]:
        """Servers: `app/ecs01`."""
        return sorted({f"{r.group}/{r.name}" for r in self._balancer.registrations()})

    def registrations(self) -> list[str]:
        """Registrations, those that are leaving too: `app/ecs01#7`."""
        return sorted(registration.label for registration in self._balancer.registrations())

    def listeners(self) -> list[str]:
        """Listeners: `web`."""
        return sorted(self._balancer.listeners)
