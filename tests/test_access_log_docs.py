"""docs/access-log.md tells every key, and every word for an end with its haproxy states."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from lbtwist.model.access import NOT_REACHED, End
from lbtwist.model.config import parse
from lbtwist.service.access_log.haproxy_line import states
from lbtwist.service.access_log.json_line import MAX_NAME, MAX_TARGET, json_line
from lbtwist.service.access_log.logfile import MODE
from lbtwist.service.access_log.writer import ENOUGH, LAST_FLUSH, MOST
from tests.service.access_log.records import record
from tests.test_docs import ROOT, examples, first_cells, section, words

PAGE = ROOT / "docs" / "access-log.md"
TEXT = PAGE.read_text(encoding="utf-8")


def rows(heading: str) -> dict[str, list[str]]:
    """The cells of each row of the table under `heading`, by what stands in the first one."""
    found = {}
    for line in section(TEXT, heading).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            found[cells[0]] = cells[1:]
    return found


def test_every_key_is_told_in_its_order() -> None:
    told = [key for cell in first_cells(section(TEXT, "Format json")) for key in cell.split(", ")]
    assert [key.strip("`") for key in told] == list(json.loads(json_line(record())))


def test_every_end_is_told_in_its_order() -> None:
    _, *told = rows("How it has ended")
    assert told == [f"`{end.value}`" for end in End]


@pytest.mark.parametrize("end", End, ids=lambda end: end.value)
def test_the_states_of_an_end_are_told(end: End) -> None:
    """As it is in the midst of data, for those that may be at more than one stage."""
    told = words(rows("How it has ended")[f"`{end.value}`"][-1])
    assert states(record(end=end)) in told
    stages = {"head": "R", "connect": "C", "response": "H"}
    found = {states(record(end=end)), *(states(record(end=end, **{k: NOT_REACHED})) for k in stages)}
    assert told <= found


def test_the_example_is_one() -> None:
    (example,) = examples(PAGE, "toml")
    settings = parse(tomllib.loads(example)).access_log
    assert settings is not None
    assert (settings.path, settings.format) == (Path("/var/log/lbtwist/access.log"), "json")


def test_the_numbers_are_those_of_the_code() -> None:
    told = " ".join(TEXT.split())
    assert f"up to {MAX_TARGET} bytes, `host` and `method` up to {MAX_NAME}" in told
    assert f"the mode 0{MODE:o}" in told
    assert f"up to {ENOUGH // 1024} KiB" in told
    assert f"Up to {MOST // 1024 // 1024} MiB" in told
    assert f"within {LAST_FLUSH:g} seconds" in told
