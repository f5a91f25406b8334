"""A configuration as TOML says it."""

from __future__ import annotations

from typing import Any

from lbtwist.model.config.table import Table


def plain(settings: Table) -> dict[str, Any]:
    """`settings`, a whole Config or any table of it, in the plain values that stand in a file.

    Durations are numbers of seconds, or `"never"`. What is not set and has no default is left out.
    Reading it again gives the same settings. A secret stays one: it is not to be shown.
    """
    return _without_none(settings.model_dump())


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    """Pydantic would leave out by the value at run time, which is None for `"same"`."""
    return {name: _inner(value) for name, value in values.items() if value is not None}


def _inner(value: Any) -> Any:
    if isinstance(value, dict):
        return _without_none(value)
    return list(map(_inner, value)) if isinstance(value, list | tuple) else value
