"""Words of messages that are made the same way wherever something is not known."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable

from lbtwist.model.config.table import KeyPath
from lbtwist.model.shown import LIMIT

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_AT_MOST = 20


def listed(names: Iterable[str]) -> str:
    """`a, b and c`, sorted, as keys; the rest of a long list is counted."""
    return joined(bare(name) for name in sorted(names))


def joined(names: Iterable[str]) -> str:
    """`a, b and c`; the rest of a long list is counted."""
    words = list(names)
    if len(words) > _AT_MOST:
        words[_AT_MOST:] = [f"{len(words) - _AT_MOST} more"]
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`, did you mean 'weight'?` where one of `known` is near; else nothing."""
    near = difflib.get_close_matches(name[:LIMIT], list(known), n=1)
    return f" (did you mean {bare(near[0])}?)" if near else ""


def quoted(words: Iterable[str]) -> str:
    """`"a", "b"`, as strings are written in TOML."""
    return ", ".join(json.dumps(word, ensure_ascii=False) for word in words)


def bare(name: str) -> str:
    """A key as TOML writes it: quoted where it must be, on one line, not endless."""
    if _BARE.fullmatch(name) and len(name) <= LIMIT:
        return name
    return json.dumps(name if len(name) <= LIMIT else name[: LIMIT - 1] + "…")


def dotted(path: KeyPath) -> str:
    """`server_groups.app.servers[1]`, as TOML writes keys; the index of a list in brackets."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{bare(step)}" for step in path).removeprefix(
        "."
    )
