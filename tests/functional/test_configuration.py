"""Files that are wrong: everything is told at once, and nothing that runs is touched."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from tests.functional.balancer import HOST, Balancer, app, section
from tests.functional.peers import Server, Watch, asked, talking
from tests.functional.process import run

pytestmark = [pytest.mark.functional, pytest.mark.slow]

Pair = tuple[Server, Server]

BAD = """
[load_balancer]
nmae = "x"
shutdown_timeout = "soon"

[listeners.web]
endpoint = "localhost:80"
protocol = "udp"
server_group = "ap"
idle_timeout = 0
max_connections = "many"

[server_groups.app]
scheduler = "fastest"
min_healthy = "200%"

[server_groups.app.connection_draining]
timeout = 4000
rejoin = "maybe"

[server_groups.app.servers]
ecs01 = { address = "127.0.0.1:1", weight = 300 }
ecs02 = "127.0.0.1:2"
ecs03 = "127.0.0.1:2"
"ecs 4" = "127.0.0.1:4"
ecs05 = "127.0.0.1"
"""
TOLD = {
    "load_balancer.nmae": ("is not a known key", "name"),
    "load_balancer.shutdown_timeout": ("'soon'", "0–3600 s"),
    "listeners.web.endpoint": ("'localhost:80'", "10.0.0.1:80"),
    "listeners.web.protocol": ("'udp'", '"tcp"'),
    "listeners.web.server_group": ("'ap'", "app"),
    "listeners.web.idle_timeout": ("0", "1–86400"),
    "listeners.web.max_connections": ("'many'", "a whole number"),
    "server_groups.app.scheduler": ("'fastest'", '"wrr"'),
    "server_groups.app.min_healthy": ("'200%'", "100"),
    "server_groups.app.connection_draining.timeout": ("4000", "0–3600 s"),
    "server_groups.app.connection_draining.rejoin": ("'maybe'", '"after_drain"'),
    "server_groups.app.servers.ecs01.weight": ("300", "0–100"),
    "server_groups.app.servers.ecs03": ("'127.0.0.1:2'", "'ecs02'"),
    'server_groups.app.servers."ecs 4"': ("'ecs 4'", "letters, digits"),
    "server_groups.app.servers.ecs05": ("'127.0.0.1'", "10.0.0.1:8080"),
}
"""Each key path, the value found there, and a word of what is allowed."""


def assert_all_told(text: str, file: Path) -> None:
    """Every problem is in `text`, each on one line with its file, key path, value and what is allowed."""
    for path, words in TOLD.items():
        (line,) = [line for line in text.splitlines() if f"{file}: {path}: " in line]
        _, _, message = line.partition(f"{file}: {path}: ")
        for word in words:
            assert word in message, line


def assert_one_line(text: str, *words: str) -> None:
    assert "Traceback" not in text
    (line,) = text.splitlines()
    assert line.startswith("twistd lb: ")
    for word in words:
        assert word in line


def over(pair: Pair, endpoint: str = f"{HOST}:0", group: str = "") -> str:
    return app({server.name: str(server) for server in pair}, endpoint=endpoint, group=group)


@pytest.mark.parametrize("option", [[], ["--check"]], ids=["start", "check"])
def test_every_problem_of_a_file_is_told_at_once(tmp_path: Path, option: list[str]) -> None:
    file = tmp_path / "lb.toml"
    file.write_text(BAD)
    done = run("-n", "--pidfile=", "lb", "--config", file, *option, directory=tmp_path)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == len(TOLD) >= 10
    assert_all_told(done.stderr, file)
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == [file]


def test_a_bad_reload_changes_nothing_and_a_good_one_heals(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    """Rule 73, and a reload is whole or not at all."""
    file = tmp_path / "lb.toml"
    with Balancer(tmp_path, over(pair)) as lb, talking(watch, lb.address, pair[0]) as talk:
        before = [lb.ask("servers"), lb.ask("listeners")[0]["endpoint"]]
        lb.configure(BAD)
        lb.signal(signal.SIGHUP)
        lb.wait_for_log("reload refused", len(TOLD))
        assert_all_told("\n".join(x for x in lb.log.splitlines() if "reload refused" in x), file)
        status = lb.ask("status")
        assert_all_told("\n".join(status["problems"]), file)
        assert len(status["problems"]) == len(TOLD)
        moving = ("received", "sent")
        after = [lb.ask("servers"), lb.ask("listeners")[0]["endpoint"]]
        for rows in (before[0], after[0]):
            for row in rows:
                for column in moving:
                    del row[column]
        assert after == before
        talk.goes_on()
        assert {asked(watch, lb.address) for _ in range(4)} == {"ecs01", "ecs02"}

        refused = lb.ssh("reload")
        assert refused.returncode == 1
        assert_all_told(refused.stderr, file)

        lb.configure(over((pair[1], pair[1])))
        lb.signal(signal.SIGHUP)
        lb.wait_for_log("reload: app/ecs01#")
        assert lb.ask("status")["problems"] == []
        assert [asked(watch, lb.address) for _ in range(4)] == ["ecs02"] * 4
        talk.goes_on()


def test_an_endpoint_in_use_refuses_the_whole_reload(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    with socket.create_server((HOST, 0)) as taken, Balancer(tmp_path, over(pair)) as lb:
        address, endpoint = lb.address, f"{HOST}:{taken.getsockname()[1]}"
        lb.configure(
            over((pair[1], pair[1]))
            + section({"ecs01": str(pair[0])}, name="further", endpoint=endpoint)
            + section({"ecs01": str(pair[0])}, name="another", endpoint="127.0.0.3:0")
        )
        refused = lb.ssh("reload")
        assert refused.returncode == 1
        assert f"listeners.further.endpoint: cannot listen on {endpoint}: the address is in use" in (
            refused.stderr
        )
        assert [row["listener"] for row in lb.ask("listeners")] == ["app"]
        assert lb.ports("127.0.0.3") == []
        assert {asked(watch, address) for _ in range(4)} == {"ecs01", "ecs02"}


def test_check_works_beside_a_running_instance(tmp_path: Path, pair: Pair, watch: Watch) -> None:
    with Balancer(tmp_path, over(pair)) as lb:
        port = lb.port(HOST)
        lb.configure(over(pair, endpoint=f"{HOST}:{port}"))
        done = run("lb", "--check", "--config", lb.file, directory=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert "1 listeners, 1 server groups, 2 servers" in done.stdout
        assert asked(watch, lb.address) == "ecs01"


def test_check_warns(tmp_path: Path, pair: Pair) -> None:
    file = tmp_path / "lb.toml"
    file.write_text(over(pair, group="min_healthy = 3"))
    done = run("lb", "--check", "--config", file, directory=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("warning: server_groups.app.min_healthy: 3 is more than there are servers")


def test_the_example_passes_the_check(tmp_path: Path) -> None:
    example = run("lb", "--example", directory=tmp_path)
    assert (example.returncode, example.stderr) == (0, "")
    file = tmp_path / "lb.toml"
    file.write_text(example.stdout)
    done = run("lb", "--check", "--config", file, directory=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    done = run("-n", "--pidfile=", "lb", "--config", "nowhere.toml", directory=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert_one_line(done.stderr, str(tmp_path / "nowhere.toml"), "No such file or directory")


def test_no_file_is_one_line(tmp_path: Path) -> None:
    done = run("-n", "--pidfile=", "lb", directory=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert_one_line(done.stderr, "--config FILE is required", "--example", "--demo")


@pytest.mark.parametrize("console", [False, True], ids=["listener", "console"])
def test_a_port_in_use_is_one_line(tmp_path: Path, pair: Pair, console: bool) -> None:
    with socket.create_server((HOST, 0)) as taken:
        where = f"{HOST}:{taken.getsockname()[1]}"
        lb = Balancer(tmp_path, over(pair, endpoint=f"{HOST}:0" if console else where))
        if console:
            lb.file.write_text(lb.file.read_text().replace("127.0.0.2:0", where))
        done = run("-n", "--pidfile=", "lb", "--config", lb.file, directory=tmp_path)
    assert done.returncode == 1
    assert done.stderr == ""
    wrong = [line for line in done.stdout.splitlines() if "#info]" not in line and "#debug]" not in line]
    (line,) = wrong
    assert_one_line(line.partition("] ")[2], where, "in use")
