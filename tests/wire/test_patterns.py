"""What all patterns of the wire have to keep to, whichever Python runs them."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

import lbtwist.wire

POSSESSIVE_GROUP = re.compile(r"(?<!\\)\)[*+?]\+")


def patterns() -> Iterator[tuple[str, str]]:
    for module in pkgutil.iter_modules(lbtwist.wire.__path__, "lbtwist.wire."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, re.Pattern):
                raw = value.pattern
                yield f"{module.name}.{name}", raw.decode("latin-1") if isinstance(raw, bytes) else raw


@pytest.mark.parametrize(("name", "pattern"), list(patterns()))
def test_no_group_is_possessive(name: str, pattern: str) -> None:
    """Before Python 3.11.5 one keeps what its last, failed repetition has read (CPython issue 106052)."""
    assert not POSSESSIVE_GROUP.search(pattern), name
