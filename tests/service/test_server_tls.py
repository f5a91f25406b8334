"""Files of TLS to servers: read and judged before anything changes, and read again when they are renewed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from lbtwist.errors import ConfigurationError, Refused
from lbtwist.model.config import GroupSettings
from lbtwist.model.server_tls import ServerTLS
from lbtwist.net.tls.trust import BadCredentials
from lbtwist.service.advice import warnings
from lbtwist.service.loading import Loaded
from lbtwist.service.reload import Reloader
from lbtwist.service.renewal import renew
from lbtwist.service.server_tls import read_server_tls
from tests.certificates import DAY, Issued, authority, issue
from tests.service.bench import Bench, config
from tests.service.test_makers import made
from tests.service.world import PASSES


@pytest.fixture(scope="module")
def ours() -> Issued:
    return authority()


def toml(lines: str = "", checks: str = "") -> str:
    """A group with TLS and two servers."""
    return f"""
[server_groups.app]
tls = true
{lines}
servers = ["10.0.0.1:443", "10.0.0.2:443"]
{checks}
"""


def settings(lines: str = "") -> GroupSettings:
    return config(toml(lines)).server_groups["app"]


@pytest.fixture
def files(tmp_path: Path, ours: Issued) -> dict[str, str]:
    """Lines of a group with a file for each key."""
    (tmp_path / "ca.pem").write_bytes(ours.pem)
    certificate, key = issue(ours, ["balancer"]).write(tmp_path, "own")
    return {
        "tls_ca": f'tls_ca = "{tmp_path}/ca.pem"\n',
        "tls_certificate": f'tls_certificate = "{certificate}"\n',
        "tls_key": f'tls_key = "{key}"\n',
    }


def test_what_the_files_hold_is_what_servers_are_spoken_to_with(
    tmp_path: Path, ours: Issued, files: dict[str, str]
) -> None:
    certificate, key = (tmp_path / "own.pem").read_bytes(), (tmp_path / "own.key").read_bytes()
    found = read_server_tls(settings("".join(files.values()) + 'tls_name = "app.internal"'))
    assert found == ServerTLS(True, ours.pem, "app.internal", certificate, key)
    assert read_server_tls(settings("tls_verify = false")) == ServerTLS(verify=False)
    assert read_server_tls(config("[server_groups.app]").server_groups["app"]) is None


def test_the_key_may_be_in_the_file_of_the_certificate(tmp_path: Path, ours: Issued) -> None:
    issued = issue(ours, ["balancer"])
    both = tmp_path / "both.pem"
    both.write_bytes(issued.key_pem + issued.pem)
    found = read_server_tls(settings(f'tls_certificate = "{both}"'))
    assert found is not None
    assert found.certificate == found.key == both.read_bytes()


def test_a_key_is_not_shown() -> None:
    assert "hidden" not in repr(ServerTLS(key=b"hidden"))


@pytest.mark.parametrize("key", ["tls_ca", "tls_certificate", "tls_key"])
@pytest.mark.parametrize("content", [None, b"nonsense"], ids=["missing", "no PEM"])
def test_a_bad_file_is_a_problem_of_its_key(
    key: str, content: bytes | None, tmp_path: Path, files: dict[str, str]
) -> None:
    path = tmp_path / "bad"
    if content is not None:
        path.write_bytes(content)
    lines = "".join({**files, key: f'{key} = "{path}"\n'}.values())
    with pytest.raises(BadCredentials):
        read_server_tls(settings(lines))
    checks = '[server_groups.app.health_check]\ntype = "http"'
    with pytest.raises(ConfigurationError) as refused:
        made().check(config(toml(lines, checks)).server_groups)
    (problem,) = map(str, refused.value.problems)
    assert problem.startswith(f"server_groups.app.{key}: {path} ")
    assert ("can't be read: No such file" if content is None else " in PEM") in problem


def test_the_key_of_another_certificate_is_a_problem(tmp_path: Path, files: dict[str, str]) -> None:
    _, other = issue(None, ["other"]).write(tmp_path, "other")
    with pytest.raises(BadCredentials, match="is not the key of the certificate") as refused:
        read_server_tls(settings(files["tls_certificate"] + f'tls_key = "{other}"'))
    assert refused.value.key == "tls_key"


class Running:
    """A balancer of a group whose authorities are in `ca`, and its file, which does not change."""

    def __init__(self, ca: Path, content: bytes) -> None:
        self.ca = ca
        ca.write_bytes(content)
        text = toml(f'tls_ca = "{ca}"', "[server_groups.app.health_check]")
        self.bench = Bench(text)
        self._loaded = Loaded(config(text))
        self._reloader = Reloader(self.bench.balancer, lambda: succeed(self._loaded))

    @property
    def authorities(self) -> bytes | None:
        """Those that the data plane goes by."""
        tls = self.bench.plane.rotations["app"].tls
        assert tls is not None
        return tls.authorities

    def reload(self) -> Deferred[list[str]]:
        return self._reloader.reload()

    def renew(self, dry_run: bool = False) -> Deferred[list[str]]:
        return renew(self.bench.balancer, "ada", dry_run)


def outcome(asked: Deferred[list[str]]) -> list[str]:
    """What was done; raises what has kept it from being done."""
    found: list[Any] = []
    asked.addBoth(found.append)
    if isinstance(found[0], Failure):
        found[0].raiseException()
    return list(found[0])


@pytest.fixture
def running(tmp_path: Path, ours: Issued) -> Running:
    return Running(tmp_path / "ca.pem", ours.pem)


@pytest.mark.parametrize("how", ["reload", "renew"])
def test_files_that_hold_something_else_are_followed(how: str, running: Running) -> None:
    other = authority("other").pem
    assert outcome(getattr(running, how)()) == []
    running.ca.write_bytes(other)
    assert outcome(getattr(running, how)()) == ["server group app has other certificates"]
    assert running.authorities == other
    assert outcome(getattr(running, how)()) == []


@pytest.mark.parametrize(("how", "error"), [("reload", ConfigurationError), ("renew", Refused)])
def test_a_file_that_went_bad_changes_nothing(
    how: str, error: type[Exception], running: Running, ours: Issued, flush_logged_errors: Any
) -> None:
    running.ca.write_bytes(b"nonsense")
    with pytest.raises(error, match=r"server_groups.app.tls_ca: .*ca.pem has no certificate in PEM"):
        outcome(getattr(running, how)())
    assert running.authorities == ours.pem
    flush_logged_errors()


def test_a_dry_run_changes_nothing(running: Running, ours: Issued) -> None:
    running.ca.write_bytes(authority("other").pem)
    assert outcome(running.renew(dry_run=True)) == ["server group app has other certificates"]
    assert running.authorities == ours.pem


def test_what_checks_have_found_holds_when_files_are_renewed(running: Running) -> None:
    """rule 26 is about other settings: these are the same. The checks are others."""
    group = running.bench.balancer.groups["app"]
    registration = next(iter(group.members))
    for _ in range(3):
        group.health.observe(registration, PASSES)
    before = registration.record
    assert before is not None
    found = (before.state, before.passes, before.has_passed)
    running.ca.write_bytes(authority("other").pem)
    running.bench.clock.advance(1)
    asked = list(running.bench.world.servers.asked)
    running.bench.clock.advance(0)
    assert running.bench.world.servers.asked == asked
    found = (before.state, before.passes, before.has_passed)
    outcome(running.renew())
    running.bench.clock.advance(0)
    assert registration.record is before
    assert (before.state, before.passes - 1, before.has_passed) == found
    assert len(running.bench.world.servers.asked) > len(asked)


def test_other_settings_of_tls_are_other_checks(running: Running) -> None:
    """By rule 26 the counts begin anew."""
    group = running.bench.balancer.groups["app"]
    registration = next(iter(group.members))
    group.health.observe(registration, PASSES)
    assert registration.record is not None
    assert registration.record.has_passed
    group.reconfigure(group.settings.model_copy(update={"tls_name": "app.internal"}))
    assert not registration.record.has_passed
    tls = running.bench.plane.rotations["app"].tls
    assert tls is not None
    assert tls.name == "app.internal"


def test_our_own_certificate_is_warned_of_where_it_is_of_no_use_or_no_secret(
    tmp_path: Path, ours: Issued, files: dict[str, str]
) -> None:
    both, (late, key) = tmp_path / "both.pem", issue(ours, ["late"], (-2 * DAY, -DAY)).write(tmp_path, "late")
    both.write_bytes((tmp_path / "own.pem").read_bytes() + (tmp_path / "own.key").read_bytes())
    both.chmod(0o644)
    old = f'tls_certificate = "{late}"\ntls_key = "{key}"\n'
    good = warnings(config(toml("".join(files.values()))))
    assert [line for line in good if "tls_" in line] == []
    whose, what = warnings(config(toml(old)))[-1].split(": ", 1)
    assert whose == "server_groups.app.tls_certificate"
    assert what.startswith(f"{late} has expired on ")
    assert warnings(config(toml(f'tls_certificate = "{both}"')))[-1] == (
        f"server_groups.app.tls_certificate: {both} can be read by others: its mode is 644, and should be 600"
    )
    key.chmod(0o644)
    assert warnings(config(toml(old)))[-1].startswith(
        f"server_groups.app.tls_key: {key} can be read by others"
    )


@pytest.mark.functional
def test_check_reads_the_files(tmp_path: Path) -> None:
    file = tmp_path / "lb.toml"
    file.write_text(toml('tls_ca = "nothing.pem"'))
    twistd = Path(sys.executable).with_name("twistd")
    words = [str(twistd), "-n", "--pidfile=", "lb", "--config", str(file), "--check"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert f"server_groups.app.tls_ca: {tmp_path}/nothing.pem can't be read: No such file" in done.stderr
