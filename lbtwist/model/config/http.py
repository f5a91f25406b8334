"""The kinds of value that are HTTP's: hosts, paths, names of fields, status codes, URLs."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from lbtwist.model.address import parse_ipv4, parse_ipv6, parse_port
from lbtwist.model.config.kind import Kind, text
from lbtwist.model.hostname import parse_domain, parse_host
from lbtwist.model.shown import shown

CodeRange = tuple[int, int]
"""The lowest and the highest of a range of status codes."""

_CODE = r"[1-5][0-9]{2}"
_CODES = re.compile(rf"(?P<low>{_CODE})(?:-(?P<high>{_CODE}))?")
_CODES_FORM = 'a status code, 100–599, or a range as "200-399"'
_HOST = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]+))?")
_HOST_FORM = "a host as app.internal, 10.0.0.1 or [::1], with a port or without"
_URL = re.compile(r"https?://[!-~]+")
_URL_FORM = "http://host/path or https://host/path, without a user and a fragment"


def _read_codes(value: object) -> tuple[CodeRange, ...]:
    if not isinstance(value, list):
        raise ValueError(f'{shown(value)} is not a list of status codes, as ["200-399", 404]')
    return tuple(_read_code(item) for item in value)


def _read_code(item: object) -> CodeRange:
    if isinstance(item, int) and 100 <= item <= 599:
        return item, item
    match = _CODES.fullmatch(item) if isinstance(item, str) else None
    if match is None:
        raise ValueError(f"{shown(item)} is not {_CODES_FORM}")
    low, high = int(match["low"]), int(match["high"] or match["low"])
    if low > high:
        raise ValueError(f"{shown(item)} is a range that ends before it begins")
    return low, high


def _read_some_codes(value: object) -> tuple[CodeRange, ...]:
    codes = _read_codes(value)
    if not codes:
        raise ValueError("an empty list: no answer would pass")
    return codes


def _write_codes(codes: tuple[CodeRange, ...]) -> list[int | str]:
    return [low if low == high else f"{low}-{high}" for low, high in codes]


def _read_host(value: object) -> str:
    """The value of a Host field (RFC 9110, 7.2), as it is written; empty for none of one's own."""
    try:
        if not isinstance(value, str):
            raise ValueError
        if value:
            _check_host(value)
    except ValueError:
        raise ValueError(f'{shown(value)} is not {_HOST_FORM}, nor ""') from None
    return value


def _check_host(host: str) -> None:
    match = _HOST.fullmatch(host)
    if match is None:
        raise ValueError
    if match["port"]:
        parse_port(match["port"])
    if match["ipv6"]:
        parse_ipv6(match["ipv6"])
    elif re.fullmatch(r"[0-9.]+", match["name"]):
        parse_ipv4(match["name"])
    else:
        parse_domain(match["name"])


def _read_url(value: object) -> str:
    if not isinstance(value, str) or not _is_url(value):
        # It is not shown: it may have a password in it.
        raise ValueError(f"is not {_URL_FORM}")
    return value


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        _check_authority(parts.hostname or "")
        return bool(
            _URL.fullmatch(value) and not parts.fragment and "@" not in parts.netloc and parts.port != 0
        )
    except ValueError:
        return False


def _check_authority(host: str) -> None:
    if ":" in host:
        parse_ipv6(host)
    elif re.fullmatch(r"[0-9.]+", host):
        parse_ipv4(host)
    else:
        parse_host(host)


_CODE_SCHEMA = {
    "anyOf": [
        {"type": "integer", "minimum": 100, "maximum": 599},
        {"type": "string", "pattern": f"^{_CODE}(-{_CODE})?$"},
    ]
}
_CODES_SCHEMA = {"type": "array", "items": _CODE_SCHEMA}

CODES = Kind(_read_codes, "a list of status codes, 100–599, or ranges of them", _CODES_SCHEMA, _write_codes)
SOME_CODES = Kind(
    _read_some_codes, f"{CODES.allowed}, not empty", _CODES_SCHEMA | {"minItems": 1}, _write_codes
)
# RFC 9112, 3.2.1: a fragment is no part of what is asked for. 2 KiB are a quarter of what servers take.
PATH = text(
    r'/[!-"$-~]{0,2047}',
    "a path of at most 2048 ASCII characters that begins with `/`, without spaces and `#`",
)
FIELD = text(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{0,255}", 'the name of a field (RFC 9110, 5.6.2), or ""')
HOST = Kind(_read_host, f'{_HOST_FORM}, or ""', {"type": "string"})
URL = Kind(_read_url, _URL_FORM, {"type": "string", "pattern": "^https?://"})
