"""The load balancers that are tortured."""

from __future__ import annotations

from benchmarks.programs import program
from torture.proxies.haproxy import Haproxy
from torture.proxies.nginx import Nginx
from torture.proxies.ours import Ours
from torture.proxies.proxy import Proxy

__all__ = ["KINDS", "Ours", "Proxy", "available"]

KINDS: tuple[type[Proxy], ...] = (Ours, Haproxy, Nginx)
"""Ours first."""


def available() -> list[type[Proxy]]:
    """Those that can be run here."""
    return [kind for kind in KINDS if kind is Ours or program(kind.name)]
