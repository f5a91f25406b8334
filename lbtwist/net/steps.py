"""What the clients of a listener pass at its entrance, by its policy."""

from __future__ import annotations

from lbtwist.net.entrance import Step
from lbtwist.net.frontend import Frontend
from lbtwist.net.server_name import ServerNames
from lbtwist.net.tls.step import tls_of


def steps_of(frontend: Frontend) -> tuple[Step, ...]:
    """In the order in which a client passes them."""
    steps: list[Step] = []
    if frontend.policy.tls is not None:
        steps.append(tls_of(frontend, frontend.policy.tls))
    if frontend.policy.name_rules:
        steps.append(ServerNames(frontend))
    return tuple(steps)
