"""The text of a file, made to say something else."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given

from lbtwist.errors import Refused
from lbtwist.model.config.changes import Changes, KeyPath, LiveChange, changed
from lbtwist.model.config.document import Part
from lbtwist.model.config.rewriting import rewritten
from lbtwist.model.config.spelling import Ports, spelled
from tests.model.toml_files import changes, files


def rewrite(text: str, done: Changes) -> str:
    part = Part(tomllib.loads(text), "lb.toml", Path(), text)
    (wanted,) = changed([part], done)
    ports = Ports([wanted.document])
    new = rewritten(part, wanted.document, ports)
    assert spelled(tomllib.loads(new), ports) == wanted.document
    return new


def comments(text: str) -> list[str]:
    return re.findall(r"# note \d+\.", text)


@given(files(), changes())
def test_a_file_says_what_is_wanted_and_keeps_its_comments(text: str, done: Changes) -> None:
    """But for what stands in a table, or on the line of a key, that is taken away."""
    new = rewrite(text, done)
    lost = set(comments(text)) - set(comments(new))
    if not any(change.value is None for change in done.values()):
        assert lost == set()
    assert len(comments(new)) == len(set(comments(new)))


FILE = """\
# The head.

[listeners.web]
endpoint = ":80"  # here
protocol = "tcp"

# The second one.
[listeners.api]
endpoint = ":81"

# Where they go.
[server_groups.app]
retries = 1

[server_groups.app.servers]
ecs01 = "10.0.0.1:80"  # first
ecs02 = { address = "10.0.0.2:80", weight = 5 }  # second

