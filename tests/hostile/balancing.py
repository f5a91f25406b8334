"""A load balancer over one server that is in this process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from tests.functional.balancer import HOST, Balancer
from tests.functional.http_harness import http_app


@contextlib.asynccontextmanager
async def balancing(folder: Path, port: int, listener: str = "") -> AsyncIterator[Balancer]:
    """Over the server at `port`. Leaving it fails where the log has what it should not.

    So few connections are kept that hostile requests and canaries meet on them.
    """
    text = http_app({"s1": f"{HOST}:{port}"}, listener=listener, group="keepalive = 8")
    lb = Balancer(folder, text)
    await asyncio.to_thread(lb.__enter__)
    try:
        yield lb
    finally:
        await asyncio.to_thread(lb.__exit__, None, None, None)
