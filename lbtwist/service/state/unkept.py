"""Without a state file: said once, when there is something to lose."""

from __future__ import annotations

from twisted.logger import Logger

from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.state.snapshot import snapshot

WARNING = "there is no load_balancer.state_file: a restart forgets what is changed live"

log = Logger()


def warn_once(balancer: LoadBalancer) -> None:
    """Have the first verb after which something would be lost say so, in the log too."""

    def unkept() -> str:
        if not snapshot(balancer).wants:
            return ""
        balancer.unkept = lambda: ""
        log.warn("{warning}", warning=WARNING)
        return WARNING

    balancer.unkept = unkept
