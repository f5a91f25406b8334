"""Which certificate is for a server name: exact, or a wildcard for one label (RFC 9525, 6.3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class NameTable:
    """The names of some certificates. Where two have the same name, the first has it."""

    def __init__(self, names: Sequence[Iterable[str]]) -> None:
        """`names` are those of each certificate, as `www.example.com` and `*.example.com`."""
        self._known: dict[str, int] = {}
        for index, each in enumerate(names):
            for name in each:
                self._known.setdefault(name.lower(), index)

    def find(self, name: str) -> int:
        """The index of the certificate for `name`, which may have a final dot: the exact one, else a
        wildcard's, else the first."""
        name = name.lower().removesuffix(".")
        found = self._known.get(name)
        if found is None:
            found = self._known.get(f"*.{name.partition('.')[2]}")
        return found or 0
