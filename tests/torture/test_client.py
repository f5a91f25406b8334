"""What a client says of what became of its request."""

from __future__ import annotations

import asyncio
import re
import socket
import struct

import pytest

from torture.client import Client
from torture.fates import Asked, Fate

ANSWERS = {
    b"HTTP/1.1 200 OK\r\nX-Id: @\r\nContent-Length: 2\r\n\r\nok": (Fate.ANSWERED, 200),
    b"HTTP/1.1 200 OK\r\nX-Id: @\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n": (
        Fate.ANSWERED,
        200,
    ),
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n": (Fate.ANSWERED, 502),
    b"HTTP/1.1 200 OK\r\nX-Id: 0\r\nContent-Length: 2\r\n\r\nok": (Fate.WRONG, 200),
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok": (Fate.WRONG, 200),
    b"HTTP/1.1 200 OK\r\nX-Id: @\r\nContent-Length: 3\r\n\r\nok": (Fate.TRUNCATED, 200),
    b"HTTP/1.1 200 OK\r\nX-Id: @\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n": (Fate.TRUNCATED, 200),
    b"HTTP/1.1 2": (Fate.TRUNCATED, 0),
    b"": (Fate.CLOSED_FRESH, 0),
}
"""What a server says before it closes, with the request's number for @."""
RESET = struct.pack("ii", 1, 0)


async def _asked(answer: bytes, reset: bool = False, times: int = 1) -> Asked:
    """The last of some requests, each of which a server gives `answer`; only the last closes."""
    left = times

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        while left:
            left -= 1
            head = await reader.readuntil(b"\r\n\r\n")
            number = re.search(rb"id=(\d+)", head)
            assert number
            whole = b"HTTP/1.1 200 OK\r\nX-Id: @\r\nContent-Length: 0\r\n\r\n"
            writer.write((whole if left else answer).replace(b"@", number[1]))
        if reset:
            taken: socket.socket = writer.get_extra_info("socket")
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        client = Client(server.sockets[0].getsockname())
        for _ in range(times):
            asked = await client.ask("/")
        client.close()
        await asyncio.sleep(0)
        return asked


@pytest.mark.parametrize("answer", ANSWERS)
def test_fate_of_a_request(answer: bytes) -> None:
    asked = asyncio.run(_asked(answer))
    assert (asked.fate, asked.status) == ANSWERS[answer]
    assert asked.ended >= asked.begun


@pytest.mark.parametrize("reset", [False, True])
def test_closed_on_reuse_in_order_or_not(reset: bool) -> None:
    asked = asyncio.run(_asked(b"", reset, times=2))
    assert (asked.fate, asked.fresh, asked.clean) == (Fate.CLOSED_REUSED, False, not reset)


def test_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = taken.getsockname()
    asked = asyncio.run(Client(address).ask("/"))
    assert asked.fate is Fate.REFUSED


def test_a_kept_connection_that_was_cut_when_idle_is_counted_and_made_anew() -> None:
    async def asks() -> tuple[Asked, int]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            number = re.search(rb"id=(\d+)", head)
            assert number
            writer.write(b"HTTP/1.1 200 OK\r\nX-Id: %b\r\nContent-Length: 0\r\n\r\n" % number[1])
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            client = Client(server.sockets[0].getsockname())
            await client.ask("/")
            while not client.ended:
                await asyncio.sleep(0)
            asked = await client.ask("/")
            client.close()
            return asked, client.idle_cuts

    asked, cuts = asyncio.run(asks())
    assert (asked.well, asked.fresh, cuts) == (True, True, 1)
