"""The grammar of fields: RFC 9110, section 5, with nothing to go back to, so that time is linear.

A set of characters is repeated possessively (`*+`), a group in an atomic one (`(?>(?:…)*)`): before Python
3.11.5 a possessive group keeps what its last, failed repetition has read (CPython issue 106052).
"""

from __future__ import annotations

import re

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
TOKEN_BYTES = frozenset(b"!#$%&'*+.^_`|~-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
TEXT = rb"[\t -~\x80-\xff]*+"
"""What a value or a reason is made of: no control bytes but HTAB."""
TIDY_LINES = rb"(?>(?:\r\n%b: (?![ \t])%b(?<![ \t]))*)" % (TOKEN, TEXT)
"""Field lines as they are written here: one space before the value, none after it, and some value."""
LINES = rb"(?>(?:\r\n%b:%b)*)" % (TOKEN, TEXT)
"""Field lines, each with the line end before it: no white space before a colon, no folded lines
(RFC 9112, section 5)."""

FOLD = bytes(range(256)).lower().replace(b"_", b"-")
"""The table behind `folded`, where the call itself would be what takes the time."""

# A comment or a quoted string may hold a comma: no list that is read here has one.
_LIST = re.compile(rb"[ \t]*+(?>(?:%b)?)[ \t]*+(?>(?:,[ \t]*+(?>(?:%b)?)[ \t]*+)*)" % (TOKEN, TOKEN))


def folded(name: bytes) -> bytes:
    """The name of a field as it is compared: in small letters, and with `-` for `_`.

    Servers that hand fields on as variables (RFC 3875, section 4.1.18) take `X_Forwarded_For` for
    X-Forwarded-For, so both are one here.
    """
    return name.translate(FOLD)


def tokens(value: bytes) -> list[bytes] | None:
    """The tokens of a list (RFC 9110, section 5.6.1), empty elements left out; None if it is none."""
    if not _LIST.fullmatch(value):
        return None
    return [token for part in value.split(b",") if (token := part.strip(b" \t"))]
