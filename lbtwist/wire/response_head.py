"""The head of a response: checked as strictly as a request's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lbtwist.errors import BadMessage
from lbtwist.wire.connection import NO_OPTIONS, connection_options, keeps_alive
from lbtwist.wire.framing import NO_BODY, UNTIL_CLOSE, Framing, declared
from lbtwist.wire.grammar import TEXT
from lbtwist.wire.head import FRAMING, HOP_BY_HOP, Field, is_whole, match_head
from lbtwist.wire.lines import SECTION, fields_of, sort_fields, tidied, understood

SWITCHING = 101

# RFC 9112, section 4, wants a space after the status, but many servers leave it out without a reason.
_HEAD = re.compile(rb"HTTP/(1\.[01]) ([1-5][0-9][0-9])(?: (%b))?%b\r\n\r\n" % (TEXT, SECTION))
_START = b"HTTP/1."
_UNDERSTOOD = understood(HOP_BY_HOP | FRAMING | {b"via", b"date", b"trailer"})


@dataclass(slots=True)
class ResponseHead:
    """A response without its body. Names and values are those that were received."""

    version: bytes
    """1.1 or 1.0."""
    status: int
    """100–599."""
    reason: bytes
    framing: Framing
    length: int | None
    """What Content-Length says, also where there is no body: in the answer to a HEAD, and in a 304."""
    keep_alive: bool
    """Whether the server takes another request when this response has been read."""
    options: frozenset[bytes]
    """The options of Connection, folded."""
    lines: bytes
    """The lines of all fields in order, each with the line end before it; tidy."""
    known: Mapping[bytes, Sequence[bytes]]
    """The values of the fields that are understood here, by their folded names."""
    plain_lines: bytes
    """The lines of the other fields, in order."""

    @property
    def fields(self) -> Sequence[Field]:
        """All fields in order."""
        return fields_of(self.lines)

    @property
    def plain(self) -> Sequence[Field]:
        """The fields that are not understood here, in order."""
        return fields_of(self.plain_lines)

    def __repr__(self) -> str:
        """Without values: some are credentials, and this could end in a log."""
        return f"<ResponseHead {self.status} with {len(self.fields)} fields>"

    @property
    def interim(self) -> bool:
        """True for a 1xx that another response follows; a 101 is the last of its request."""
        return self.status < 200 and self.status != SWITCHING


def parse_response_head(
    data: bytes, method: bytes, upgrade: bytes | None = None
) -> tuple[ResponseHead, bytes] | None:
    """The head that `data` begins with and the rest; None while there is no whole one yet.

    `method` and `upgrade` are those of the request that it answers. Raises BadMessage, always with 502,
    as soon as nothing that could follow mends it; a 101 that was not asked for is one. Bytes that come
    when no request waits for a response are not to be parsed at all: that connection is to be closed.
    """
    try:
        match = match_head(_HEAD, data)
        if match is not None:
            return _read(match, method, upgrade), data[match.end() :]
        if not data.startswith(_START[: len(data)]) or is_whole(data):
            raise BadMessage(502, "not a response")
        return None
    except BadMessage as bad:
        raise BadMessage(502, f"from a server: {bad.reason}") from None


def _read(match: re.Match[bytes], method: bytes, upgrade: bytes | None) -> ResponseHead:
    version, digits, reason, tidy, others = match.groups()
    status = int(digits)
    lines = tidied(tidy, others)
    known, plain_lines = sort_fields(lines, _UNDERSTOOD)
    options = connection_options(known[b"connection"]) if b"connection" in known else NO_OPTIONS
    said = declared(known, version)
    if status == SWITCHING:
        _refuse_switch(known, options, upgrade)
    framing = _framing(method, status, said)
    return ResponseHead(
        version,
        status,
        reason or b"",
        framing,
        said.length if b"content-length" in known else None,
        framing is not UNTIL_CLOSE and keeps_alive(version, options),
        options,
        lines,
        known,
        plain_lines,
    )


def _framing(method: bytes, status: int, said: Framing) -> Framing:
    """RFC 9112, section 6.3: the first three rules, and the last."""
    if method == b"HEAD" or status < 200 or status in (204, 304):
        return NO_BODY
    if method == b"CONNECT" and status < 300:
        return NO_BODY
    return UNTIL_CLOSE if said is NO_BODY else said


def _refuse_switch(
    known: Mapping[bytes, Sequence[bytes]], options: frozenset[bytes], upgrade: bytes | None
) -> None:
    if upgrade is None:
        raise BadMessage(502, "a 101 that was not asked for")
    if [value.lower() for value in known.get(b"upgrade", ())] != [upgrade] or b"upgrade" not in options:
        raise BadMessage(502, "a 101 to something else")
