"""Lists of servers as files and web services have them: lines of text, or JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from lbtwist.model.address import Address, parse_address
from lbtwist.model.shown import shown

MAX_BYTES = 1024 * 1024
"""A list that is larger is not read."""
MAX_SERVERS = 10_000
"""More servers in one answer are a mistake."""
DEFAULT_WEIGHT = 100

_WEIGHT = re.compile(r"100|[1-9]?[0-9]")


def servers_in_lines(content: bytes, port: int | None) -> dict[Address, int]:
    """Weight by address of lines as `10.0.0.1:8080 50  # comment`; the weight is 100 where none stands.

    `port` is for addresses without one. Raises ValueError, with the line, for whatever is not such a
    line, for an address that stands twice, and for a last line without its end: half of it may be lost.
    """
    text = _text(content)
    if text and not text.endswith("\n"):
        raise ValueError("the last line has no end: the file is not written to the end")
    return _gather(_each_line(text, port))


def servers_in_json(content: bytes, port: int | None) -> dict[Address, int]:
    """Weight by address of a JSON list of `"10.0.0.1:8080"` or `{"address": …, "weight": 50}`.

    `port` is for addresses without one. Raises ValueError, with the entry, for anything else and for an
    address that stands twice.
    """
    entries = _json(_text(content))
    if not isinstance(entries, list):
        raise ValueError("is not a JSON list")
    return _gather(_each_entry(entries, port))


def gather(servers: Iterable[tuple[Address, int]]) -> dict[Address, int]:
    """Weight by address. Raises ValueError for an address that stands twice, and for too many."""
    return _gather(("", address, weight) for address, weight in servers)


def _text(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise ValueError(f"is larger than {MAX_BYTES} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None


def _gather(servers: Iterable[tuple[str, Address, int]]) -> dict[Address, int]:
    gathered: dict[Address, int] = {}
    for where, address, weight in servers:
        if address in gathered:
            raise ValueError(f"{where}{address} stands twice")
        if len(gathered) == MAX_SERVERS:
            raise ValueError(f"has more than {MAX_SERVERS} servers")
        gathered[address] = weight
    return gathered


def _each_line(text: str, port: int | None) -> Iterator[tuple[str, Address, int]]:
    for number, line in enumerate(text.split("\n"), 1):
        words = list(_words(line))
        if words:
            try:
                yield f"line {number}: ", *_line(words, port)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None


def _words(line: str) -> Iterator[str]:
    """The words of `line` before its comment: `#` inside of a word begins none."""
    for word in line.split():
        if word.startswith("#"):
            return
        yield word


def _line(words: list[str], port: int | None) -> tuple[Address, int]:
    if len(words) > 2:
        raise ValueError(f"{shown(' '.join(words))} is not an address and a weight")
    if len(words) == 2 and not _WEIGHT.fullmatch(words[1]):
        raise ValueError(f"weight {shown(words[1])} is not in 0–100")
    return parse_address(words[0], port), int(words[1]) if len(words) == 2 else DEFAULT_WEIGHT


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: line {error.lineno}, column {error.colno}: {error.msg}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """RFC 8259 leaves open which of two values of one key counts; here neither does."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return made


def _each_entry(entries: list[Any], port: int | None) -> Iterator[tuple[str, Address, int]]:
    for number, entry in enumerate(entries, 1):
        try:
            yield f"entry {number}: ", *_entry(entry, port)
        except ValueError as error:
            raise ValueError(f"entry {number}: {error}") from None


def _entry(entry: Any, port: int | None) -> tuple[Address, int]:
    if isinstance(entry, str):
        return parse_address(entry, port), DEFAULT_WEIGHT
    if not isinstance(entry, dict) or not isinstance(entry.get("address"), str):
        raise ValueError(f'{shown(entry)} is not an address, nor {{"address": …, "weight": …}}')
    if unknown := sorted(entry.keys() - {"address", "weight"}):
        raise ValueError(f"{shown(unknown[0])} is not address or weight")
    return parse_address(entry["address"], port), _weight(entry.get("weight", DEFAULT_WEIGHT))


def _weight(weight: Any) -> int:
    if not isinstance(weight, int) or isinstance(weight, bool) or not 0 <= weight <= 100:
        raise ValueError(f"weight {shown(weight)} is not in 0–100")
    return weight
