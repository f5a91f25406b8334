"""The same head once more: health checks, clients of an interface and load generators send little else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar, TypeVarTuple

LONGEST = 2 * 1024
"""Bytes of a head that is kept for the next time; what repeats is short, and every connection keeps one."""

_Head = TypeVar("_Head")
_Others = TypeVarTuple("_Others")


class Repeated(Generic[_Head, *_Others]):
    """Parses the heads of one connection and keeps the last, for a peer that sends the same bytes again.

    It gives what `parse` would give, which may depend on nothing but its arguments.
    """

    __slots__ = ("_alone", "_asked", "_parse", "_raw")

    def __init__(self, parse: Callable[[bytes, *_Others], tuple[_Head, bytes] | None]) -> None:
        self._parse = parse
        self._raw = b""
        self._asked: object = None
        self._alone: tuple[_Head, bytes]
        """What is given where nothing follows the head."""

    def parse(self, data: bytes, *asked: *_Others) -> tuple[_Head, bytes] | None:
        """As the function that it was made with. Raises what that raises, and then keeps what it had."""
        if asked == self._asked:
            raw = self._raw
            if data == raw:
                return self._alone
            if data.startswith(raw):
                return self._alone[0], data[len(raw) :]
        parsed = self._parse(data, *asked)
        if parsed is not None and (length := len(data) - len(parsed[1])) <= LONGEST:
            # A copy, even of all: `data` lies where there was room for much more, and would split that place.
            self._alone, self._raw, self._asked = (parsed[0], b""), b"%b" % data[:length], asked
        return parsed


class Rewritten(Generic[_Head, *_Others]):
    """Writes the heads of one connection anew and keeps the last, for one that `Repeated` gives again.

    It gives what `write` would give, which may depend on nothing but its arguments.
    """

    __slots__ = ("_head", "_others", "_write", "_written")

    def __init__(self, write: Callable[[_Head, *_Others], bytes]) -> None:
        self._write = write
        self._head: _Head | None = None
        self._others: object = None
        self._written = b""

    def write(self, head: _Head, *others: *_Others) -> bytes:
        """As the function that it was made with."""
        if head is self._head and others == self._others:
            return self._written
        written = self._write(head, *others)
        if len(written) <= LONGEST:
            self._head, self._others, self._written = head, others, written
        return written
