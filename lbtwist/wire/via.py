"""The Via field, by which a request that comes around is seen: RFC 9110, section 7.6.3."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from lbtwist.errors import BadMessage
from lbtwist.wire.grammar import TOKEN


def via(values: Sequence[bytes], version: bytes, name: bytes) -> bytes:
    """The value of Via with the entry of the proxy `name`, for a message received in `version`."""
    entry = b"%b %b" % (version, name)
    return b", ".join([*values, entry]) if values else entry


def refuse_loop(values: Sequence[bytes], name: bytes) -> None:
    """Raise BadMessage (508) when the message has passed `name` twice.

    Once may be another proxy of that name in front of this one.
    """
    if len(_entry(name).findall(b",".join(values))) > 1:
        raise BadMessage(508, "the request goes round in a loop")


@lru_cache(maxsize=16)
def _entry(name: bytes) -> re.Pattern[bytes]:
    """An entry of `name`, whatever the protocol, with or without a comment."""
    return re.compile(rb"(?i)(?:^|,)[ \t]*+(?:%b/)?%b[ \t]++%b(?![^ \t,(])" % (TOKEN, TOKEN, re.escape(name)))
