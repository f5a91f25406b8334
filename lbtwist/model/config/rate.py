"""The schema of how many new connections a listener takes in a second."""

from __future__ import annotations

from math import isfinite
from typing import Annotated

from lbtwist.model.config.kind import Kind, whole
from lbtwist.model.config.table import Table, key
from lbtwist.model.duration import plain_number
from lbtwist.model.shown import shown

SLOWEST, FASTEST = 0.01, 1_000_000
_ALLOWED = f"0, or {SLOWEST}–{FASTEST} a second"
_BURST = whole(0, 1_000_000)
_AS_A_SECOND = "as many as come in a second, at least one"


def _read(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
        raise ValueError(f"{shown(value)} is not a number ({_ALLOWED})")
    if value and not SLOWEST <= value <= FASTEST:
        raise ValueError(f"{shown(value)} is not {_ALLOWED}")
    return float(value)


_SCHEMA = {"anyOf": [{"const": 0}, {"type": "number", "minimum": SLOWEST, "maximum": FASTEST}]}
_PER_SECOND = Kind(_read, _ALLOWED, _SCHEMA, plain_number)


class RateSettings(Table):
    """New connections in a second; one more is closed, with http after a 429 (admission.md)."""

    per_client: Annotated[float, _PER_SECOND] = key(
        "Of one client: an IPv4 address, or a /64 of IPv6. `0`: no limit.", 0.0
    )
    per_client_burst: Annotated[int, _BURST] = key(
        "How many may come at once from a client that has not come for a while.", 0, otherwise=_AS_A_SECOND
    )
    total: Annotated[float, _PER_SECOND] = key("Of all clients together. `0`: no limit.", 0.0)
    total_burst: Annotated[int, _BURST] = key(
        "How many may come at once after a while in which fewer came.", 0, otherwise=_AS_A_SECOND
    )
