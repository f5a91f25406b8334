"""The schema of the health checks of a group."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import SerializerFunctionWrapHandler, model_serializer

from lbtwist.model.config.http import CODES, FIELD, HOST, PATH, SOME_CODES, CodeRange
from lbtwist.model.config.kind import boolean, one_of, seconds, whole
from lbtwist.model.config.kinds import FILE_OR_NONE
from lbtwist.model.config.table import Table, key
from lbtwist.model.health import Thresholds

TYPES = ("none", "tcp", "http", "https")
_HTTP = ("http", "https")
TYPES_WITH: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "path": _HTTP,
        "host": _HTTP,
        "method": _HTTP,
        "expected_codes": _HTTP,
        "drain_header": _HTTP,
        "drain_codes": _HTTP,
        "ca": ("https",),
    }
)
"""The types that have a key, for each key that not all of them have."""


class HealthCheckSettings(Table):
    """How servers are asked whether they are well. Without this table there are no checks (rule 30).

    `path`, `host`, `method`, `expected_codes`, `drain_header` and `drain_codes` are for `http` and
    `https`, `ca` is for `https`.
    """

    type: Annotated[str, one_of(*TYPES)] = key(
        "`tcp`: it accepts a connection. `http`, `https`: it answers as it should. `none`: no checks.",
        "tcp",
    )
    interval: Annotated[float, seconds(1, 300)] = key("From one check of a server to its next.", 5.0)
    timeout: Annotated[float, seconds(0.1, 300)] = key(
        "How long a check may take; not longer than `interval`.", 3.0
    )
    healthy_threshold: Annotated[int, whole(1, 10)] = key(
        "So many checks in a row must pass before a server is healthy again.", 3
    )
    unhealthy_threshold: Annotated[int, whole(1, 10)] = key(
        "So many must fail in a row before it is unhealthy.", 3
    )
    port: Annotated[int, whole(0, 65535)] = key("Asked there. `0`: at the server's own port.", 0)
    path: Annotated[str, PATH] = key("What is asked for.", "/")
    host: Annotated[str, HOST] = key(
        "The Host field, and without `tls` of the group the name that the certificate must have. "
        '`""`: the server\'s own.',
        "",
    )
    method: Annotated[str, one_of("GET", "HEAD")] = key("How it is asked for.", "GET")
    expected_codes: Annotated[tuple[CodeRange, ...], SOME_CODES] = key(
        "The status codes of a server that is well.", ((200, 399),)
    )
    passive: Annotated[bool, boolean()] = key(
        "A client that can't be connected to the server counts as a failed check, and the next check is "
        "made at once.",
        True,
    )
    drain_header: Annotated[str, FIELD] = key(
        "A server whose answer has this field asks to be drained (rule 31).", ""
    )
    drain_codes: Annotated[tuple[CodeRange, ...], CODES] = key(
        "So does one that answers with such a status code.", ()
    )
    ca: Annotated[Path | None, FILE_OR_NONE] = key(
        "Certificates, in PEM, that are trusted instead of the system's.", None, otherwise="the system's"
    )

    @property
    def thresholds(self) -> Thresholds:
        """Results in a row that change the state."""
        return Thresholds(self.healthy_threshold, self.unhealthy_threshold)

    @model_serializer(mode="wrap")
    def _with_keys_of_type(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The keys of another type would be refused when they are read again."""
        return {name: value for name, value in write(self).items() if has_key(self.type, name)}


def has_key(type: str, name: str) -> bool:
    """Whether checks of that type have that key."""
    return type in TYPES_WITH.get(name, TYPES)
