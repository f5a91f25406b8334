"""The schema of the certificates of a listener."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from lbtwist.model.config.kinds import FILE
from lbtwist.model.config.table import Table, key


class CertificateSettings(Table):
    """What a listener with TLS proves itself with: `{ certificate = "site.pem", key = "site.key" }`.

    It is for the names of hosts that it tells, `*.example.com` for one label more. A client that asks for
    none of those, or for no name, gets the first of the list.
    """

    certificate: Annotated[Path, FILE] = key(
        "In PEM: the certificate, and after it those between it and its authority."
    )
    key: Annotated[Path, FILE] = key("In PEM, without a passphrase.")
