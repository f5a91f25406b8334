"""What the clients of a listener pass at its entrance, by its policy."""

from __future__ import annotations

from lbtwist.net.admission import Admission
from lbtwist.net.entrance import Step
from lbtwist.net.frontend import Frontend
from lbtwist.net.http.admission import HttpAdmission
from lbtwist.net.http.frontend import HttpFrontend
from lbtwist.net.proxied import ProxyHeaders
from lbtwist.net.server_name import ServerNames
from lbtwist.net.tls.step import tls_of


def steps_of(frontend: Frontend) -> tuple[Step, ...]:
    """In the order in which a client passes them."""
    steps: list[Step] = []
    if frontend.policy.proxy_protocol:
        steps.append(ProxyHeaders(frontend))
    # Who waits for its header is judged by the gate as it is when that has come, also by its first limit.
    if frontend.gate.judges or frontend.policy.proxy_protocol:
        steps.append(admission_of(frontend))
    if frontend.policy.tls is not None:
        steps.append(tls_of(frontend, frontend.policy.tls))
    if frontend.policy.name_rules:
        steps.append(ServerNames(frontend))
    return tuple(steps)


def admission_of(frontend: Frontend) -> Admission:
    """The step that judges addresses: over TLS nothing can be answered before the handshake, which is what
    the limits protect."""
    if isinstance(frontend, HttpFrontend) and frontend.policy.protocol == "http":
        return HttpAdmission(frontend)
    return Admission(frontend)
