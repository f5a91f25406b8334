"""The schema of sources of servers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import ConfigDict
from pydantic.fields import FieldInfo

from lbtwist.model.config.http import URL
from lbtwist.model.config.kind import boolean, one_of_or_plugin, seconds
from lbtwist.model.config.kinds import DOMAIN, FILE, QUORUM, RESOLVER
from lbtwist.model.config.quorum import Quorum
from lbtwist.model.config.table import Table, key

INTERVAL = seconds(1, 3600)


class FileSource(Table):
    """A file, read again whenever it changes: a line for each server as `10.0.0.1:8080 50`, an address
    and a weight that may be left out; or, where its name ends in `.json`, a JSON list of addresses or of
    objects with an `address` and a `weight`.
    """

    path: Annotated[Path, FILE] = key("The file.")


class DnsSource(Table):
    """A name in the DNS: the SRV records of `_service._proto.name`, or the addresses of a name, which
    all have the group's `port`. It is asked for again when the TTL is over.
    """

    name: Annotated[str, DOMAIN] = key("The name.")
    resolver: Annotated[str, RESOLVER] = key('The name server to ask. `""`: those of the system.', "")
    interval: Annotated[float, INTERVAL] = key("Asked again after so long at the latest.", 10.0)


class HttpSource(Table):
    """A web service that answers GET with a list in JSON, as in a file."""

    url: Annotated[str, URL] = key("Where it is.")
    interval: Annotated[float, INTERVAL] = key("From one question to the next.", 10.0)


SOURCES: Mapping[str, type[Table]] = MappingProxyType(
    {"file": FileSource, "dns": DnsSource, "http": HttpSource}
)
"""The built-in types, each with the keys of its own."""


class DiscoverySettings(Table):
    """Where the members of an availability group come from, instead of `servers` (rule 18).

    They are named by their addresses. Each `type` has keys of its own beside these; those of a plugin
    it judges itself.
    """

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, one_of_or_plugin(*SOURCES)] = key("What kind of source it is.")
    empty_ok: Annotated[bool, boolean()] = key("Whether an answer without servers removes all.", False)
    max_removal: Annotated[Quorum, QUORUM] = key(
        "An answer that would remove more of the servers is held back, shown, and needs `apply`.",
        Quorum(50, percentage=True),
    )

    @property
    def options(self) -> dict[str, Any]:
        """The type's own keys, in plain values; those of a built-in one are all there."""
        return dict(self.model_extra or {})

    @classmethod
    def fields_in(cls, values: Mapping[str, Any]) -> Mapping[str, FieldInfo]:
        """Those of the type that `values` names, too."""
        source = source_of(values)
        return {**cls.model_fields, **source.model_fields} if source else cls.model_fields


def source_of(values: Mapping[str, Any]) -> type[Table] | None:
    """The keys of the type that is named in the table `values`; None for a plugin's."""
    type = values.get("type")
    return SOURCES.get(type) if isinstance(type, str) else None
