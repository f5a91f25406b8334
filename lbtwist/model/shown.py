"""How a value that someone else wrote is shown in a message."""

from __future__ import annotations

import re

LIMIT = 80
"""Characters of a value that are shown at most."""

_RUN = re.compile(r"[A-Za-z0-9+/_=-]{32,}")
_HEX = re.compile(r"[0-9a-fA-F]+")


def shown(value: object) -> str:
    """The `repr` of `value` on one line of at most 80 characters, without what looks like a secret.

    Key material that was put in the wrong place must not end in a log.
    """
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an int of more than 4300 digits has no repr
        text = f"<{type(value).__name__}>"
    text = _RUN.sub(_without_secret, text)
    return text if len(text) <= LIMIT else text[: LIMIT - 1] + "…"


def _without_secret(match: re.Match[str]) -> str:
    run = match[0]
    return run[:4] + "…" if _looks_secret(run) else run


def _looks_secret(run: str) -> bool:
    """Hexadecimal digits alone, or capitals, small letters and digits in one run, as base64 has."""
    return _HEX.fullmatch(run) is not None or (
        any(c.isupper() for c in run) and any(c.islower() for c in run) and any(c.isdigit() for c in run)
    )
