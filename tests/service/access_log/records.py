"""A record of a request as a data plane makes it."""

from __future__ import annotations

from typing import Any

from lbtwist.model.access import Access, End

WALL = 784111777.25
"""Sun, 06 Nov 1994 08:49:37 UTC, and a quarter."""


def record(**changes: Any) -> Access:
    """One that was answered by a server, but for what the test says."""
    return Access(
        time=WALL,
        protocol="http",
        listener="web",
        group="app",
        server="app/ecs01#7",
        client="192.0.2.1:50000",
        real_client="203.0.113.5",
        method=b"GET",
        host=b"a.example",
        target=b"/a?b=c",
        version=b"1.1",
        status=200,
        received=78,
        sent=1234,
        head=0.0005,
        queue=0.0,
        connect=0.002,
        response=0.01,
        total=0.02,
        retries=1,
        reused=False,
        connections=3,
        at_server=2,
        queued=0,
        end=End.DONE,
    )._replace(**changes)
