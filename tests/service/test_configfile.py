from __future__ import annotations

import os
from pathlib import Path

import pytest

from lbtwist.errors import ConfigurationError
from lbtwist.model.config import warnings
from lbtwist.service.configfile import MAX_BYTES, load

ROOT = Path(__file__).parents[2]
LISTENER = '[listeners.web]\nendpoint = ":8080"\nprotocol = "tcp"\n'
GROUP = "[server_groups.app]\nservers = ['10.0.0.1:80']\n"


def write(directory: Path, files: dict[str, str]) -> str:
    """Files by name; the path of the main one, `lb.toml`."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return str(directory / "lb.toml")


def wrong(path: str) -> list[str]:
    """What is wrong, with names relative to the file's directory."""
    with pytest.raises(ConfigurationError) as caught:
        load(path, {})
    return [str(problem).replace(f"{os.path.dirname(path)}/", "") for problem in caught.value.problems]


@pytest.mark.parametrize("name", ["lb.toml", "demo.toml"])
def test_the_files_of_etc_are_valid_and_without_warnings(name: str) -> None:
    assert warnings(load(ROOT / "etc" / name, {})) == []


def test_reads_a_file(tmp_path: Path) -> None:
    config = load(write(tmp_path, {"lb.toml": LISTENER + GROUP}), {})
    assert list(config.server_groups["app"].servers) == ["10.0.0.1:80"]