# The end.
"""
APP: KeyPath = ("server_groups", "app")


def lines_changed(done: Changes, text: str = FILE) -> tuple[list[str], list[str]]:
    """The lines that went, and those that came."""
    old, new = text.splitlines(), rewrite(text, done).splitlines()
    return [line for line in old if line not in new], [line for line in new if line not in old]


@pytest.mark.parametrize(
    ("path", "value", "went", "came"),
    [
        ((*APP, "retries"), 3, ["retries = 1"], ["retries = 3"]),
        ((*APP, "scheduler"), "wlc", [], ['scheduler = "wlc"']),
        ((*APP, "retries"), None, ["retries = 1"], []),
        (
            (*APP, "servers", "ecs01", "weight"),
            7,
            ['ecs01 = "10.0.0.1:80"  # first'],
            ['ecs01 = {address = "10.0.0.1:80", weight = 7}  # first'],
        ),
        (
            (*APP, "servers", "ecs02", "weight"),
            7,
            ['ecs02 = { address = "10.0.0.2:80", weight = 5 }  # second'],
            ['ecs02 = { address = "10.0.0.2:80", weight = 7 }  # second'],
        ),
        ((*APP, "servers", "ecs01"), None, ['ecs01 = "10.0.0.1:80"  # first'], []),
        ((*APP, "servers", "ecs03"), "10.0.0.3:80", [], ['ecs03 = "10.0.0.3:80"']),
        ((*APP, "health_check"), {"interval": 9}, [], ["[server_groups.app.health_check]", "interval = 9"]),
        (("listeners", "api"), None, ["[listeners.api]", 'endpoint = ":81"'], []),
        (("load_balancer", "name"), "edge", [], ["[load_balancer]", 'name = "edge"']),
    ],
)
def test_only_what_changes_is_touched(path: KeyPath, value: object, went: list[str], came: list[str]) -> None:
    assert lines_changed({path: LiveChange(value)}) == (went, came)


def test_what_is_added_stands_with_its_own_table_and_comments_before_a_head_with_that() -> None:
    new = rewrite(FILE, {("listeners", "api", "protocol"): LiveChange("tcp")})
    assert (
        '[listeners.api]\nendpoint = ":81"\nprotocol = "tcp"\n\n# Where they go.\n[server_groups.app]' in new
    )
    new = rewrite(FILE, {("listeners", "third"): LiveChange({"endpoint": ":82", "protocol": "tcp"})})
    assert 'endpoint = ":81"\n\n[listeners.third]\nendpoint = ":82"\nprotocol = "tcp"\n\n# Where' in new


LISTED = """\
[server_groups.app]
port = 80
servers = [  # all
  "10.0.0.1",  # one
  # not yet:
  "10.0.0.2",
]
"""


def test_a_list_of_servers_stays_one_where_it_can() -> None:
    servers = (*APP, "servers")
    done = {(*servers, "10.0.0.1:80"): LiveChange(None), (*servers, "10.0.0.3:80"): LiveChange("10.0.0.3:80")}
    went, came = lines_changed(done, LISTED)
    assert (went, came) == (['  "10.0.0.1",  # one'], ['  "10.0.0.3:80",'])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('[\n  "10.0.0.1"  # one\n]', '[\n  "10.0.0.1",  # one\n  "10.0.0.3:80"\n]'),
        (
            '[\n  "10.0.0.1"\n  , "10.0.0.2" # c\n]',
            '[\n  "10.0.0.1"\n  , "10.0.0.2", # c\n  "10.0.0.3:80"\n]',
        ),
        ('[\n  "10.0.0.1",\n\n  # end\n]', '[\n  "10.0.0.1",\n  "10.0.0.3:80",\n\n  # end\n]'),
        ("[ # none\n]", '[ # none\n    "10.0.0.3:80",\n]'),
    ],
)
@pytest.mark.parametrize("rest", ["", "  # all", "\nretries = 1  # after it\n"])
@pytest.mark.parametrize(
    "head",
    ["[server_groups.app]\nport = 80\nservers = ", "[server_groups]\napp.port = 80\napp.servers  =  "],
)
def test_a_list_of_servers_keeps_its_comments(before: str, after: str, rest: str, head: str) -> None:
    done = {(*APP, "servers", "10.0.0.3:80"): LiveChange("10.0.0.3:80")}
    rest = rest.replace("retries", "app.retries") if "app.port" in head else rest
    assert rewrite(f"{head}{before}{rest}\n", done) == f"{head}{after}{rest}\n"


def test_a_list_of_servers_becomes_a_table_with_its_comments_where_more_is_said() -> None:
    new = rewrite(LISTED, {(*APP, "servers", "10.0.0.1:80", "weight"): LiveChange(5)})
    assert new == (
        "[server_groups.app]\nport = 80\n\n[server_groups.app.servers]\n# all\n"
        '"10.0.0.1:80" = {address = "10.0.0.1:80", weight = 5} # one\n# not yet:\n'
        '"10.0.0.2:80" = "10.0.0.2:80"\n'
    )


def test_a_file_that_says_it_already_is_the_same_text() -> None:
    assert rewrite(FILE, {(*APP, "retries"): LiveChange(1)}) == FILE


RULED = """\
[listeners.web]
protocol = "http"

# One.
[[listeners.web.rules]]
host = "a"

# Two.
[[listeners.web.rules]]
host = "b"

