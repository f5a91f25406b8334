"""Hostile PROXY headers through a real load balancer, judged by whom its server is told of."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random

import pytest

from tests.functional.scale import scaled, told
from tests.hostile.balancing import balancing
from tests.hostile.proxy_reader import OWN, source_of
from tests.hostile.recorder import Recorder
from tests.hostile.request_grammar import changed
from tests.hostile.sending import CUTTINGS, each, exchange
from tests.hostile.serving import HOST
from tests.hostile.strict import strict_requests
from tests.wire.test_proxy_header import BAD_ONES, GOOD

pytestmark = [pytest.mark.functional, pytest.mark.slow]

LISTENER = f'proxy_protocol = true\ntrusted_proxies = ["{HOST}/32"]'
CHANGES = scaled(100, 4)
"""Of each good header."""


def headers() -> list[bytes]:
    """Good ones, bad ones, and good ones with bytes changed."""
    known = [*GOOD, *BAD_ONES]
    return known + [changed(good, Random(number)) for good in GOOD for number in range(CHANGES)]


def request(number: int) -> bytes:
    return b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number


async def answered(folder: Path, streams: Sequence[bytes]) -> tuple[list[bytes], dict[str, str]]:
    """What each client got, and the X-Forwarded-For of each target that the server was asked for."""
    async with (
        Recorder().serving() as recorder,
        balancing(folder, recorder.port, listener=LISTENER) as lb,
    ):
        answers = await each(
            partial(exchange, lb.address, CUTTINGS[number % len(CUTTINGS)](stream, Random(number)))
            for number, stream in enumerate(streams)
        )
    messages = [m for stream in recorder.streams for m in strict_requests(bytes(stream)).messages]
    return answers, {m.first[1]: dict(m.fields).get("x-forwarded-for", "") for m in messages}


def test_a_server_is_told_of_the_client_of_the_header_or_of_none(tmp_path: Path) -> None:
    streams = [header + request(number) for number, header in enumerate(headers())]
    answers, sources = asyncio.run(answered(tmp_path, streams))
    fates: Counter[str] = Counter()
    for number, (stream, answer) in enumerate(zip(streams, answers, strict=True)):
        read = source_of(stream)
        # What follows a changed header need not be the request any more.
        passed = read is not None and read[1] == request(number)
        if passed:
            assert read is not None
            assert sources[f"/{number}"] == (HOST if read[0] == OWN else read[0]), stream
            assert answer.startswith(b"HTTP/1.1 200"), (stream, answer)
        elif read is None:
            assert f"/{number}" not in sources, stream
            assert answer == b"", (stream, answer)
        fates["passed" if passed else "closed" if read is None else "another request"] += 1
    told(f"PROXY headers: {dict(fates)}")
    assert min(fates["passed"], fates["closed"]) > len(GOOD) / 2
