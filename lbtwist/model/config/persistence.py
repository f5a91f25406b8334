"""The schema of session persistence."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import SerializerFunctionWrapHandler, model_serializer

from lbtwist.model.config.kind import one_of, text
from lbtwist.model.config.kind import seconds as duration
from lbtwist.model.config.secret import SECRET, Secret
from lbtwist.model.config.table import Table, key

COOKIE = "cookie"
TYPES = ("none", "source_ip", COOKIE)
TYPES_WITH: Mapping[str, tuple[str, ...]] = MappingProxyType({"cookie": (COOKIE,), "secret": (COOKIE,)})
"""The types that have a key, for each key that not all of them have."""

_TOKEN = text(
    r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,63}",
    "the name of a cookie: a token of 1–63 characters (RFC 6265, 4.1.1)",
)


class PersistenceSettings(Table):
    """Whether a client comes to the same server again.

    `cookie` and `secret` are for the type `cookie`.
    """

    type: Annotated[str, one_of(*TYPES)] = key(
        "What a client is known by. `source_ip`: its address. `cookie`: a cookie that it is given, in "
        "groups whose protocol is `http`.",
        "none",
    )
    timeout: Annotated[float, duration(1, 86400)] = key(
        "A client that has made no new connection for so long may come to another server.", 1000.0
    )
    cookie: Annotated[str, _TOKEN] = key("The cookie's name.", "SERVERID")
    secret: Annotated[Secret | None, SECRET] = key(
        "What the cookie's values are made with: several load balancers with the same one know each "
        "other's. It is never shown.",
        None,
        otherwise="made once and kept beside `state_file`, without one until the end",
    )

    @property
    def seconds(self) -> float:
        """How long a client stays tied to its server; 0 where it is not."""
        return 0.0 if self.type == "none" else self.timeout

    @property
    def by_cookie(self) -> bool:
        """Clients are known by a cookie."""
        return self.type == COOKIE

    @model_serializer(mode="wrap")
    def _with_keys_of_type(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The keys of another type would be refused when they are read again."""
        return {
            name: value for name, value in write(self).items() if self.type in TYPES_WITH.get(name, TYPES)
        }
