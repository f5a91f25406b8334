"""What a raw descriptor is asked and told: addresses as Twisted has them, and how it is closed."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable
from socket import AF_UNIX, SOCK_STREAM, SocketType
from typing import Any, TypeVar

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from lbtwist.model.address import Address

SocketAddress = IPv4Address | IPv6Address | UNIXAddress

MAPPED = "::ffff:"
"""How a dual-stack socket shows an IPv4 peer: RFC 4291, 2.5.5.2."""

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER for 0 seconds: close(2) drops what is unsent and sends RST. socket(7)."""

MAX_DISCARD = 256 * 1024
"""Bytes of unread input that an orderly close reads and drops."""
DISCARD = 64 * 1024
"""Bytes dropped at a time."""

T = TypeVar("T")


def address_of(sockaddr: Any) -> SocketAddress:
    """What `accept`, `getsockname` or `getpeername` gave; an IPv4-mapped IPv6 address is an IPv4 one."""
    if not isinstance(sockaddr, tuple):
        return UNIXAddress(sockaddr or None)
    host = sockaddr[0]
    if len(sockaddr) == 2:
        return _ipv4(host, sockaddr[1])
    if host.startswith(MAPPED) and "." in host:
        return _ipv4(host.removeprefix(MAPPED), sockaddr[1])
    return IPv6Address("TCP", *sockaddr)


def _ipv4(host: str, port: int) -> IPv4Address:
    """Without the constructor, which judges "TCP" for each connection."""
    address = IPv4Address.__new__(IPv4Address)
    address.type, address.host, address.port = "TCP", host, port
    return address


def told_of(address: Address) -> SocketAddress:
    """`address` as Twisted has them; a Unix socket's path may be empty."""
    if address.port is None:
        return UNIXAddress(os.fsencode(address.host) or None)
    return (IPv6Address if address.is_ipv6 else IPv4Address)("TCP", address.host, address.port)


def plain(address: object) -> Address:
    """An address of Twisted's as it is told of; that of a Unix socket without a name has an empty path."""
    if isinstance(address, IPv4Address | IPv6Address):
        return Address(address.host, address.port)
    return Address(os.fsdecode(address.name) if isinstance(address, UNIXAddress) and address.name else "")


def host_of(address: object) -> str:
    """The IP address of one of Twisted's; empty where it has none (a Unix socket)."""
    return address.host if isinstance(address, IPv4Address | IPv6Address) else ""


def lent(fd: int, use: Callable[[socket.SocketType], T]) -> T:
    """`use` called with a socket object on `fd`, which stays open. Raises OSError."""
    if fd < 0:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    # A family spares two getsockopt. It is not checked, and decides only how much room there is for
    # an address: a Unix socket's is the longest, and each address tells its own family.
    borrowed = SocketType(AF_UNIX, SOCK_STREAM, 0, fd)
    try:
        return use(borrowed)
    finally:
        borrowed.detach()


def shown(address: object) -> str:
    """An address of Twisted's as people write it: `10.0.0.1:80`, `[::1]:80`, `unix:/path`."""
    if isinstance(address, UNIXAddress):
        return f"unix:{_printable(os.fsdecode(address.name))}" if address.name else "unix"
    if isinstance(address, IPv4Address | IPv6Address):
        return str(Address(address.host, address.port))
    return str(address)


def _printable(path: str) -> str:
    """What a peer has for its path may be any bytes: no line of a log is to be made of them."""
    return path if path.isprintable() else path.encode("unicode_escape").decode("ascii")


def send_fin(borrowed: socket.SocketType) -> None:
    """For `lent`: shut its sending down. Raises OSError where it is not connected any more."""
    borrowed.shutdown(socket.SHUT_WR)


def reset_on_close(borrowed: socket.SocketType) -> None:
    """For `lent`: have its close send RST."""
    borrowed.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def drop_input(fd: int) -> None:
    """Read and drop what lies in `fd`, up to MAX_DISCARD.

    RFC 2525, 2.17: where input is unread, close(2) sends RST instead of the FIN that is meant.
    """
    try:
        if os.read(fd, DISCARD):
            lent(fd, send_fin)
            for _ in range(MAX_DISCARD // DISCARD):
                if not os.read(fd, DISCARD):
                    break
    except OSError:
        pass  # EAGAIN: there is no more
