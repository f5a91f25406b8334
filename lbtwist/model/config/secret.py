"""A value that must not be seen: it is read and written like text, and shown as `***`."""

from __future__ import annotations

import re

from lbtwist.model.config.kind import Kind

_PATTERN = r"[!-~]{16,255}"
_FORM = "16–255 ASCII characters without spaces"


class Secret:
    """A secret. No dataclass, nor text: those are shown and written by what they hold."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    @property
    def value(self) -> bytes:
        """What it is, for whoever computes with it."""
        return self._text.encode()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "***"


def _read(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str) or not re.fullmatch(_PATTERN, value):
        # It is not shown, wrong as it is.
        raise ValueError(f"is not {_FORM}")
    return Secret(value)


SECRET = Kind(_read, _FORM, {"type": "string", "pattern": f"^{_PATTERN}$"})
