"""Where a request goes by the rules of its listener: the first that matches counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition on requests, and what becomes of those that meet it: exactly one of the last three."""

    host: bytes = b""
    """In small letters, without the port; `*.example.com` stands for each name below. Empty: any."""
    path_prefix: bytes = b""
    """Matched byte by byte, up to a `/` or the end of the path. Empty: any."""
    group: str = ""
    """The server group that it goes to."""
    redirect: bytes = b""
    """Where the client is sent instead, with `{host}` and `{target}` in it."""
    respond: int = 0
    """The status that the client is answered with instead."""

    def matches(self, host: bytes, path: bytes) -> bool:
        """Whether a request for `path` at `host`, which is in small letters and has no port, meets it."""
        return is_at(self.host, host) and self._has_path(path)

    def location(self, host: bytes, target: bytes) -> bytes:
        """Where a client that asked `host` for `target` is sent: each placeholder is filled once."""
        parts = self.redirect.split(b"{target}")
        return target.join(part.replace(b"{host}", host) for part in parts)

    def _has_path(self, path: bytes) -> bool:
        prefix = self.path_prefix
        if not path.startswith(prefix):
            return False
        return not prefix or prefix.endswith(b"/") or path[len(prefix) : len(prefix) + 1] in (b"", b"/")


def is_at(pattern: bytes, host: bytes) -> bool:
    """Whether `host` is the one that `pattern` names, or below that of `*.example.com`; empty is any."""
    if not pattern.startswith(b"*."):
        return not pattern or host == pattern
    return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1


def first_match(rules: Iterable[Rule], host: bytes, path: bytes) -> Rule | None:
    """The rule that such a request goes by; None where it goes to the listener's own group."""
    return next((rule for rule in rules if rule.matches(host, path)), None)


def climbs(rules: Iterable[Rule]) -> bool:
    """Whether paths are routed on, so that one which a server resolves to another is refused."""
    return any(rule.path_prefix for rule in rules)
