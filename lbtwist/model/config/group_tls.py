"""What must hold between the keys of a server group that are about TLS to its servers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lbtwist.model.config.document import Finding
from lbtwist.model.config.group import TLS_GROUP
from lbtwist.model.config.written import own, stands, where


def check_tls(name: str, group: dict[str, Any], written: Mapping[str, Any]) -> Iterator[Finding]:
    """On values as they stand in the file. What is inherited for groups with `tls` is not minded."""
    if group.get("tls", False) is False:
        for key in TLS_GROUP:
            if stands(written, (*own(name), *key)):
                yield Finding(
                    (*own(name), *key), "is for servers that are spoken to over TLS: set tls = true"
                )
    elif group.get("tls_key") and not group.get("tls_certificate"):
        yield Finding(where(written, name, ("tls_key",)), "stands without tls_certificate: it is its key")
