"""`python -m benchmarks.load.echo PORT`: the WebSocket server behind the proxies.

It knows the one handshake and the one message of `benchmarks.load.frames`, so it costs next to nothing.
"""

from __future__ import annotations

import select
import socket
import sys

from benchmarks.load.frames import ACCEPTED, ECHO, MESSAGE

BACKLOG = 4096


def serve(port: int) -> None:
    """Until the process is ended."""
    listener = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
    listener.setblocking(False)
    listening = listener.fileno()
    clients: dict[int, socket.socket] = {}
    heard: dict[int, int] = {}
    poll = select.epoll()
    poll.register(listening, select.EPOLLIN)
    while True:
        for each, _ in poll.poll():
            if each == listening:
                client, _ = listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                clients[client.fileno()] = client
                poll.register(client.fileno(), select.EPOLLIN)
            elif not _answer(clients[each], heard):
                heard.pop(each, None)
                clients.pop(each).close()


def _answer(client: socket.socket, heard: dict[int, int]) -> bool:
    """False when the client has gone. Its first bytes are the handshake."""
    number = client.fileno()
    try:
        data = client.recv(4096)
        if number not in heard and data:
            heard[number] = 0
            client.send(ACCEPTED)
        elif data:
            whole, heard[number] = divmod(heard[number] + len(data), len(MESSAGE))
            client.send(ECHO * whole)
    except OSError:
        return False
    return bool(data)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
