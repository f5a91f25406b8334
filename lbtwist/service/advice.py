"""What an operator should know about a configuration that is in force, or could be."""

from __future__ import annotations

from datetime import UTC, datetime

from lbtwist.model import config as settings
from lbtwist.model.config import Config
from lbtwist.service import certificates, server_tls


def warnings(config: Config) -> list[str]:
    """Those of its keys, and those of the files that it names, each naming its key. Blocks on the disk."""
    now = datetime.now(UTC)
    return [
        *settings.warnings(config),
        *certificates.warnings(config.listeners, now),
        *server_tls.warnings(config.server_groups, now),
    ]
