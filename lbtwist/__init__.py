"""A load balancer for TCP on Twisted whose first promise is connection draining."""

__version__ = "0.1.0"
