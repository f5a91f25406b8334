"""Listening sockets that a service manager has opened: sd_listen_fds(3)."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator, MutableMapping
from itertools import count
from typing import Any, NamedTuple

from twisted.internet.endpoints import serverFromString
from twisted.logger import Logger

log = Logger()


class Inherited(NamedTuple):
    """A listening socket, and what its giver calls it (`FileDescriptorName`)."""

    name: str
    socket: socket.socket


def inherited(reactor: Any, environ: MutableMapping[str, str]) -> list[Inherited]:
    """The listening sockets that were given to this process.

    What `environ` says of them is taken out: it is for this process alone.
    """
    return list(listening_of(given(reactor, environ)))


def given(reactor: Any, environ: MutableMapping[str, str]) -> list[tuple[int, str]]:
    """All descriptors that were given to this process, listening or not, with their names."""
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    return list(zip(_descriptors(reactor), names, strict=False))


def listening_of(given: Iterable[tuple[int, str]]) -> Iterator[Inherited]:
    """Those of these descriptors that listen for streams, and are not handed down to other programs.

    What else was given is closed, with a line in the log.
    """
    for fileno, name in given:
        try:
            os.set_inheritable(fileno, False)
            found = socket.socket(fileno=fileno)
        except OSError as error:
            log.error("descriptor {fileno} ({name}): {error}", fileno=fileno, name=name, error=error.strerror)
            continue
        if _listens(found):
            yield Inherited(name, found)
        else:
            log.error("descriptor {fileno} ({name}) does not listen: closed", fileno=fileno, name=name)
            found.close()


def _descriptors(reactor: Any) -> Iterator[int]:
    """Twisted reads LISTEN_PID and LISTEN_FDS when it is imported, and takes them out: only its own
    endpoints know what they said. Without a name for each it takes none."""
    for index in count():
        try:
            endpoint: Any = serverFromString(reactor, f"systemd:domain=UNIX:index={index}")
        except IndexError:
            return
        yield endpoint.fileno


def _listens(found: socket.socket) -> bool:
    return found.type == socket.SOCK_STREAM and bool(
        found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    )
