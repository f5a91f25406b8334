"""From a document, as TOML reads it, to a configuration, or to everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lbtwist.errors import ConfigurationError, Problem
from lbtwist.model.config.by_protocol import ByProtocol
from lbtwist.model.config.by_type import ByType
from lbtwist.model.config.checks import check
from lbtwist.model.config.document import Finding, Merged, Part, merge
from lbtwist.model.config.explain import explain
from lbtwist.model.config.inherit import with_defaults, with_host_key, with_only_group, with_state_file
from lbtwist.model.config.schema import Config, Document
from lbtwist.model.config.servers import with_servers
from lbtwist.model.config.table import KeyPath
from lbtwist.model.config.words import dotted


def parse(
    document: Mapping[str, Any],
    source: str = "",
    base: Path = Path(),
    environ: Mapping[str, str] | None = None,
    *,
    schedulers: Collection[str] = (),
    sources: Collection[str] = (),
) -> Config:
    """The configuration that one TOML document says.

    `source` is its name in messages, relative paths are relative to `base`, and the environment
    says where state is kept. `schedulers` and `sources` are the names of plugins that a group's
    `scheduler` and `discovery.type` may have, beside the built-in ones. Raises ConfigurationError with
    everything that is wrong, in the order of the file.
    """
    part = Part(document, source, base)
    return parse_parts((part,), environ, schedulers=schedulers, sources=sources)


def parse_parts(
    parts: Sequence[Part],
    environ: Mapping[str, str] | None = None,
    *,
    schedulers: Collection[str] = (),
    sources: Collection[str] = (),
) -> Config:
    """The configuration that several files say, the first of which is the main one; as `parse`."""
    parts = tuple(parts)
    merged = merge(parts)
    findings = merged.findings
    environment = environ or {}
    complete = with_host_key(with_only_group(with_defaults(merged.values)), parts[0].base, environment)
    complete = with_state_file(complete, environment)
    findings.extend(check(complete, merged.values, schedulers))
    complete = ByProtocol(merged.values, findings).read(complete)
    complete = ByType(merged.values, sources, findings).read(with_servers(complete, findings))
    document = _validate(complete, merged)
    if document is None or findings:
        raise ConfigurationError(_problems(dict.fromkeys(findings), merged, parts))
    return Config(**{name: getattr(document, name) for name in Config.model_fields})


def _validate(complete: Mapping[str, Any], merged: Merged) -> Document | None:
    try:
        return Document.model_validate(complete)
    except ValidationError as error:
        merged.findings.extend(explain(error, merged.values))
        return None


def _problems(findings: Iterable[Finding], merged: Merged, parts: Sequence[Part]) -> list[Problem]:
    placed = [
        (merged.origin(path) if part is None else part, path, message) for path, message, part in findings
    ]
    placed.sort(key=lambda found: (found[0], _position(parts[found[0]].document, found[1])))
    return [Problem(dotted(path), message, parts[part].source) for part, path, message in placed]


def _position(values: Any, path: KeyPath) -> tuple[int, ...]:
    """Where in the file `path` stands; what is missing stands at the beginning of its table."""
    position = []
    for step in path:
        if isinstance(values, Mapping) and step in values:
            position.append(list(values).index(step))
            values = values[step]
        else:
            position.append(step if isinstance(step, int) else -1)
    return tuple(position)
