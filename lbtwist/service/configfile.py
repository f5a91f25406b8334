"""Reading configuration files: the only place of the configuration that touches a disk."""

from __future__ import annotations

import glob
import os
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from lbtwist.errors import ConfigurationError, Problem
from lbtwist.model.config import Config, Part, parse_parts
from lbtwist.model.shown import shown

MAX_BYTES = 16 * 1024 * 1024
"""A file that is larger is no configuration: 50,000 servers take 3 MB."""

_TOML_PLACE = re.compile(
    r"(?P<what>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)"
)


def load(
    path: str | Path,
    environ: Mapping[str, str] | None = None,
    *,
    schedulers: Collection[str] = (),
    sources: Collection[str] = (),
) -> Config:
    """The configuration in the file at `path` and in those it includes.

    `environ` is the environment (the process's own when None), `schedulers` and `sources` are the names
    of plugins that a group may have, beside the built-in ones. Blocks on the disk. Raises
    ConfigurationError with everything that is wrong; when a file cannot be read, with that alone.
    """
    parts = read(path)
    environment = os.environ if environ is None else environ
    return parse_parts(parts, environment, schedulers=schedulers, sources=sources)


def read(path: str | Path) -> list[Part]:
    """The main file at `path`, then those it includes in the order of their names, not yet judged.

    Raises ConfigurationError when one can't be read or is no TOML.
    """
    main = _read_part(str(path))
    parts = [main]
    problems: list[Problem] = []
    for included in _included(main, problems):
        try:
            parts.append(_read_part(included))
        except ConfigurationError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigurationError(problems)
    return parts


def _included(main: Part, problems: list[Problem]) -> Iterator[str]:
    """The names of the included files, each once and never the main one."""
    seen = {os.path.realpath(main.source)}
    for pattern in _patterns(main.document):
        found = sorted(glob.glob(os.path.join(glob.escape(os.path.dirname(main.source)), pattern)))
        if not found and not glob.has_magic(pattern):
            problems.append(Problem("include", f"{shown(pattern)} does not exist", main.source))
        for name in found:
            if (real := os.path.realpath(name)) not in seen:
                seen.add(real)
                yield name


def _patterns(document: Mapping[str, Any]) -> list[str]:
    patterns = document.get("include", [])
    # A list of anything else is told by the schema.
    return [pattern for pattern in patterns if isinstance(pattern, str)] if isinstance(patterns, list) else []


def _read_part(source: str) -> Part:
    text = read_text(source)
    return Part(_parse_toml(text, source), source, Path(os.path.abspath(source)).parent, text)


def read_text(source: str) -> str:
    """What stands in a file. Blocks on the disk. Raises ConfigurationError when it can't be read, is too
    large or no UTF-8."""
    try:
        with open(source, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise _unreadable(source, f"can't be read: {reason}") from None
    if len(content) > MAX_BYTES:
        raise _unreadable(source, f"is larger than {MAX_BYTES} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _unreadable(source, f"line {line}: is not UTF-8") from None


def _parse_toml(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise _unreadable(source, "is nested too deeply") from None
    except ValueError as error:
        raise _unreadable(source, _toml_message(str(error), text)) from None


def _toml_message(message: str, text: str) -> str:
    """`line 3, column 7: …` of tomllib's `… (at line 3, column 7)`."""
    match = _TOML_PLACE.fullmatch(message)
    if match is None:
        return message
    last = text.split("\n")
    line, column = match["line"] or len(last), match["column"] or len(last[-1]) + 1
    return f"line {line}, column {column}: {match['what']}"


def _unreadable(source: str, message: str) -> ConfigurationError:
    return ConfigurationError([Problem("", message, source)])
