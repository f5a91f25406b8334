"""What runs beside the text of its file: `diff`, `save`, `check`, and reloads between them."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbtwist.errors import ConfigurationError, Refused
from lbtwist.model.config import Config
from lbtwist.model.config.changes import Changes
from lbtwist.service import saving
from lbtwist.service.verbs import filing, membership, taking_out
from tests.model.toml_files import changes, files
from tests.service.filed import Filed, done

FILE = """\
# The head.
[listeners.web]
endpoint = "127.0.0.1:8080"
protocol = "tcp"
server_group = "app"

[server_groups.app]
retries = 1  # few

# Who they are.
[server_groups.app.servers]
ecs01 = "10.0.0.1:80"
ecs02 = "10.0.0.2:80"
"""
RETRIES = "server_groups.app.retries"


@pytest.fixture
def filed(tmp_path: Path) -> Filed:
    return Filed(FILE, tmp_path)


def patched(filed: Filed, diff: str) -> Config:
    """What the file says once `patch` has had that."""
    before = filed.file.read_text()
    if diff:
        subprocess.run(
            ["patch", "-s", "-p0", str(filed.file)], input=diff, text=True, check=True, capture_output=True
        )
    loaded = filed.loaded().config
    filed.file.write_text(before)
    return loaded


def members(filed: Filed) -> dict[str, list[tuple[str, str, int]]]:
    """Who is registered in each group."""
    return {
        name: sorted((r.name, str(r.address), r.weight) for r in group.members if r.registered)
        for name, group in filed.balancer.groups.items()
    }


def servers(config: Config) -> dict[str, list[tuple[str, str, int]]]:
    """The same, as a file says it."""
    return {
        name: sorted((server, str(s.address), s.weight) for server, s in group.servers.items())
        for name, group in config.server_groups.items()
    }


# diff


def test_the_diff_is_of_the_text_and_takes_in_what_verbs_did(filed: Filed) -> None:
    filed.set(RETRIES, "3")
    membership.weigh(filed.bench.call(), "app/ecs01", 5)
    taking_out.remove(filed.bench.call(), ["app/ecs02"], force=True)
    membership.add(filed.bench.call(), "app", "ecs03", "10.0.0.3:80")
    told = filed.diff().splitlines()
    assert told[:2] == ["--- lb.toml", "+++ lb.toml"]
    assert [line for line in told[2:] if line[0] in "+-"] == [
        "-retries = 1  # few",
        "+retries = 3  # few",
        '-ecs01 = "10.0.0.1:80"',
        '-ecs02 = "10.0.0.2:80"',
        '+ecs01 = {address = "10.0.0.1:80", weight = 5}',
        '+ecs03 = "10.0.0.3:80"',
    ]


def test_where_nothing_differs_the_diff_is_empty(filed: Filed) -> None:
    assert filed.diff() == ""


def test_a_diff_names_the_file_that_the_key_stands_in(tmp_path: Path) -> None:
    more = "[server_groups.app.servers]\necs01 = '10.0.0.1:80'\n"
    filed = Filed('include = ["more.toml"]\n[load_balancer]\nname = "edge"', tmp_path, more=more)
    filed.set(RETRIES, "3")
    filed.set("load_balancer.name", "other")
    told = filed.diff()
    assert "--- more.toml\n+++ more.toml\n" in told
    assert '-name = "edge"\n\\ No newline at end of file\n+name = "other"\n' in told
    filed.save()
    assert "retries = 3" in (tmp_path / "more.toml").read_text()
    assert filed.loaded().config == filed.config


def test_a_file_that_was_edited_since_it_was_read_is_not_compared(filed: Filed) -> None:
    filed.set(RETRIES, "3")
    filed.write(FILE.replace("The head", "My head"))
    with pytest.raises(Refused, match=r"lb\.toml was changed since it was last read: reload first"):
        filed.diff()
    filed.reload(FILE.replace("The head", "My head"))
    assert "+retries = 3  # few" in filed.diff()


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no patch")
@settings(max_examples=30, deadline=None)
@given(files(), changes(), st.lists(st.sampled_from(["weigh", "add", "remove"]), max_size=3))
def test_rule_67_a_file_that_was_patched_or_saved_says_what_runs(
    text: str, edit: Changes, verbs: list[str]
) -> None:
    """And what was changed live is not live any more, when it is read again."""
    with tempfile.TemporaryDirectory() as directory:
        filed = Filed(text, Path(directory))
        _do(filed, edit, verbs)
        wanted, before = patched(filed, filed.diff()), members(filed)
        assert servers(wanted) == before
        filed.save()
        assert filed.loaded().config == wanted == filed.config
        assert (filed.live, filed.diff(), members(filed)) == ([], "", before)
        assert filed.reload(filed.file.read_text()) == []
        filed.balancer.stopService()


def _do(filed: Filed, edit: Changes, verbs: list[str]) -> None:
    """What is refused is not done."""
    for path, change in edit.items():
        filed.balancer.change_live({path: change}, "ada").addErrback(
            lambda failure: failure.trap(Refused, ConfigurationError)
        )
    call = filed.bench.call()
    for number, verb in enumerate(verbs):
        there = [r for group in filed.balancer.groups.values() for r in group.members if r.registered]
        if verb == "add":
            membership.add(call, "app", f"new{number}", f"10.9.0.{number}:80")
        elif there and verb == "weigh":
            membership.weigh(call, there[0].label, 11)
        elif there:
            taking_out.remove(call, [there[-1].label], force=True)


# save


def test_a_save_writes_what_runs_and_nothing_is_live_any_more(filed: Filed) -> None:
    filed.set(RETRIES, "3")
    membership.weigh(filed.bench.call(), "app/ecs01", 5)
    (connection,) = filed.bench.connect("app/ecs01#2")
    (line,) = filed.save()
    assert line == f"{filed.file} written, the one before is {filed.file}~"
    text = filed.file.read_text()
    assert text == FILE.replace("retries = 1", "retries = 3").replace(
        'ecs01 = "10.0.0.1:80"', 'ecs01 = {address = "10.0.0.1:80", weight = 5}'
    )
    assert (filed.live, filed.diff(), connection.live) == ([], "", True)
    assert Path(f"{filed.file}~").read_text() == FILE
    (row,) = filed.get(RETRIES)
    assert (row["value"], row["from"]) == (3, "file")


def test_with_nothing_to_save_nothing_is_written(filed: Filed) -> None:
    before = filed.file.stat().st_ino
    assert filed.save() == ["nothing has changed"]
    assert (filed.file.stat().st_ino, os.listdir(filed.file.parent)) == (before, ["lb.toml"])


def test_a_dry_run_tells_the_difference_and_writes_nothing(filed: Filed) -> None:
    filed.set(RETRIES, "3")
    assert "+retries = 3  # few" in filed.save(dry_run=True)
    assert filed.file.read_text() == FILE


def test_mode_and_links_are_kept(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    filed = Filed(FILE, tmp_path / "real")
    filed.file.chmod(0o640)
    link = tmp_path / "lb.toml"
    link.symlink_to(filed.file)
    filed.directory = tmp_path
    filed.balancer.parts = filed.loaded().parts
    filed.set(RETRIES, "3")
    filed.save()
    assert link.is_symlink()
    there = (tmp_path / "real" / "lb.toml").stat()
    assert (stat.S_IMODE(there.st_mode), "retries = 3" in link.read_text()) == (0o640, True)


def test_the_backup_is_of_the_last_save(filed: Filed) -> None:
    filed.set(RETRIES, "3")
    filed.save()
    filed.set(RETRIES, "4")
    filed.save()
    assert "retries = 3" in Path(f"{filed.file}~").read_text()
    assert sorted(os.listdir(filed.file.parent)) == ["lb.toml", "lb.toml~"]


def test_a_file_that_was_edited_since_it_was_read_is_not_overwritten(filed: Filed) -> None:
    filed.set(RETRIES, "3")
    filed.write(FILE + "# mine\n")
    with pytest.raises(Refused, match=r"was changed since it was last read: reload first"):
        filed.save()
    assert filed.file.read_text() == FILE + "# mine\n"
    assert filed.live == [RETRIES]


def test_one_that_was_edited_while_it_was_written_is_not_overwritten(
    filed: Filed, monkeypatch: pytest.MonkeyPatch
) -> None:
    filed.set(RETRIES, "3")
    beside = saving._beside

    def edited(place: str, text: str) -> str:
        filed.write(FILE + "# mine\n")
        return beside(place, text)

    monkeypatch.setattr(saving, "_beside", edited)
    with pytest.raises(Refused, match="was changed since"):
        filed.save()
    assert os.listdir(filed.file.parent) == ["lb.toml"]
    assert filed.file.read_text() == FILE + "# mine\n"


@pytest.mark.parametrize(
    ("step", "times", "written"),
    [
        ("fchmod", 0, False),
        ("fsync", 0, False),
        ("link", 0, False),
        ("replace", 0, False),
        ("replace", 1, False),
        ("fsync", 1, True),
    ],
)
def test_a_save_that_is_interrupted_at_any_step_loses_nothing(
    filed: Filed, monkeypatch: pytest.MonkeyPatch, step: str, times: int, written: bool
) -> None:
    """The file is whole, as it was or as it is to be, and what was set holds."""
    filed.set(RETRIES, "3")
    _fail(monkeypatch, step, times)
    with pytest.raises(Refused, match=r"No space left on device.*; ssh HOST diff \| sudo patch -p0 -d"):
        filed.save()
    monkeypatch.undo()
    new = FILE.replace("retries = 1", "retries = 3")
    assert filed.file.read_text() == (new if written else FILE)
    assert set(os.listdir(filed.file.parent)) <= {"lb.toml", "lb.toml~"}
    assert (filed.config.server_groups["app"].retries, filed.live) == (3, [RETRIES])
    filed.reload(filed.file.read_text())
    filed.save()
    assert (filed.file.read_text(), filed.live) == (new, [])


def _fail(monkeypatch: pytest.MonkeyPatch, step: str, times: int) -> None:
    """The step fails when it has been done so many times."""
    real: Callable[..., Any] = getattr(os, step)
    left = [*range(times)]

    def failing(*arguments: Any) -> Any:
        if not left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left.pop()
        return real(*arguments)

    monkeypatch.setattr(os, step, failing)


def test_where_it_may_not_write_it_says_how_to_go_on(filed: Filed, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*arguments: Any, **more: Any) -> Any:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(tempfile, "mkstemp", denied)
    filed.set(RETRIES, "3")
    place = filed.file.parent
    with pytest.raises(Refused) as refused:
        filed.save()
    assert str(refused.value) == (
        f"{filed.file} can't be written: Permission denied; ssh HOST diff | sudo patch -p0 -d {place}"
    )
    assert filed.live == [RETRIES]


def test_a_pattern_that_would_take_in_the_backup_is_refused(tmp_path: Path) -> None:
    more = "[server_groups.app.servers]\necs01 = '10.0.0.1:80'\n"
    filed = Filed('include = ["more*"]\n', tmp_path, more=more)
    filed.set(RETRIES, "3")
    with pytest.raises(Refused, match="takes in backups"):
        filed.save()


def test_a_reload_during_a_save_waits_for_it(filed: Filed) -> None:
    filed.set(RETRIES, "3")
    filed.slow = []
    saving_ = filing.save(filed.bench.call())
    reloaded = filed.reloader.reload()
    for _ in range(2):
        assert not reloaded.called
        filed.slow.pop().callback(None)
    filed.slow.pop().callback(None)  # the file is judged
    filed.slow = None
    assert done(saving_)[0].startswith(str(filed.file))
    assert (reloaded.result, filed.live, filed.config.server_groups["app"].retries) == ([], [], 3)


def test_what_a_verb_does_while_a_save_writes_stays_live(filed: Filed) -> None:
    membership.weigh(filed.bench.call(), "app/ecs01", 5)
    filed.slow = []
    saving_ = filing.save(filed.bench.call())
    filed.slow.pop().callback(None)
    membership.weigh(filed.bench.call(), "app/ecs01", 9)
    filed.slow.pop().callback(None)
    filed.slow = None
    done(saving_)
    assert "weight = 5" in filed.file.read_text()
    assert ("ecs01", "10.0.0.1:80", 9) in members(filed)["app"]
    assert filed.live == ["server_groups.app.servers.ecs01.weight"]


# check


def test_check_judges_the_file_as_it_is_and_changes_nothing(filed: Filed) -> None:
    filed.write(FILE.replace("retries = 1", "retries = 9"))
    told = filed.run(filing.check)
    assert told == {
        "files": [str(filed.file)],
        "listeners": 1,
        "server_groups": 1,
        "servers": 2,
        "warnings": [],
    }
    filed.write(FILE.replace("retries = 1", "retries = 99"))
    with pytest.raises(Refused, match=r"server_groups\.app\.retries: 99 is not in 0–10"):
        filed.run(filing.check)
    assert filed.config.server_groups["app"].retries == 1


# reload


def test_a_dry_run_of_a_reload_tells_what_changed_in_the_text(filed: Filed) -> None:
    filed.write(FILE.replace("retries = 1", "retries = 9"))
    told = filed.run(filing.reload, dry_run=True)
    assert [line for line in told if line[0] in "+-"][2:] == ["-retries = 1  # few", "+retries = 9  # few"]
    assert filed.config.server_groups["app"].retries == 1
    filed.write(FILE.replace("retries = 1", "retries = 99"))
    with pytest.raises(ConfigurationError):
        filed.run(filing.reload, dry_run=True)


def test_reload_tells_what_was_changed(filed: Filed) -> None:
    assert filed.run(filing.reload) == ["nothing has changed"]
    filed.write(FILE.replace("retries = 1", "retries = 9"))
    assert filed.run(filing.reload) == ["server group app changed"]


def test_without_a_file_there_is_nothing_to_compare_with() -> None:
    filed = Filed(FILE)
    filed.balancer.parts = [part._replace(source="", text="") for part in filed.balancer.parts]
    with pytest.raises(Refused, match="it runs without a file"):
        filed.diff()
    assert '+scheduler = "wlc"' in filed.set("server_groups.app.scheduler", "wlc", dry_run=True)


OLD, NEW = "the-old-secret-0123", "the-new-secret-0123"
WITH_SECRET = f"""
[server_groups.app]
protocol = "http"
servers = ["10.0.0.1:80"]
[server_groups.app.session_persistence]
type = "cookie"
secret = "{OLD}"
"""


def test_a_secret_is_seen_in_the_diff_for_patch_and_in_no_preview(tmp_path: Path) -> None:
    key, fragment = (
        "server_groups.app.session_persistence.secret",
        f'[server_groups.app.session_persistence]\nsecret = "{NEW}"\n',
    )
    filed = Filed(WITH_SECRET, tmp_path)
    previews = [filed.set(key, NEW, dry_run=True), filed.apply(fragment, dry_run=True), filed.apply(fragment)]
    previews.append(filed.save(dry_run=True))
    assert NEW in filed.diff()
    filed.write(WITH_SECRET.replace(OLD, "another-secret-0123"))
    previews.append(filed.run(filing.reload, dry_run=True))
    for lines in previews:
        text = "\n".join(lines)
        assert '+secret = "***"' in text
        assert "-0123" not in text
