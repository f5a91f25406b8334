"""Bodies: which bytes are content and where it ends, and chunks for the next hop (RFC 9112, 6 and 7)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from lbtwist.errors import BadMessage
from lbtwist.wire.framing import CHUNKED, UNTIL_CLOSE, Framing
from lbtwist.wire.grammar import TOKEN
from lbtwist.wire.head import Field, refuse_bare_line_end
from lbtwist.wire.lines import checked_fields

MAX_EXTENSION = 256
"""Bytes of a chunk's extension with its semicolon; a longer one is refused, a shorter one is dropped."""
MAX_TRAILERS = 8 * 1024
"""Bytes of all trailers; more are refused."""

_QUOTED = rb'"(?>(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*)"'
# No white space, though RFC 9112, 7.1.1 has it read: readers disagree on it, and nobody writes it.
_SIZE_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,16})((?>(?:;%b(?>(?:=(?:%b|%b))?))*))\r\n" % (TOKEN, TOKEN, _QUOTED)
)
_PART_OF_SIZE_LINE = re.compile(rb"(?:[0-9A-Fa-f]{1,16}(?>(?:;[^\r\n]*+)?)\r?)?")
_MAX_SIZE_LINE = 16 + MAX_EXTENSION + 2


class Fed(NamedTuple):
    """What some bytes from a connection were."""

    content: bytes
    """To be passed on, in the framing of the next hop."""
    rest: bytes
    """What follows the body; empty until `done`."""
    done: bool


class BodyReader(Protocol):
    """Reads one body. It keeps what of a line has come, and no content."""

    @property
    def trailers(self) -> Sequence[Field]:
        """The fields after the body, as received; empty until it is done."""

    def feed(self, data: bytes) -> Fed:
        """Take bytes that came. Raises BadMessage, and then nothing of `data` is content."""

    def end(self) -> None:
        """Take the end of the connection. Raises BadMessage unless that ends the body."""


def body_reader(framing: Framing, blame: int = 400) -> BodyReader:
    """A reader of a body of `framing`; `blame` is the status of what it raises: 502 for a server's."""
    if framing is CHUNKED:
        return ChunkedBody(blame)
    if framing is UNTIL_CLOSE:
        return EndlessBody()
    return CountedBody(framing.length, blame)


def chunk(content: bytes) -> bytes:
    """`content` as a chunk; nothing where it is empty, for an empty chunk ends a body."""
    return b"%x\r\n%b\r\n" % (len(content), content) if content else b""


def last_chunk(trailers: Iterable[Field] = ()) -> bytes:
    """The end of a chunked body. It is sent only where the whole body came: else it is the connection's."""
    return b"\r\n".join([b"0", *map(b": ".join, trailers), b"", b""])


class CountedBody:
    """A body of as many bytes as were declared; of none, where there is no body."""

    trailers: Sequence[Field] = ()

    def __init__(self, length: int, blame: int) -> None:
        self._left = length
        self._blame = blame

    def feed(self, data: bytes) -> Fed:
        left = self._left
        if len(data) < left:
            self._left = left - len(data)
            return Fed(data, b"", False)
        self._left = 0
        return Fed(data[:left], data[left:], True)

    def end(self) -> None:
        if self._left:
            raise BadMessage(self._blame, "the connection ended in a body")


class EndlessBody:
    """A response's body that the end of the connection ends."""

    trailers: Sequence[Field] = ()

    def feed(self, data: bytes) -> Fed:
        return Fed(data, b"", False)

    def end(self) -> None:
        """It is the end of the body too; nobody can tell whether it is whole."""


class ChunkedBody:
    """A body in chunks: it holds at most a line of what frames them, or the trailers."""

    def __init__(self, blame: int) -> None:
        self.trailers: Sequence[Field] = ()
        self._blame = blame
        self._held = b""
        self._left = 0
        self._read: _Step | None = _read_size

    def feed(self, data: bytes) -> Fed:
        data = self._held + data
        content: list[bytes] = []
        at = 0
        while self._read is not None and at < len(data):
            then = self._read(self, data, at, content)
            if then == at:
                break
            at = then
        self._held = b"" if self._read is None else data[at:]
        return Fed(b"".join(content), data[at:] if self._read is None else b"", self._read is None)

    def end(self) -> None:
        if self._read is not None:
            raise self._bad("the connection ended in a chunked body")

    def _bad(self, reason: str) -> BadMessage:
        return BadMessage(self._blame, reason)


# What is read next is the state. Each step gives the place up to which `data` is read: `at`, where more
# of it is needed first.
_Step = Callable[[ChunkedBody, bytes, int, list[bytes]], int]


def _read_size(body: ChunkedBody, data: bytes, at: int, content: list[bytes]) -> int:
    match = _SIZE_LINE.match(data, at)
    if match is None:
        part = data[at : at + _MAX_SIZE_LINE]
        if len(part) == _MAX_SIZE_LINE or not _PART_OF_SIZE_LINE.fullmatch(part):
            raise body._bad("bad chunk size")
        return at
    if len(match[2]) > MAX_EXTENSION:
        raise body._bad("chunk extension too long")
    body._left = int(match[1], 16)
    body._read = _read_content if body._left else _read_trailers
    return match.end()


def _read_content(body: ChunkedBody, data: bytes, at: int, content: list[bytes]) -> int:
    piece = data[at : at + body._left]
    content.append(piece)
    body._left -= len(piece)
    if not body._left:
        body._read = _read_line_end
    return at + len(piece)


def _read_line_end(body: ChunkedBody, data: bytes, at: int, content: list[bytes]) -> int:
    if data.startswith(b"\r\n", at):
        body._read = _read_size
        return at + 2
    if data[at:] != b"\r":
        raise body._bad("a chunk that does not end in CRLF")
    return at


def _read_trailers(body: ChunkedBody, data: bytes, at: int, content: list[bytes]) -> int:
    if data.startswith(b"\r\n", at):
        body._read = None
        return at + 2
    part = data[at : at + MAX_TRAILERS]
    end = part.find(b"\r\n\r\n")
    try:
        if end < 0:
            refuse_bare_line_end(part)
        else:
            body.trailers = checked_fields(b"\r\n" + part[:end])
    except BadMessage as bad:
        raise body._bad(bad.reason) from None
    if end >= 0:
        body._read = None
        return at + end + 4
    if len(part) == MAX_TRAILERS:
        raise body._bad("trailers too large")
    return at
