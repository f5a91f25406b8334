"""`python -m lbtwist.demo.client [HOST:]PORT`: sends a line each second, and prints what happens."""

from __future__ import annotations

import select
import socket
import sys
import time


def main(where: str) -> None:
    """Until the connection ends, or Ctrl-C."""
    host, _, port = where.rpartition(":")
    with socket.create_connection((host or "127.0.0.1", int(port))) as connection:
        started = time.monotonic()
        for number in range(1, sys.maxsize):
            if not _converse(connection, started, number):
                return


def _converse(connection: socket.socket, started: float, number: int) -> bool:
    """Send one line, and print what comes within a second. False when the connection has ended."""
    until = started + number
    try:
        connection.sendall(b"line %d\n" % number)
        while (wait := until - time.monotonic()) > 0:
            if select.select([connection], [], [], wait)[0]:
                data = connection.recv(65536)
                if not data:
                    _say(started, "the connection was closed")
                    return False
                for line in data.decode(errors="replace").splitlines():
                    _say(started, line)
    except OSError as error:
        _say(started, f"the connection was lost: {error.strerror}")
        return False
    return True


def _say(started: float, text: str) -> None:
    print(f"{time.monotonic() - started:6.1f} s  {text}", flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "8080")
    except KeyboardInterrupt:
        pass
    except (OSError, ValueError) as error:
        sys.exit(f"{error}")
