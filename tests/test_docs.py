"""The documents say what is there: links, files, verbs, options, exit codes, shapes, valid examples."""

from __future__ import annotations

import ast
import json
import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from lbtwist.console.command import usage
from lbtwist.console.execution import INTERRUPTED
from lbtwist.model.config import parse
from lbtwist.model.drain import TRANSITIONS
from lbtwist.service.verbs import rows
from lbtwist.service.verbs.registry import VERBS
from lbtwist.service.verbs.verb import Exit
from lbtwist.tap import Options

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
UNIT = ROOT / "etc" / "lbtwist.service"
TWISTD = Path(sysconfig.get_path("scripts"), "twistd")
SHAPES = {
    "A listener": "listener_row",
    "A group": "group_row",
    "A server": "server_row",
    "A connection": "connection_row",
    "A drain": "drain_row",
    "A receipt": "receipt_row",
}
"""The headings of the shapes in docs/console.md, and the functions that make such rows."""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
_PATH = re.compile(r"(?<![\w./-])(?:lbtwist|tests|docs|etc|benchmarks|twisted)/[\w./-]*[\w/]")


def pages(among: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", among, ids=lambda page: str(page.relative_to(ROOT)))


every_page = pages(PAGES)
# CONTRIBUTING.md names files to show how they are named.
every_page_for_users = pages([page for page in PAGES if page.name != "CONTRIBUTING.md"])


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def prose(text: str) -> str:
    """`text` without its examples."""
    return _FENCE.sub("", text)


def examples(page: Path, language: str) -> list[str]:
    return [body for found, body in _FENCE.findall(page.read_text(encoding="utf-8")) if found == language]


def headings(text: str, level: int) -> list[str]:
    return re.findall(rf"^{'#' * level} (.+)$", prose(text), re.MULTILINE)


def section(text: str, heading: str) -> str:
    """What stands under `heading`, up to the next one of its level or a higher one."""
    begin = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert begin, heading
    rest = text[begin.end() :]
    end = re.search(rf"^#{{1,{len(begin[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def first_cells(text: str) -> Iterator[str]:
    """The first cell of each row of the tables in `text`, without heads."""
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith(("| key ", "| verb ", "| code ", "| role ")):
            yield line.split("|")[1].strip()


def words(text: str) -> set[str]:
    """Whatever stands in backquotes."""
    return set(re.findall(r"`([^`]+)`", text))


def anchor(heading: str) -> str:
    """The anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(prose(page.read_text(encoding="utf-8"))):
        if link.startswith("https://"):
            continue
        path, _, fragment = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if fragment:
            found = re.findall(r"^#+ (.+)$", prose(target.read_text(encoding="utf-8")), re.MULTILINE)
            assert fragment in map(anchor, found), link


@every_page_for_users
def test_no_page_names_a_file_that_is_not_there(page: Path) -> None:
    named = _PATH.findall(page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


@every_page
def test_examples_of_configuration_are_valid(page: Path) -> None:
    for example in examples(page, "toml"):
        assert parse(tomllib.loads(example)).listeners


@every_page
def test_examples_of_json_are_json(page: Path) -> None:
    for example in examples(page, "json"):
        json.loads(example)


def test_there_are_examples_to_look_at() -> None:
    """The two tests before this one would pass on documents in which nothing is found."""
    assert len(examples(ROOT / "README.md", "toml")) == 2
    assert all(examples(ROOT / "docs" / name, "toml") for name in ("draining.md", "console.md"))
    assert examples(ROOT / "docs" / "console.md", "json")
    assert _PATH.findall("see `etc/lb.toml`, /etc/lbtwist/lb.toml.") == ["etc/lb.toml"]


def test_every_page_is_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    ahead = [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page not in reached:
            reached.add(page)
            ahead += [target for target in targets(page) if target.suffix == ".md"]
    assert set(PAGES) - reached == set()


def targets(page: Path) -> Iterator[Path]:
    """The files that `page` links to."""
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in link:
            yield (page.parent / link.partition("#")[0]).resolve()


def test_the_readme_begins_with_the_two_commands() -> None:
    title, *lines = [line for line in read("README.md").splitlines() if line]
    assert title == "# lbtwist"
    assert [line.split("#")[0].strip() for line in lines[:2]] == ["make demo", "make test"]


def test_every_verb_has_a_section_and_no_other_does() -> None:
    assert headings(section(read("docs/console.md"), "The verbs"), 3) == list(VERBS)


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_is_told_with_its_usage_options_and_role(name: str) -> None:
    verb = VERBS[name]
    told = section(section(read("docs/console.md"), "The verbs"), name)
    assert [line.strip() for line in told.splitlines() if line.startswith("    ")] == [usage(verb)]
    assert f"Role `{verb.role.name.lower()}`." in " ".join(told.split())


def test_the_verbs_in_examples_exist() -> None:
    """`lb VERB` of the README and the operations page."""
    for page in ("README.md", "docs/operations.md"):
        used = re.findall(r"(?:`|^\$ )lb ([a-z]+)", read(page), re.MULTILINE)
        assert used
        assert set(used) <= set(VERBS)


def test_every_exit_code_is_told_and_no_other() -> None:
    told = [int(cell) for cell in first_cells(section(read("docs/console.md"), "Exit codes")) if cell]
    assert told == [*Exit, INTERRUPTED]


def test_every_verb_s_answer_is_told() -> None:
    shapes = section(read("docs/console.md"), "Shapes of the JSON").partition("\n### ")[0]
    told = [name for cell in first_cells(shapes) for name in words(cell)]
    assert sorted(told) == sorted(VERBS)


@pytest.mark.parametrize("heading", SHAPES)
def test_the_shape_of_a_row_is_told_whole(heading: str) -> None:
    told = {word for cell in first_cells(section(read("docs/console.md"), heading)) for word in words(cell)}
    assert told == keys_of_row(SHAPES[heading])


def keys_of_row(function: str) -> set[str]:
    """The keys of the dictionary that a function of rows.py returns."""
    tree = ast.parse(Path(rows.__file__).read_text(encoding="utf-8"))
    (found,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function)
    (made,) = (node.value for node in found.body if isinstance(node, ast.Return))
    assert isinstance(made, ast.Dict)
    return {str(ast.literal_eval(key)) for key in made.keys if key}


def test_every_option_of_the_command_line_is_told_and_no_other() -> None:
    options = Options()
    taken = {"--" + str(row[0]) for row in (*options.optParameters, *options.optFlags)}
    table = section(read("docs/operations.md"), "The command line")
    told = {option for cell in first_cells(table) for option in re.findall(r"--\w+", cell)}
    assert told == taken


def test_the_configuration_of_etc_is_named_and_whole() -> None:
    for name in ("lb.toml", "demo.toml"):
        assert parse(tomllib.loads(read(f"etc/{name}")), base=ROOT / "etc").listeners


def test_the_states_of_a_drain_are_drawn_from_the_table() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_diagrams.py"))["pages"]()
    assert list(made) == ["drain-states.md"]
    assert read("docs/drain-states.md") == made["drain-states.md"], "run docs/make_diagrams.py"
    for (state, event), to in TRANSITIONS.items():
        assert f"\n    {state.value} --> {to.value} : {event.value}\n" in made["drain-states.md"]


def test_the_unit_starts_with_options_that_exist() -> None:
    commands = re.findall(r"^Exec\w+=(\S*twistd) (.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)
    assert [arguments.split()[-1] for _, arguments in commands] == ["/etc/lbtwist/lb.toml", "--check"]
    for _, arguments in commands:
        assert arguments.startswith("-n --pidfile= lb --config /etc/lbtwist/lb.toml")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit as it would be here: systemd looks whether what it starts is there."""
    text = UNIT.read_text(encoding="utf-8").replace("/opt/lbtwist/bin/twistd", str(TWISTD))
    assert str(TWISTD) in text
    copy = tmp_path / UNIT.name
    copy.write_text(text, encoding="utf-8")
    return copy


def systemd_analyze(*arguments: str | Path) -> str:
    """What it says; skips where it is not installed."""
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(
        [tool, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.functional
@pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")
def test_systemd_takes_the_unit(unit: Path) -> None:
    assert systemd_analyze("verify", unit) == ""


@pytest.mark.functional
def test_systemd_rates_the_unit_as_well_closed(unit: Path) -> None:
    """Exposure from 0 to 10: below 2 is what systemd calls OK."""
    told = systemd_analyze("security", "--offline=yes", "--no-pager", unit)
    rating = re.search(r"Overall exposure level for \S+: ([0-9.]+)", told)
    assert rating, told
    assert float(rating[1]) < 2
