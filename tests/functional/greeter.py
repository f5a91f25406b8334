"""A server as a program: `python greeter.py NAME HOST PORT HEALTH_PORT BACKLOG`.

At HOST:PORT it greets with its name and answers each line with it. At HOST:HEALTH_PORT it answers every
request of HTTP with 200 and the number of connections that it has accepted at PORT. It prints both ports,
0 being replaced by what the system gave, and runs until it is killed.
"""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from socketserver import StreamRequestHandler, ThreadingTCPServer

NAME, HOST = sys.argv[1:3]
PORT, HEALTH_PORT, BACKLOG = map(int, sys.argv[3:6])

numbers = count(1)
accepted = 0


class Greeting(StreamRequestHandler):
    def handle(self) -> None:
        global accepted
        accepted = next(numbers)
        self.wfile.write(f"hello, this is {NAME}\n".encode())
        for line in self.rfile:
            self.wfile.write(NAME.encode() + b": " + line)


class Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = str(accepted).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


class Greeter(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = BACKLOG

    def handle_error(self, request: object, client_address: object) -> None:
        """A check resets its connection."""


class HealthServer(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """So does this one."""


greeter = Greeter((HOST, PORT), Greeting)
health = HealthServer((HOST, HEALTH_PORT), Health)
threading.Thread(target=health.serve_forever, daemon=True).start()
print(greeter.server_address[1], health.server_address[1], flush=True)
greeter.serve_forever()