def test_paths_are_absolute_even_where_the_name_of_the_file_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon changes its directory, and keys are read at each login."""
    write(tmp_path, {"lb.toml": "[console]\nadmin_keys = 'keys'"})
    monkeypatch.chdir(tmp_path)
    console = load("lb.toml", {}).console
    assert console is not None
    assert console.admin_keys == tmp_path / "keys"
    assert console.host_key == tmp_path / "ssh_host_ed25519_key"


def test_the_environment_is_the_process_own_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/lb")
    console = load(write(tmp_path, {"lb.toml": "[console]\nadmin_keys = 'keys'"})).console
    assert console is not None
    assert console.host_key == Path("/var/lib/lb/ssh_host_ed25519_key")


def test_includes_are_relative_to_the_file_and_in_the_order_of_names(tmp_path: Path) -> None:
    included = {"conf.d/b.toml": LISTENER, "conf.d/a.toml": GROUP, "conf.d/b.toml~": "colour = 1"}
    config = load(write(tmp_path, {"lb.toml": "include = ['conf.d/*.toml']", **included}), {})
    assert config.listeners["web"].server_group == "app"


def test_a_name_in_two_files_names_both(tmp_path: Path) -> None:
    included = {"conf.d/b.toml": GROUP, "conf.d/a.toml": GROUP}
    assert wrong(write(tmp_path, {"lb.toml": "include = ['conf.d/*.toml']", **included})) == [
        "conf.d/b.toml: server_groups.app: is defined in conf.d/a.toml already"
    ]


def test_paths_in_an_included_file_are_relative_to_it(tmp_path: Path) -> None:
    files = {"lb.toml": "include = ['conf.d/*']", "conf.d/c.toml": "[console]\nread_keys = 'keys'"}
    console = load(write(tmp_path, files), {}).console
    assert console is not None
    assert console.read_keys == tmp_path / "conf.d" / "keys"


def test_the_files_that_a_group_names_are_relative_to_its_file(tmp_path: Path) -> None:
    found = "[server_groups.found]\ndiscovery = { type = 'file', path = 'servers.json' }\n"
    checked = GROUP + "health_check = { type = 'https', ca = 'ca.pem' }\n"
    files = {"lb.toml": "include = ['conf.d/*']", "conf.d/a.toml": found + checked}
    groups = load(write(tmp_path, files), {}).server_groups
    assert groups["found"].discovery is not None
    assert groups["found"].discovery.options == {"path": str(tmp_path / "conf.d" / "servers.json")}
    assert groups["app"].health_check is not None
    assert groups["app"].health_check.ca == tmp_path / "conf.d" / "ca.pem"


def test_plugins_are_known_by_name(tmp_path: Path) -> None:
    group = "[server_groups.app]\nscheduler = 'mine'\ndiscovery = { type = 'etcd', path = 'x' }"
    path = write(tmp_path, {"lb.toml": group})
    app = load(path, {}, schedulers=["mine"], sources=["etcd"]).server_groups["app"]
    assert app.scheduler == "mine"
    assert app.discovery is not None
    assert app.discovery.options == {"path": "x"}
    assert [line.partition(": ")[2].partition(":")[0] for line in wrong(path)] == [
        "server_groups.app.scheduler",
        "server_groups.app.discovery.type",
    ]


def test_a_file_is_read_once_and_the_main_file_never_again(tmp_path: Path) -> None:
    files = {"lb.toml": "include = ['*.toml', 'a.toml', './a.toml']\n" + LISTENER, "a.toml": GROUP}
    assert load(write(tmp_path, files), {}).listeners["web"].server_group == "app"


def test_a_directory_may_have_the_letters_of_a_pattern(tmp_path: Path) -> None:
    directory = tmp_path / "lb[1]"
    directory.mkdir()
    files = {"lb.toml": "include = ['conf.d/*.toml']\n" + LISTENER, "conf.d/a.toml": GROUP}
    assert load(write(directory, files), {}).server_groups


def test_a_pattern_may_match_nothing_and_a_name_may_not(tmp_path: Path) -> None:
    assert wrong(write(tmp_path, {"lb.toml": "include = ['conf.d/*.toml', 'a.toml']"})) == [
        "lb.toml: include: 'a.toml' does not exist"
    ]


def test_an_include_that_is_no_list_of_names_is_told_with_the_rest(tmp_path: Path) -> None:
    assert wrong(write(tmp_path, {"lb.toml": "include = [3]\nlisteners = 3"})) == [
        'lb.toml: include: [3] is not a list of file names, as ["conf.d/*.toml"]',
        "lb.toml: listeners: 3 is not a table",
    ]


def test_every_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    files = {"lb.toml": "include = ['*.d/*']", "a.d/a": "x", "b.d/b": "= 1"}
    assert wrong(write(tmp_path, files)) == [
        "a.d/a: line 1, column 2: Expected '=' after a key in a key/value pair",
        "b.d/b: line 1, column 1: Invalid statement",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a = 1\nb = x", "line 2, column 5: Invalid value"),
        ("a = 1\nb = [", "line 2, column 6: Invalid value"),
        ("a = 1\na = 2", "line 2, column 6: Cannot overwrite a value"),
        ("[a]\n[a]", "line 2, column 3: Cannot declare ('a',) twice"),
        (f"a = {'[' * 100_000}", "is nested too deeply"),
    ],
)
def test_what_is_no_toml(tmp_path: Path, content: str, message: str) -> None:
    assert wrong(write(tmp_path, {"lb.toml": content})) == [f"lb.toml: {message}"]


def test_what_is_no_utf_8(tmp_path: Path) -> None:
    (tmp_path / "lb.toml").write_bytes(b"a = 1\nb = '\xff'")
    assert wrong(str(tmp_path / "lb.toml")) == ["lb.toml: line 2: is not UTF-8"]


def test_a_number_of_endless_digits_is_one_line(tmp_path: Path) -> None:
    problem = wrong(write(tmp_path, {"lb.toml": f"a = {'1' * 5000}"}))
    assert len(problem) == 1
    assert len(problem[0]) < 200


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert wrong(str(tmp_path / "lb.toml")) == ["lb.toml: can't be read: No such file or directory"]


def test_a_directory(tmp_path: Path) -> None:
    (tmp_path / "lb.toml").mkdir()
    assert wrong(str(tmp_path / "lb.toml")) == ["lb.toml: can't be read: Is a directory"]


def test_a_name_that_no_file_can_have() -> None:
    assert wrong("a\0b") == ["a\0b: can't be read: embedded null byte"]


def test_a_file_that_does_not_end(tmp_path: Path) -> None:
    with open(tmp_path / "lb.toml", "wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert wrong(str(tmp_path / "lb.toml")) == [f"lb.toml: is larger than {MAX_BYTES} bytes"]
