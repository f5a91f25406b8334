"""The verb that ends the process, as SIGTERM does."""

from __future__ import annotations

from lbtwist.errors import Refused
from lbtwist.model.drain import Because
from lbtwist.model.plane import EVERYTHING
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.verbs import rows
from lbtwist.service.verbs.preview import DRY_RUN
from lbtwist.service.verbs.taking_out import REASON
from lbtwist.service.verbs.verb import Call, Kind, Parameter, Result, Role, Verb


def shutdown(call: Call, timeout: float | None = None, dry_run: bool = False, reason: str = "") -> Result:
    """Leave as after SIGTERM (rule 70): every connection may finish within `timeout` seconds, the file's
    `shutdown_timeout` when None. While it leaves already, `timeout` is another deadline."""
    balancer: LoadBalancer = call.balancer
    if balancer.leaving and timeout is None:
        raise Refused("it is shutting down already; --timeout gives it another deadline")
    seconds = balancer.config.load_balancer.shutdown_timeout if timeout is None else timeout
    if not dry_run:
        balancer.shut_down(seconds, Because(call.caller.name, reason))
    return Result(
        {
            "subject": f"load balancer {balancer.name}",
            "connections": balancer.plane.tally(EVERYTHING).live,
            "timeout": rows.seconds_or_never(seconds),
        }
    )


VERBS = (
    Verb(
        "shutdown",
        shutdown,
        "Ends the process as SIGTERM does: accepts nothing more, and drains.",
        Role.OPERATE,
        (
            Parameter(
                "timeout",
                Kind.TIMEOUT,
                "how long connections may live on (shutdown_timeout)",
                option=True,
            ),
            DRY_RUN,
            REASON,
        ),
    ),
)
