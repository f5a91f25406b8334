"""The schema of the rules of a listener, and the kinds of value that are theirs."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import ConfigDict

from lbtwist.model.address import parse_ipv4, parse_ipv6
from lbtwist.model.config.kind import Kind, text, whole
from lbtwist.model.config.kinds import NAME
from lbtwist.model.config.table import Table, key
from lbtwist.model.hostname import parse_domain
from lbtwist.model.shown import shown

OF_REQUESTS = ("server_group", "redirect", "respond")
"""The keys that say what becomes of a request; a rule has exactly one."""
OF_CONNECTIONS = ("server_group", "refuse")
"""Those that say what becomes of a connection."""
OUTCOMES = (*OF_REQUESTS, "refuse")
_HOST_FORM = "a host as app.example.com, *.example.com, 10.0.0.1 or [::1], without a port"
_NAME_FORM = "a name as www.example.com or *.example.com"
_ALPN_FORM = 'the name of a protocol, as "h2", or a list of some'
_PROTOCOL = re.compile(r"[!-~]{1,255}")
_BEFORE_PATH = r"https?://(?:(?:[A-Za-z0-9._-]|\{host\})+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
# `/{target}` would become `//…`, which names another host (RFC 3986, section 4.2).
_REST = r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]|\{host\}|\{target\})*"
_CLIMBING = r"%2[fF]|%5[cC]|/(?:\.|%2[eE]){1,2}(?:[/;]|$)"


def _read_host(value: object) -> str:
    """What the host of a request is compared with: without a port, in small letters."""
    try:
        if not isinstance(value, str):
            raise ValueError
        return _parse_host(value.lower())
    except ValueError:
        raise ValueError(f"{shown(value)} is not {_HOST_FORM}") from None


def _parse_host(host: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        parse_ipv6(host[1:-1])
    elif re.fullmatch(r"[0-9.]+", host):
        parse_ipv4(host)
    else:
        parse_domain(host.removeprefix("*."))
    return host


def _read_name(value: object) -> str:
    """What the server name of a client is compared with, in small letters."""
    try:
        if not isinstance(value, str):
            raise ValueError
        parse_domain(value.removeprefix("*."))
    except ValueError:
        raise ValueError(f"{shown(value)} is not {_NAME_FORM}") from None
    return value.lower()


def _read_alpn(value: object) -> tuple[str, ...]:
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and _PROTOCOL.fullmatch(name) for name in names):
        raise ValueError(f"{shown(value)} is not {_ALPN_FORM}")
    return tuple(names)


def _write_alpn(names: tuple[str, ...] | None) -> str | list[str] | None:
    if not names:
        return None
    return names[0] if len(names) == 1 else list(names)


def _read_true(value: object) -> bool:
    if value is not True:
        raise ValueError(f"{shown(value)} is not true")
    return True


HOST = Kind(_read_host, _HOST_FORM, {"type": "string"})
NAME_ASKED = Kind(_read_name, _NAME_FORM, {"type": "string"})
ALPN = Kind(
    _read_alpn,
    _ALPN_FORM,
    {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]},
    _write_alpn,
)
TRUE = Kind(_read_true, "true", {"const": True})
PATH_PREFIX = text(
    rf'(?!.*(?:{_CLIMBING}))/[!"$->@-\[\]-~]{{0,2047}}',
    "a path of at most 2048 ASCII characters that begins with `/`, without spaces, `?`, `#`, `\\`, "
    "dot segments and encoded slashes",
)
REDIRECT = text(
    rf"(?:{_BEFORE_PATH}(?:(?:[/?#]|\{{target\}}){_REST})?|/(?!/|\{{target\}}){_REST})",
    "http://… or https://… with a host, or a path that begins with one `/`, in ASCII without spaces; "
    "`{host}` and `{target}` stand for those of the request",
)


class RespondSettings(Table):
    """The answer to a request that goes to no server: a rule has `respond = { status = 404 }`."""

    status: Annotated[int, whole(200, 599)] = key("Its status code.")


class RuleSettings(Table):
    """Where requests go that do not go to the listener's own group: the first rule that matches counts.

    It matches where its `host` and its `path_prefix` do; without both it matches every request. It has
    exactly one of `server_group`, `redirect` and `respond`.

    A tcp listener has rules on connections, by the ClientHello that TLS begins with (server-name.md).
    Such a rule matches where its `server_name` and its `alpn` do; without both it matches every
    connection. It has exactly one of `server_group` and `refuse`.
    """

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [name]} for name in OUTCOMES]})

    host: Annotated[str | None, HOST] = key(
        "The host that is asked for. `*.example.com`: each name below it.", None, otherwise="any"
    )
    path_prefix: Annotated[str | None, PATH_PREFIX] = key(
        "How the path begins, byte by byte up to a `/`: `/api` is also for `/api/a`, not for `/apis`.",
        None,
        otherwise="any",
    )
    server_name: Annotated[str | None, NAME_ASKED] = key(
        "tcp: the server that the client asks for. `*.example.com`: each name below it.",
        None,
        otherwise="any",
    )
    alpn: Annotated[tuple[str, ...] | None, ALPN] = key(
        "tcp: a protocol that the client offers, or some of which it offers one.", None, otherwise="any"
    )
    server_group: Annotated[str | None, NAME] = key("The group that gets it.", None, otherwise="none")
    redirect: Annotated[str | None, REDIRECT] = key(
        "Where the client is sent, as `https://{host}{target}`.", None, otherwise="none"
    )
    respond: RespondSettings | None = key("What it is answered with.", None)
    refuse: Annotated[bool | None, TRUE] = key("tcp: the connection is reset.", None, otherwise="none")

    @property
    def matches_all(self) -> bool:
        """It has no condition."""
        return not (self.host or self.path_prefix or self.server_name or self.alpn)
