"""Reading the configuration of a load balancer: its files, judged with the kinds that plugins add."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from lbtwist.model.config import Config, Part, parse_parts
from lbtwist.service.configfile import read
from lbtwist.service.makers import scheduler_kinds, source_kinds


class Loaded(NamedTuple):
    """What was read of a file."""

    config: Config
    parts: tuple[Part, ...] = ()
    """The file and those it includes, as they stand."""


def load(path: str) -> Loaded:
    """Read the file at `path` and those it includes. Blocks on the disk. Raises ConfigurationError."""
    parts = tuple(read(path))
    return Loaded(judge(parts), parts)


def judge(parts: Sequence[Part]) -> Config:
    """The configuration that `parts` say, plugins' kinds included. Raises ConfigurationError."""
    return parse_parts(parts, os.environ, schedulers=scheduler_kinds().keys(), sources=source_kinds().keys())
