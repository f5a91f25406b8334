"""A configuration as TOML says it."""

from __future__ import annotations

from typing import Any

from lbtwist.model.config.table import Table


def plain(settings: Table) -> dict[str, Any]:
    """`settings`, a whole Config or any table of it, in the plain values that stand in a file.

    Durations are numbers of seconds, or `"never"`. What is not set and has no default is left out.
    Reading it again gives the same settings.
    """
    return settings.model_dump(exclude_none=True)
