"""Listening sockets: a TCP port or a Unix socket, bound, and listening."""

from __future__ import annotations

import errno
import os
import socket
import stat
from contextlib import suppress
from typing import NamedTuple

from lbtwist.errors import BindError
from lbtwist.model.address import Address

BACKLOG = 4096
"""Connections that wait to be accepted; the kernel has a limit of its own, net.core.somaxconn."""

EVERY_IPV6 = "::"

_REASONS = {
    errno.EADDRINUSE: "the address is in use",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    errno.EACCES: "no permission",
    errno.EPERM: "no permission",
    errno.ENOENT: "there is no such directory",
    errno.ENOTDIR: "there is no such directory",
    errno.EROFS: "the file system is read-only",
    errno.EMFILE: "no descriptor left",
    errno.ENFILE: "no descriptor left",
}


def bind_tcp(host: str | None, port: int) -> socket.socket:
    """Listen on `port` of the IP address `host`, or of all addresses, IPv4 and IPv6, where it is None.

    Port 0 is one that the system gives. `::` takes IPv4 too, as Linux has it (ipv6(7), IPV6_V6ONLY).
    Raises BindError.
    """
    if host is None:
        return _bind_all(port)
    try:
        return _listen(socket.AF_INET6 if ":" in host else socket.AF_INET, host, port)
    except OSError as error:
        raise _bind_error(str(Address(host, port)), error) from error


def bind_unix(path: str) -> socket.socket:
    """Listen on the Unix socket `path`, in place of one there that nothing answers on. Raises BindError."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        listening.bind(path)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise _bind_error(f"unix:{path}", error) from error
    listening.setblocking(False)
    return listening


class SocketFile(NamedTuple):
    """The file of a listening Unix socket, told from another one that took its place."""

    path: str
    device: int
    inode: int

    @classmethod
    def of(cls, listening: socket.socket) -> SocketFile | None:
        """That of `listening`; None where it has none."""
        path = listening.getsockname()
        if not isinstance(path, str) or not path:
            return None
        try:
            status = os.stat(path)
        except OSError:
            return None
        return cls(path, status.st_dev, status.st_ino)

    def remove(self) -> None:
        """Remove the file, unless it is gone or another one, or we must not."""
        with suppress(OSError):
            status = os.stat(self.path)
            if (status.st_dev, status.st_ino) == (self.device, self.inode):
                os.unlink(self.path)


def _bind_all(port: int) -> socket.socket:
    try:
        try:
            return _listen(socket.AF_INET6, EVERY_IPV6, port)
        except OSError as error:
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                raise
            return _listen(socket.AF_INET, "0.0.0.0", port)  # noqa: S104
    except OSError as error:
        raise _bind_error(f"port {port}", error) from error


def _listen(family: int, host: str, port: int) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, host != EVERY_IPV6)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    return listening


def _remove_stale(path: str) -> None:
    """Remove the socket at `path` if nothing answers on it. Raises OSError when something does."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise OSError(errno.EEXIST, "there is a file which is no socket")
    except FileNotFoundError:
        return
    if _answers(path):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    with suppress(FileNotFoundError):
        os.unlink(path)


def _answers(path: str) -> bool:
    """Whether something listens at `path`; one with a full backlog (EAGAIN) does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        code = probe.connect_ex(path)
    if code in (0, errno.EAGAIN):
        return True
    if code == errno.ECONNREFUSED:
        return False
    raise OSError(code, os.strerror(code))


def _bind_error(where: str, error: OSError) -> BindError:
    reason = _REASONS.get(error.errno or 0) or (error.strerror or str(error)).lower()
    return BindError(f"cannot listen on {where}: {reason}")
