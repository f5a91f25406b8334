"""Reading the configuration of a load balancer: its files, judged with the kinds that plugins add."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from lbtwist.model.config import Config, parse_parts
from lbtwist.service.configfile import read
from lbtwist.service.makers import scheduler_kinds, source_kinds


class Loaded(NamedTuple):
    """What was read of a file."""

    config: Config
    documents: tuple[Mapping[str, Any], ...] = ()
    """The file and those it includes, as TOML reads them."""


def load(path: str) -> Loaded:
    """Read the file at `path` and those it includes. Blocks on the disk. Raises ConfigurationError."""
    parts = read(path)
    config = parse_parts(
        parts, os.environ, schedulers=scheduler_kinds().keys(), sources=source_kinds().keys()
    )
    return Loaded(config, tuple(part.document for part in parts))
