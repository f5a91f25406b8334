"""Configurations of many servers, which are one nginx at many addresses of this machine."""

from __future__ import annotations

from collections.abc import Iterable


def address(number: int) -> str:
    """That of server `number`: 127.1.0.0 and so on."""
    return f"127.{1 + number // 65536}.{number // 256 % 256}.{number % 256}"


def for_lbtwist(numbers: Iterable[int], port: int) -> str:
    """A table of servers."""
    return "\n".join(f's{number} = "{address(number)}:{port}"' for number in numbers)


def for_haproxy(numbers: Iterable[int], port: int) -> str:
    """Lines of a backend."""
    return "\n".join(f"    server s{number} {address(number)}:{port}" for number in numbers)
