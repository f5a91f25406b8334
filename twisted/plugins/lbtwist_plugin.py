"""Makes `twistd lb` known. Imported at every `twistd --help`, so it imports nothing of lbtwist."""

from twisted.application.service import ServiceMaker

load_balancer = ServiceMaker(
    "lbtwist",
    "lbtwist.tap",
    "A load balancer for TCP, HTTP/1.1 and WebSocket that drains connections.",
    "lb",
)
