"""An HTTP server as a program: `python http_worker.py NAME HOST PORT LOG` (aiohttp).

Each request is a line in LOG when its head has come: the monotonic clock, the method and the target. The
Close frame of a WebSocket's client is one with CLOSED and its code. It prints its port, 0 being replaced by
what the system gave, and runs until it is killed.

    /                           who it is
    /slow/SECONDS               the same, after so long
    /echo                       what was sent: the method, the fields, and the size and hash of the body
    /mirror                     the body of the request, as it comes, in chunks where it came in chunks
    /file                       ten digits, also in ranges
    /drip/COUNT/PAUSE           a byte so often, with a pause before each
    /events/COUNT/PAUSE         an event stream, with a pause before each event
    /websocket                  each message comes back with the name
    /page/COUNT                 a page with so many pictures, which talks over a WebSocket and then reports
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import WSMsgType, web

NAME, HOST, PORT, LOG = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
CLOSED = "CLOSED"
PIECE = 64 * 1024
PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><circle r="9"/></svg>'
PAGE = """<!DOCTYPE html>
<title>pictures</title>
{pictures}
<script>
onload = () => {{
    const loaded = [...document.images].filter(image => image.naturalWidth).length;
    const heard = [];
    const socket = new WebSocket(`${{location.origin.replace("http", "ws")}}/websocket`);
    socket.onopen = () => socket.send("1");
    socket.onmessage = message => {{
        heard.push(message.data);
        if (heard.length < 3)
            socket.send(`${{heard.length + 1}}`);
        else
            fetch(`/report?loaded=${{loaded}}&heard=${{heard.length}}`);
    }};
}};
</script>
"""

log = LOG.open("a", buffering=1)


@web.middleware
async def counted(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    log.write(f"{time.monotonic()} {request.method} {request.path_qs}\n")
    return await handler(request)


async def index(request: web.Request) -> web.Response:
    return web.Response(text=f"hello, this is {NAME}\n")


async def slow(request: web.Request) -> web.Response:
    await asyncio.sleep(float(request.match_info["seconds"]))
    return await index(request)


async def echo(request: web.Request) -> web.Response:
    digest, size = hashlib.blake2b(), 0
    async for piece in request.content.iter_chunked(PIECE):
        digest.update(piece)
        size += len(piece)
    fields = {name.lower(): value for name, value in request.headers.items()}
    told = {"method": request.method, "fields": fields, "size": size, "hash": digest.hexdigest()}
    return web.json_response(told)


async def mirror(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    if request.content_length is None:
        response.enable_chunked_encoding()
    else:
        response.content_length = request.content_length
    await response.prepare(request)
    async for piece in request.content.iter_chunked(PIECE):
        await response.write(piece)
    return response


async def file(request: web.Request) -> web.FileResponse:
    path = LOG.with_suffix(".file")
    path.write_bytes(b"0123456789")
    return web.FileResponse(path)


async def drip(request: web.Request) -> web.StreamResponse:
    count, pause = int(request.match_info["count"]), float(request.match_info["pause"])
    response = web.StreamResponse()
    response.content_length = count
    await response.prepare(request)
    for _ in range(count):
        await asyncio.sleep(pause)
        await response.write(b".")
    return response


async def events(request: web.Request) -> web.StreamResponse:
    count, pause = int(request.match_info["count"]), float(request.match_info["pause"])
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for number in range(1, count + 1):
        await asyncio.sleep(pause)
        await response.write(f"data: {number}\n\n".encode())
    return response


async def websocket(request: web.Request) -> web.WebSocketResponse:
    response = web.WebSocketResponse()
    await response.prepare(request)
    async for message in response:
        if message.type is WSMsgType.TEXT:
            await response.send_str(f"{NAME}: {message.data}")
    log.write(f"{time.monotonic()} {CLOSED} {response.close_code}\n")
    return response


async def page(request: web.Request) -> web.Response:
    count = int(request.match_info["count"])
    pictures = "\n".join(f'<img src="/picture/{number}">' for number in range(count))
    return web.Response(text=PAGE.format(pictures=pictures), content_type="text/html")


async def picture(request: web.Request) -> web.Response:
    return web.Response(body=PICTURE, content_type="image/svg+xml")


async def run() -> None:
    application = web.Application(middlewares=[counted])
    application.add_routes(
        [
            web.get("/", index),
            web.route("*", "/slow/{seconds}", slow),
            web.route("*", "/echo", echo),
            web.post("/mirror", mirror),
            web.get("/file", file),
            web.get("/drip/{count}/{pause}", drip),
            web.get("/events/{count}/{pause}", events),
            web.get("/websocket", websocket),
            web.get("/page/{count}", page),
            web.get("/picture/{number}", picture),
            web.get("/report", index),
        ]
    )
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, HOST, PORT)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


asyncio.run(run())
