"""A server of files as a program: `python http_files.py KIND FOLDER HOST`. It prints its port.

KIND is `http.server`, `aiohttp` or `tornado`.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from socket import create_server

import tornado.httpserver
import tornado.web
from aiohttp import web

KIND, FOLDER, HOST = sys.argv[1:]


def by_http_server() -> None:
    """HTTP/1.0: the end of the connection is that of the response where it tells no length."""
    server = ThreadingHTTPServer((HOST, 0), partial(SimpleHTTPRequestHandler, directory=FOLDER))
    print(server.server_port, flush=True)
    server.serve_forever()


async def by_aiohttp() -> None:
    application = web.Application()
    application.add_routes([web.static("/", FOLDER)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


async def by_tornado() -> None:
    handler = (r"/(.*)", tornado.web.StaticFileHandler, {"path": FOLDER})
    server = tornado.httpserver.HTTPServer(tornado.web.Application([handler]))
    with create_server((HOST, 0)) as listening:
        listening.setblocking(False)
        server.add_sockets([listening])
        print(listening.getsockname()[1], flush=True)
        await asyncio.Event().wait()


if KIND == "http.server":
    by_http_server()
else:
    asyncio.run({"aiohttp": by_aiohttp, "tornado": by_tornado}[KIND]())
