"""The documents say what is there: links, files, verbs, options, exit codes, shapes, words, examples."""

from __future__ import annotations

import ast
import inspect
import json
import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

from lbtwist.console.command import usage
from lbtwist.console.execution import INTERRUPTED
from lbtwist.model import members, registration
from lbtwist.model.address import Address
from lbtwist.model.config import EXAMPLE, parse
from lbtwist.model.config.draining import Recovery, Rejoin
from lbtwist.model.config.health_check import TYPES
from lbtwist.model.drain import TRANSITIONS, Cause
from lbtwist.model.endpoint import parse_endpoint
from lbtwist.model.failopen import FailOpen
from lbtwist.model.schedule import BUILT_IN
from lbtwist.service.sources.registry import BUILT_IN as SOURCES
from lbtwist.service.verbs import explaining, following, looking, name_routing, routing, rows
from lbtwist.service.verbs.registry import VERBS
from lbtwist.service.verbs.verb import Exit
from lbtwist.tap import Options
from tests.functional.test_scheduler_plugin import PLUGIN

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
GUIDES = ("from-haproxy.md", "from-nginx.md", "from-the-clouds.md")
MANUAL = ROOT / "docs" / "lbtwist.8"
UNIT = ROOT / "etc" / "lbtwist.service"
TWISTD = Path(sysconfig.get_path("scripts"), "twistd")
SHAPES: Mapping[str, Callable[..., object]] = {
    "The status": looking.status,
    "A listener": rows.listener_row,
    "A group": rows.group_row,
    "A server": rows.server_row,
    "The answer to why": explaining._told,
    "The answer to route": routing._told,
    "The answer to route, of a connection": name_routing.told_by_name,
    "A connection": rows.connection_row,
    "A drain": rows.drain_row,
    "A receipt": rows.receipt_row,
    "An event": following.event_row,
}
"""The headings of the shapes in docs/console.md, and the functions that make them."""
IN_PARTS = ("tutorial-tcp.md",)
"""Pages whose examples are parts of one configuration, which a test makes of them."""
HEADS = ("key", "verb", "code", "role", "type", "state", "reason", "condition")
"""What stands over the first column of a table."""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
_NUMBERED = re.compile(r"^([0-9]+)\. ", re.MULTILINE)
_RULE = re.compile(r"\*\*([0-9]+)\.\*\*")
_NAMED_RULES = re.compile(r"\brules? ([0-9]+(?:(?:, | and | to )[0-9]+)*)")
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
        cell = line.split("|")[1].strip() if line.startswith("| ") else ""
        if cell and cell not in HEADS:
            yield cell


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
    if page.name in IN_PARTS:
        return
    for example in examples(page, "toml"):
        assert parse(tomllib.loads(example)).listeners


@every_page
def test_examples_of_json_are_json(page: Path) -> None:
    for example in examples(page, "json"):
        json.loads(example)


def test_there_are_examples_to_look_at() -> None:
    """The two tests before this one would pass on documents in which nothing is found."""
    assert len(examples(ROOT / "README.md", "toml")) == 2
    for name in ("draining.md", "console.md", "health-checks.md", "schedulers.md", "discovery.md"):
        assert examples(ROOT / "docs" / name, "toml")
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
    assert [line.strip() for line in prose(told).splitlines() if line.startswith("    ")] == [usage(verb)]
    assert f"Role `{verb.role.name.lower()}`." in " ".join(told.split())


def test_the_verbs_in_examples_exist() -> None:
    """`lb VERB` of the README, the operations page and the guides."""
    guides = [f"docs/{name}" for name in (*GUIDES, "troubleshooting.md")]
    for page in ("README.md", "docs/operations.md", *guides):
        used = re.findall(r"(?:`|^\$ )lb ([a-z]+)", read(page), re.MULTILINE)
        assert used
        assert set(used) <= set(VERBS)


def test_every_exit_code_is_told_and_no_other() -> None:
    told = [int(cell) for cell in first_cells(section(read("docs/console.md"), "Exit codes")) if cell]
    assert told == [*Exit, INTERRUPTED]


def test_every_verb_s_answer_is_told() -> None:
    shapes = section(read("docs/console.md"), "Shapes of the JSON").partition("\n### ")[0]
    assert sorted(told_in(shapes)) == sorted(VERBS)


@pytest.mark.parametrize("heading", SHAPES)
def test_a_shape_is_told_whole(heading: str) -> None:
    assert set(told_in(section(read("docs/console.md"), heading))) == keys_of(SHAPES[heading])


def told_in(text: str) -> list[str]:
    """What stands in backquotes in the first cells of the tables in `text`."""
    return [word for cell in first_cells(text) for word in words(cell)]


def keys_of(function: Callable[..., object]) -> set[str]:
    """The keys of the dictionary that `function` returns, by itself or as what a Result has."""
    (found,) = ast.parse(inspect.getsource(function)).body
    (made,) = (node.value for node in ast.walk(found) if isinstance(node, ast.Return))
    made = made.args[0] if isinstance(made, ast.Call) else made
    assert isinstance(made, ast.Dict)
    others = [
        function.__globals__[value.func.id]
        for key, value in zip(made.keys, made.values, strict=True)
        if key is None and isinstance(value, ast.Call) and isinstance(value.func, ast.Name)
    ]
    own = {str(ast.literal_eval(key)) for key in made.keys if key}
    return own.union(*map(keys_of, others))


