"""The names of what a balancer has, for completion and for reaching things by name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lbtwist.model.config import plain
from lbtwist.model.config.changes import value_at
from lbtwist.service.balancer import LoadBalancer

_BARE = re.compile(r"[A-Za-z0-9_-]+")


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

    def keys(self, begun: str) -> list[str]:
        """Paths of settings that begin with the whole steps of `begun`, one step longer; a table's ends with
        a dot."""
        *steps, _ = _steps(begun)
        table = value_at(plain(self._balancer.config), [_bare(step) for step in steps])
        before = "".join(f"{step}." for step in steps)
        found = table.items() if isinstance(table, Mapping) else ()
        return sorted(
            before + _written(key) + ("." if isinstance(value, Mapping) else "") for key, value in found
        )


def _written(key: str) -> str:
    """As it stands in a path: a name that is not bare in quotes, which the prompt's own quoting leaves."""
    return key if _BARE.fullmatch(key) else f'\\"{key}\\"'


def _bare(step: str) -> str:
    return step.replace("\\", "").strip('"')


def _steps(path: str) -> list[str]:
    """The steps of a path that is being typed, as they are typed: its dots in quotes part nothing."""
    steps, quoted = [""], False
    for character in path:
        quoted ^= character == '"'
        if character == "." and not quoted:
            steps.append("")
        else:
            steps[-1] += character
    return steps
