"""Streams as this package may write them, and no other: what is legal but needless is refused as well."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from tests.hostile.messages import Message, fields

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_FIELDS = rb"((?:%b: [\t -~\x80-\xff]*\r\n)*)\r\n" % _TOKEN
_REQUEST = re.compile(rb'(%b) (/[!"$-\[\]-~]*|/[!"$-\[\]-~]*\?[!"$-~]*|\*) HTTP/1\.1\r\n' % _TOKEN + _FIELDS)
_RESPONSE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [\t -~\x80-\xff]*\r\n" + _FIELDS)
_FIELD = re.compile(rb"(%b): ([^\r]*)\r\n" % _TOKEN)
_CHUNK = re.compile(rb"([1-9a-f][0-9a-f]{0,15})\r\n")
_LAST = re.compile(rb"0\r\n" + _FIELDS)
_REPEATED = "more than one field for framing"


class Illegal(Exception):
    """Bytes that must not be sent."""


class Cut(NamedTuple):
    """A stream, cut into its messages."""

    messages: Sequence[Message]
    pieces: Sequence[bytes]
    """The bytes of each."""
    rest: bytes
    """What follows the last whole one."""


def strict_requests(stream: bytes) -> Cut:
    """The requests of `stream`. Raises Illegal, also for a part that can't become one."""
    return _cut(stream, _REQUEST, "")


def strict_responses(stream: bytes, method: str) -> Cut:
    """The responses of `stream`, which the end of the connection has ended. Raises Illegal."""
    return _cut(stream, _RESPONSE, method)


def _cut(stream: bytes, pattern: re.Pattern[bytes], method: str) -> Cut:
    found: list[Message] = []
    pieces: list[bytes] = []
    at = 0
    while (end := stream.find(b"\r\n\r\n", at)) >= 0:
        match = pattern.match(stream, at, end + 4)
        if match is None:
            raise Illegal(f"a head that is none: {stream[at : end + 4]!r}")
        *first, lines = match.groups()
        given = _FIELD.findall(lines)
        status = first[0].decode() if method else ""
        bodiless = status.startswith("1") or status in ("204", "304") or method == "HEAD"
        body = _body(stream, match.end(), {} if bodiless else _framing(given), bool(method) and not bodiless)
        if body is None:
            break
        content, end = body
        pieces.append(stream[at:end])
        at = end
        found.append(Message(tuple(each.decode() for each in first), fields(given), content))
    if any(byte < 0x20 and byte not in b"\r\n\t" for byte in stream[at:].partition(b"\r\n\r\n")[0]):
        raise Illegal(f"control bytes in a head: {stream[at:]!r}")
    return Cut(found, pieces, stream[at:])


def _framing(given: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The fields of `given` that frame; a reader that takes `_` for `-` must find no other."""
    said = [(name.lower(), value) for name, value in given]
    framing = [
        each for each in said if each[0].replace(b"_", b"-") in (b"content-length", b"transfer-encoding")
    ]
    if len(framing) > 1 or any(b"_" in name for name, _ in framing):
        raise Illegal(f"{_REPEATED}: {framing}")
    return dict(framing)


def _body(stream: bytes, at: int, framing: dict[bytes, bytes], endless: bool) -> tuple[bytes, int] | None:
    if b"transfer-encoding" in framing:
        if framing[b"transfer-encoding"] != b"chunked":
            raise Illegal(f"framing: {framing}")
        return _chunks(stream, at)
    if b"content-length" not in framing:
        return (stream[at:], len(stream)) if endless else (b"", at)
    value = framing[b"content-length"]
    if not re.fullmatch(rb"0|[1-9][0-9]{0,18}", value):
        raise Illegal(f"framing: {framing}")
    end = at + int(value)
    return (stream[at:end], end) if end <= len(stream) else None


def _chunks(stream: bytes, at: int) -> tuple[bytes, int] | None:
    content = b""
    while True:
        if last := _LAST.match(stream, at):
            return content, last.end()
        size = _CHUNK.match(stream, at)
        if size is None:
            _check_part(stream[at:])
            return None
        end = size.end() + int(size[1], 16)
        if end + 2 > len(stream):
            return None
        if stream[end : end + 2] != b"\r\n":
            raise Illegal(f"a chunk without its end: {stream[at : end + 2]!r}")
        content += stream[size.end() : end]
        at = end + 2


def _check_part(left: bytes) -> None:
    if not re.fullmatch(rb"(?:[0-9a-f]{1,16}\r?|0\r\n[^\0]*)?", left) or b"\r\n\r\n" in left:
        raise Illegal(f"chunks: {left[:80]!r}")
