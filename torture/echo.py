"""A WebSocket server that sends back every message: `python -m torture.echo PORT`."""

from __future__ import annotations

import asyncio
import sys

from aiohttp import WSMsgType, web

LARGEST = 1 << 25
"""Bytes of a message."""


async def echo(request: web.Request) -> web.WebSocketResponse:
    """To its close."""
    response = web.WebSocketResponse(max_msg_size=LARGEST, compress=False)
    await response.prepare(request)
    async for message in response:
        if message.type is WSMsgType.TEXT:
            await response.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await response.send_bytes(message.data)
    return response


async def run(port: int) -> None:
    """Until it is killed."""
    application = web.Application()
    application.add_routes([web.get("/", echo)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1])))