# Next.
[console]
x = 1
"""
INNER = "# Above.\n[a.b.c]\nd = 1\n\n# E.\n[e]\nf = 1\n# end\n"
DOTTED = "# D.\na.b = 1 # b\n# x\na.c = 2\n\n# E.\n[e]\nf.g = 1\nf.h = 2\n"
BESIDE = "y = 1\n\n[a.b.c]\nd = 1\n\n[a.b.d]\nd = 1\n\n[e]\nf = 1\n"


@pytest.mark.parametrize(
    ("text", "path", "value", "old", "new"),
    [
        (RULED, ("listeners", "web", "tls"), 5, 'protocol = "http"\n', 'protocol = "http"\ntls = 5\n'),
        (RULED, ("console",), None, "[console]\nx = 1\n", ""),
        (RULED, ("console", "y"), 2, "x = 1\n", "x = 1\ny = 2\n"),
        (
            RULED,
            ("listeners", "web", "rules"),
            None,
            '[[listeners.web.rules]]\nhost = "a"\n\n# Two.\n[[listeners.web.rules]]\nhost = "b"\n',
            "",
        ),
        (INNER, ("a",), None, "[a.b.c]\nd = 1\n", ""),
        (INNER, ("e",), None, "[e]\nf = 1\n", ""),
        (INNER, ("a", "b", "c", "x"), 1, "d = 1\n", "d = 1\nx = 1\n"),
        (BESIDE, ("a",), None, "\n[a.b.c]\nd = 1\n\n[a.b.d]\nd = 1\n", ""),
        (BESIDE, ("a", "b", "c"), None, "\n[a.b.c]\nd = 1\n", ""),
        (DOTTED, ("a", "b"), None, "a.b = 1 # b\n", ""),
        (DOTTED, ("a",), None, "a.b = 1 # b\n# x\na.c = 2\n", "# x\n"),
        (DOTTED, ("e", "f"), None, "f.g = 1\nf.h = 2\n", ""),
        (DOTTED, ("z",), 1, "a.c = 2\n", "a.c = 2\nz = 1\n"),
        ("# L.\n[[q.l]]\nx = 1\n\n[r]\ns = 1\n", ("q",), None, "[[q.l]]\nx = 1\n", ""),
    ],
)
def test_comments_before_a_head_stay_where_they_are(
    text: str, path: KeyPath, value: object, old: str, new: str
) -> None:
    assert text.count(old) == 1
    assert rewrite(text, {path: LiveChange(value)}) == text.replace(old, new)


RULES = [{"host": "a", "respond": 404, "more": {"x": [1, {"y": 2}]}}, {"alpn": ["h2", "b"]}]
ON_ONE_LINE = '[{host = "a", respond = 404, more = {x = [1, {y = 2}]}}, {alpn = ["h2", "b"]}]'
SERVERS = {"a": {"address": "10.0.0.1:80"}, "b": {"address": "10.0.0.2:80", "weight": 5}}
AS_LINES = 'a = "10.0.0.1:80"\nb = {address = "10.0.0.2:80", weight = 5}\n'


@pytest.mark.parametrize(
    ("text", "path", "value", "new"),
    [
        ("a = 1", ("b",), 2, "a = 1\nb = 2\n"),
        ("", ("b",), 2, "b = 2\n"),
        ("[a]\nx = 1\n", ("a", "rules"), RULES, f"[a]\nx = 1\nrules = {ON_ONE_LINE}\n"),
        ("a = 1\n", ("b", "rules"), RULES, f"a = 1\n\n[b]\nrules = {ON_ONE_LINE}\n"),
        ("[a.b]\nx = 1\n\n[c]\nx = 1\n", ("a", "b"), None, "a = {}\n\n[c]\nx = 1\n"),
        ("[a.b.c]\nd = 1\n\n[e]\nf = 1\n", ("a", "b", "c"), None, "[a]\nb = {}\n\n[e]\nf = 1\n"),
        ("[a.b.c]\nd = 1\n[a.b.g]\nf = 1\n", ("a", "b", "c"), None, "[a.b.g]\nf = 1\n"),
        (
            "[server_groups.app]\nretries = 1\n",
            (*APP, "servers"),
            SERVERS,
            f"[server_groups.app]\nretries = 1\n\n[server_groups.app.servers]\n{AS_LINES}",
        ),
        (
            "x = 1\n",
            APP,
            {"retries": 1, "servers": SERVERS, "health_check": {"interval": 5}},
            f"x = 1\n\n[server_groups.app]\nretries = 1\n\n[server_groups.app.servers]\n{AS_LINES}"
            "\n[server_groups.app.health_check]\ninterval = 5\n",
        ),
    ],
)
def test_what_is_new_is_written_so(text: str, path: KeyPath, value: object, new: str) -> None:
    assert rewrite(text, {path: LiveChange(value)}) == new


GROUP = "[server_groups.app]\nretries = 1\n"
LINES = '\n[server_groups.app.servers]\na = "10.0.0.1:80"  # one\n'
HEAD = '[server_groups.app.servers.a]\naddress = "10.0.0.1:80"\nweight = 5\n'
TWO_ON_A_LINE = 'servers = [\n "10.0.0.1:80", "10.0.0.2:80", # both\n]  # all\n'
FIRST = '\n[server_groups.app.servers] # all\n"10.0.0.1:80" = "10.0.0.1:80"\n'
SPELLED = f'{FIRST}"10.0.0.2:80" = "10.0.0.2:80" # both\n'


@pytest.mark.parametrize(
    ("text", "name", "value", "new"),
    [
        (f"{LINES}\n[x]\ny = 1\n", "", None, "\n[x]\ny = 1\n"),
        (LINES, "", 5, "servers = 5\n"),
        ('servers = ["10.0.0.1:80"]\n', "", None, ""),
        ("", "", 5, "servers = 5\n"),
        (LINES, "a.address", "10.0.0.9:80", LINES.replace("0.1", "0.9")),
        (
            HEAD,
            "b",
            {"address": "10.0.0.2:80", "weight": 7},
            f'{HEAD}\n[server_groups.app.servers.b]\naddress = "10.0.0.2:80"\nweight = 7\n',
        ),
        (HEAD, "a.weight", None, HEAD.replace("weight = 5\n", "")),
        (
            'servers.a = "10.0.0.1:80"\n',
            "b",
            {"address": "10.0.0.2:80", "weight": 7},
            'servers.a = "10.0.0.1:80"\nservers.b = {address = "10.0.0.2:80", weight = 7}\n',
        ),
        (
            'servers.a = { address = "10.0.0.1:80", weight = 5 }\n',
            "a.address",
            "10.0.0.9:80",
            'servers.a = { address = "10.0.0.9:80", weight = 5 }\n',
        ),
        (TWO_ON_A_LINE, "c", {"address": "10.0.0.3:80"}, f'{SPELLED}c = "10.0.0.3:80"\n'),
        (
            TWO_ON_A_LINE,
            "c",
            {"address": "10.0.0.3:80", "weight": 5},
            f'{SPELLED}c = {{address = "10.0.0.3:80", weight = 5}}\n',
        ),
    ],
)
def test_servers_are_written_as_those_that_are_there(text: str, name: str, value: object, new: str) -> None:
    path = (*APP, "servers", *filter(None, name.split(".")))
    assert rewrite(GROUP + text, {path: LiveChange(value)}) == GROUP + new


def test_a_listed_server_that_gets_another_address_keeps_its_name() -> None:
    done = {(*APP, "servers", "10.0.0.2:80", "address"): LiveChange("10.0.0.9:80")}
    assert rewrite(GROUP + TWO_ON_A_LINE, done) == (f'{GROUP}{FIRST}"10.0.0.2:80" = "10.0.0.9:80" # both\n')


def test_what_is_refused_is_told_by_its_first_three_keys() -> None:
    part = Part({"a": {"b": 1}}, "lb.toml", Path(), "a = [")
    wanted = {"a": {"b": 2, "c": 3, "d": 4, "e": 5}}
    why = r"^lb\.toml: a\.b, a\.c, a\.d can't be changed in the form that the file has: edit it there$"
    with pytest.raises(Refused, match=why):
        rewritten(part, wanted, Ports([]))


def test_what_a_file_cannot_say_in_its_form_is_refused() -> None:
    text = "a = [1]\n"
    part = Part(tomllib.loads(text), "lb.toml", Path(), "a = [2]\n")
    with pytest.raises(Refused, match=r"lb\.toml: b can't be changed in the form that the file has"):
        rewritten(part, {"a": [1], "b": 1}, Ports([]))


@pytest.mark.parametrize(
    "path",
    [
        ("listeners", "new", "idle_timeout"),
        ("defaults", "listener", "retries"),
        ("server_groups", "two", "health_check", "interval"),
        ("server_groups", "one", "health_check", "interval"),
    ],
    ids=".".join,
)
def test_one_blank_line_stands_before_a_table_that_is_new(path: KeyPath) -> None:
    text = '[console]\nendpoint = ":22"\n\n[server_groups.one]\nport = 80\n'
    *table, key = path
    assert rewrite(text, {path: LiveChange(5)}) == f"{text}\n[{'.'.join(table)}]\n{key} = 5\n"
