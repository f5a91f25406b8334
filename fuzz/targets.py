"""Every target by its name. Each takes any bytes, and raises where something is not as it should be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from fuzz import bodies, heads, others

SEEDS = Path(__file__).with_name("seeds")
"""A folder for each target, with what it begins from."""

TARGETS: Mapping[str, Callable[[bytes], None]] = {
    each.__name__: each
    for each in (
        heads.request_head,
        heads.response_head,
        heads.onward,
        heads.onward_answer,
        heads.cookies,
        bodies.chunked_body,
        bodies.counted_body,
        bodies.websocket,
        others.forwarded,
        others.target,
        others.proxy,
        others.client_hello,
        others.handshake_size,
        others.generation,
        others.configuration,
    )
}


def seeds(name: str) -> list[bytes]:
    """What the target `name` begins from."""
    return [path.read_bytes() for path in sorted((SEEDS / name).iterdir())]
