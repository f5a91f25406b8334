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

OUTCOMES = ("server_group", "redirect", "respond")
"""The keys that say what becomes of a request; a rule has exactly one."""
_HOST_FORM = "a host as app.example.com, *.example.com, 10.0.0.1 or [::1], without a port"
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


HOST = Kind(_read_host, _HOST_FORM, {"type": "string"})
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
    server_group: Annotated[str | None, NAME] = key("The group that gets it.", None, otherwise="none")
    redirect: Annotated[str | None, REDIRECT] = key(
        "Where the client is sent, as `https://{host}{target}`.", None, otherwise="none"
    )
    respond: RespondSettings | None = key("What it is answered with.", None)

    @property
    def matches_all(self) -> bool:
        """It has no condition."""
        return self.host is None and self.path_prefix is None