def test_every_state_is_told_and_no_other() -> None:
    assert set(told_in(states_and_reasons("state"))) == texts_of(registration, "state", "_HEALTH_STATES")


def test_every_reason_is_told_and_no_other() -> None:
    """Those of drains; those of a server's own conditions; those that depend on the others of its group."""
    own = texts_of(registration, "reason", "_admin_reason", "_drain_reason") | {
        text
        for node in ast.walk(tree_of(registration))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_Test"
        for text in texts_in(node.args[3])
    }
    of_others = {
        text
        for node in ast.walk(definition(members, "conditions"))
        if isinstance(node, ast.IfExp)
        for text in texts_in(node)
    } - {"yes"}
    causes = {cause.word for cause in Cause}
    assert set(told_in(states_and_reasons("reason"))) == (causes | own | of_others) - {""}


def states_and_reasons(head: str) -> str:
    """The table with that head."""
    return (
        section(read("docs/console.md"), "States and reasons")
        .partition(f"| {head} |")[2]
        .partition("\n\n")[0]
    )


def tree_of(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


def definition(module: ModuleType, name: str) -> ast.AST:
    """Where `name` is defined in `module`: a function, a method or a table."""
    (found,) = (
        node
        for node in ast.walk(tree_of(module))
        if getattr(node, "name", "") == name
        or (isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name)
    )
    return found


def texts_in(node: ast.AST) -> set[str]:
    """The texts that `node` has, but docstrings."""
    told = {each.value for each in ast.walk(node) if isinstance(each, ast.Expr)}
    return {
        each.value
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and each not in told
    }


def texts_of(module: ModuleType, *names: str) -> set[str]:
    """The texts in those definitions."""
    return {text for name in names for text in texts_in(definition(module, name))}


def test_every_condition_is_told_and_no_other() -> None:
    """Those that the verb `why` shows, in their order."""
    one = registration.Registration(1, "app", "ecs01", Address("10.0.0.1", 80))
    shown = members.Members("app").conditions(one, 0, members.Choice((one,)))
    told = section(section(read("docs/console.md"), "The verbs"), "why")
    assert told_in(told) == [condition.name for condition in shown]


def test_every_scheduler_has_a_section_and_no_other_does() -> None:
    page = read("docs/schedulers.md")
    assert headings(section(page, "The schedulers"), 3) == list(BUILT_IN)
    assert set(told_in(page.partition("\n## ")[0])) == set(BUILT_IN)


def test_the_scheduler_of_another_package_is_the_one_that_is_tested() -> None:
    assert [body.strip() for body in examples(ROOT / "docs" / "schedulers.md", "python")] == [PLUGIN.strip()]


def test_every_source_has_a_section_and_no_other_does() -> None:
    told = headings(section(read("docs/discovery.md"), "Discovered"), 3)
    assert told == [*SOURCES, "A source of your own"]


def test_every_type_of_check_is_told_and_no_other() -> None:
    assert set(told_in(section(read("docs/health-checks.md"), "What is asked"))) == set(TYPES)


def test_every_way_to_recover_rejoin_and_open_is_told() -> None:
    for page in ("docs/draining.md", "docs/health-checks.md"):
        assert {*Recovery, *FailOpen} <= {word.strip('"') for word in words(prose(read(page)))}
    assert set(Rejoin) <= words(prose(read("docs/draining.md")))


def test_a_rule_is_told_once_and_in_no_numbered_list() -> None:
    """Markdown counts the numbers of lists itself, and shows 6 for a rule 8 that stands after a rule 5."""
    rules = _RULE.findall(read("docs/draining.md"))
    assert len(rules) > 40
    assert len(rules) == len(set(rules))


@every_page
def test_numbers_of_lists_count_on(page: Path) -> None:
    numbers = [int(number) for number in _NUMBERED.findall(prose(page.read_text(encoding="utf-8")))]
    assert all(number in (1, before + 1) for before, number in pairwise([0, *numbers]))


@every_page_for_users
def test_rules_that_are_named_are_told(page: Path) -> None:
    rules = {int(number) for number in _RULE.findall(read("docs/draining.md"))}
    text = " ".join(page.read_text(encoding="utf-8").split())
    named = {int(number) for list in _NAMED_RULES.findall(text) for number in re.findall("[0-9]+", list)}
    assert named - rules == set()


def test_every_option_of_the_command_line_is_told_and_no_other() -> None:
    table = section(read("docs/operations.md"), "The command line")
    told = {option for cell in first_cells(table) for option in re.findall(r"--\w+", cell)}
    assert told == taken_options()


def taken_options() -> set[str]:
    options = Options()
    return {"--" + str(row[0]) for row in (*options.optParameters, *options.optFlags)}


@pytest.mark.parametrize("guide", GUIDES)
def test_guides_name_settings_that_there_are(guide: str) -> None:
    """Whatever stands in a column `here` and is no command: each word of it is one of configuration.md."""
    known = set(re.findall(r"\w+", read("docs/configuration.md")))
    settings = [
        each for each in words_here(read(f"docs/{guide}")) if re.fullmatch(r"[a-z_.A-Z =\"0-9]+", each)
    ]
    assert len(settings) > 20
    assert [each for each in settings if not set(re.findall(r"[a-z_]{2,}", each)) <= known] == []


def words_here(text: str) -> Iterator[str]:
    """What stands in backquotes in the columns `here` of the tables in `text`, but commands and signals."""
    column = None
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")] if line.startswith("|") else []
        column = (cells.index("here") if "here" in cells else column) if cells else None
        if column is not None:
            told = words(cells[column])
            yield from (word for word in told if not re.match(r"(lb|twistd|systemctl|SIG)\b", word))


@pytest.mark.functional
def test_haproxy_takes_the_example_of_its_guide(tmp_path: Path) -> None:
    (example,) = examples(ROOT / "docs" / "from-haproxy.md", "haproxy")
    (tmp_path / "haproxy.cfg").write_text(example, encoding="utf-8")
    run_tool("haproxy", "-c", "-f", tmp_path / "haproxy.cfg")


@pytest.mark.functional
def test_nginx_takes_the_example_of_its_guide(tmp_path: Path) -> None:
    (example,) = examples(ROOT / "docs" / "from-nginx.md", "nginx")
    stream = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
    load = f"load_module {stream};\n" if stream.exists() else ""
    (tmp_path / "nginx.conf").write_text(f"{load}pid {tmp_path}/pid;\n{example}", encoding="utf-8")
    run_tool("nginx", "-t", "-e", tmp_path / "errors", "-c", tmp_path / "nginx.conf")


def test_the_manual_tells_every_option_signal_and_code() -> None:
    text = MANUAL.read_text(encoding="utf-8")
    options = {
        "--" + name for name in re.findall(r"^\.It (?:Fl c , )?Fl -(\w+)(?: Ar file)?$", text, re.MULTILINE)
    }
    assert options == taken_options()
    table = section(read("docs/operations.md"), "Signals")
    assert set(re.findall(r"SIG(?!NALS)[A-Z0-9]+", text)) == set(re.findall(r"SIG(?!NALS)[A-Z0-9]+", table))
    codes = re.findall(r"([0-9]+) [a-zC]", text.partition("codes of their own:")[2].partition("\n.Sh")[0])
    assert [int(code) for code in codes] == [*Exit, INTERRUPTED]


def test_the_manual_s_example_is_the_smallest_file() -> None:
    (example,) = re.findall(
        r"^(\[listeners.+?)^\.Ed", MANUAL.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert parse(tomllib.loads(example)).listeners


@pytest.mark.functional
def test_the_manual_is_without_a_mistake() -> None:
    assert run_tool("groff", "-mdoc", "-Tutf8", "-ww", "-z", MANUAL) == ""


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
    return run_tool("systemd-analyze", *arguments)


def run_tool(name: str, *arguments: str | Path) -> str:
    """What it says; skips where it is not installed, fails where it ends with another status than 0."""
    tool = shutil.which(name)
    if tool is None:
        pytest.skip(f"{name} is not installed")
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
    """Exposure from 0 to 10; what is left is told in the unit, or needed by a load balancer."""
    told = systemd_analyze("security", "--offline=yes", "--no-pager", unit)
    rating = re.search(r"Overall exposure level for \S+: ([0-9.]+)", told)
    assert rating, told
    assert float(rating[1]) <= 1.6


@pytest.mark.functional
@pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")
def test_systemd_takes_the_socket_beside_the_unit(unit: Path) -> None:
    socket = unit.with_name("lbtwist.socket")
    shutil.copy(ROOT / "etc" / socket.name, socket)
    assert systemd_analyze("verify", unit, socket) == ""


def test_the_socket_is_that_of_the_smallest_file() -> None:
    sockets = re.findall(r"^ListenStream=(.*)$", read("etc/lbtwist.socket"), re.MULTILINE)
    listeners = parse(tomllib.loads(EXAMPLE)).listeners.values()
    assert [parse_endpoint(each) for each in sockets] == [each.endpoint for each in listeners]


def test_the_user_of_the_unit_is_made() -> None:
    (name,) = re.findall(r"^u (\S+) ", read("etc/sysusers.d/lbtwist.conf"), re.MULTILINE)
    assert f"\nUser={name}\nGroup={name}\n" in read("etc/lbtwist.service")


@pytest.mark.functional
def test_systemd_takes_the_drop_in_for_saves(unit: Path) -> None:
    drop_in = unit.with_name(f"{unit.name}.d") / "save.conf"
    drop_in.parent.mkdir()
    shutil.copy(ROOT / "etc" / drop_in.parent.name / "save.conf.example", drop_in)
    assert systemd_analyze("verify", unit) == ""
