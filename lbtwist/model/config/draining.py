"""The schema of how servers leave a group."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated

from lbtwist.model.config.kind import NEVER, member_of, seconds, seconds_or, whole_in
from lbtwist.model.config.table import Table, key

SAME = "same"


class Rejoin(StrEnum):
    """What adding a server again during its removal drain does (rule 16)."""

    AFTER_DRAIN = "after_drain"
    ALONGSIDE = "alongside"
    CANCEL_DRAIN = "cancel_drain"


class Recovery(StrEnum):
    """What a passing health check does during an unhealthy drain (rule 24)."""

    LATCHED = "latched"
    RESUME = "resume"


class DrainingSettings(Table):
    """How servers leave the group."""

    timeout: Annotated[float, seconds_or(0, 3600, {NEVER: math.inf})] = key(
        "How long a removed server's connections may live on. `0`: they are cut at once. "
        '`"never"`: no deadline, it is gone with its last connection.',
        300.0,
    )
    on_unhealthy: Annotated[float | None, seconds_or(0, 3600, {NEVER: math.inf, SAME: None})] = key(
        "The same for a server that failed its health check. `same`: as `timeout` says, but with "
        "`timeout = 0` existing connections are kept (rule 21). A number always applies, `0` cuts at once. "
        "`never`: they are kept.",
        None,
    )
    recovery: Annotated[Recovery, member_of(Recovery)] = key(
        "What a passing health check does during such a drain (rule 24). `latched`: the connections are "
        "still closed at the deadline, and there are no new ones until then. `resume`: the drain ends, and "
        "nothing is cut.",
        Recovery.LATCHED,
    )
    rejoin: Annotated[Rejoin, member_of(Rejoin)] = key(
        "What adding a server again during its drain does (rule 16). `after_drain`: it takes new connections "
        "once the drain has ended. `alongside`: at once, beside the drain. `cancel_drain`: the drain is "
        "cancelled and its connections stay.",
        Rejoin.AFTER_DRAIN,
    )
    spread: Annotated[float, seconds(0, 3600)] = key(
        "Connections are cut evenly over so long before the deadline, the longest idle first. "
        "`0`: all at the deadline. Requests in flight are cut at the deadline only.",
        0.0,
    )
    error_status: Annotated[int, whole_in((500, 500), (502, 502), (503, 503))] = key(
        "http: the answer to a request that is cut before its response began.", 500
    )
    websocket_close: Annotated[int, whole_in((0, 0), (1001, 1001), (1012, 1012), (4000, 4999))] = key(
        "http: the code of the Close frames that a WebSocket is cut with. `0`: there are none.",
        1001,
    )

    @property
    def unhealthy_timeout(self) -> float | None:
        """Seconds that the connections of an unhealthy server may live on; None: they are kept.

        `same` with a timeout of 0 keeps them, an explicit 0 cuts them at once (rules 21 and 22).
        """
        same = self.on_unhealthy is None
        length = self.timeout if self.on_unhealthy is None else self.on_unhealthy
        return None if length == math.inf or (same and length == 0) else length
