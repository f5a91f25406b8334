"""Texts of files in which secrets are not seen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lbtwist.model.config.document import Part

HIDDEN = '"***"'
_KEY = "secret"
"""The last step of a key whose value is a Secret."""
_TEXT = r"""\"(?:\\.|[^"\\])*\"|'[^']*'"""
_SAID = re.compile(rf"""(\b{_KEY}\b["']?\s*=\s*)(?:{_TEXT}|[^\s,}}#]+)""")


def hidden(lines: Iterable[str], parts: Sequence[Part]) -> list[str]:
    """`lines` of the text of `parts` without the values of their secrets, however they are written."""
    values = sorted({value for part in parts for value in _secrets(part.document)}, key=len, reverse=True)
    return [_hide(line, values) for line in lines]


def _hide(line: str, values: Sequence[str]) -> str:
    line = _SAID.sub(lambda said: said[1] + HIDDEN, line)
    for value in values:
        line = line.replace(value, "***")  # of a text that began on another line
    return line


def _secrets(values: Any) -> Iterator[str]:
    if isinstance(values, list):
        for value in values:
            yield from _secrets(value)
    if isinstance(values, Mapping):
        for name, value in values.items():
            if name == _KEY and isinstance(value, str) and value:
                yield value
            else:
                yield from _secrets(value)
