"""The console as a service, and a real OpenSSH client."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.address import IPv4Address
from twisted.internet.posixbase import PosixReactorBase
from twisted.internet.protocol import ServerFactory
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from lbtwist.console.doorkeeper import ARRIVALS
from lbtwist.console.service import ConsoleService
from lbtwist.errors import BindError, ConfigurationError
from lbtwist.model.endpoint import Endpoint, parse_endpoint
from lbtwist.service.verbs.verb import Exit, Result
from tests.console.client import SSH, Account, Client, Terminal, make_account
from tests.console.fakes import FakeBalancer, FakeNames, fake_verbs
from tests.console.recorder import logged

pytestmark = [
    pytest.mark.functional,
    pytest.mark.limit(60),
    pytest.mark.skipif(not os.access(SSH, os.X_OK), reason=f"there is no {SSH}"),
]

HERE = IPv4Address("TCP", "127.0.0.1", 1)
_KINDS = {"admin": "ed25519", "operate": "rsa", "read": "ecdsa", "stranger": "ed25519"}


@dataclass(frozen=True)
class Settings:
    endpoint: Endpoint
    admin_keys: Path | None
    operate_keys: Path | None
    read_keys: Path | None
    host_key: Path
    idle_timeout: float = 3600.0
    max_sessions: int = 32


class Running:
    """A console and those who may, or may not, log in to it."""

    def __init__(self, settings: Settings, accounts: dict[str, Account], reactor: PosixReactorBase) -> None:
        self.balancer = FakeBalancer()
        self.accounts = accounts
        self.service = ConsoleService(
            settings, fake_verbs(), self.balancer, FakeNames(), reactor, {"answer": 42}
        )
        self.service.startService()
        known_hosts = settings.host_key.with_name("known_hosts")
        public = self.service._key.public().toString("openssh").decode()
        known_hosts.write_text(f"[127.0.0.1]:{self.port} {public}\n")
        self.client = Client(self.port, known_hosts)
        self._reactor = reactor

    @property
    def port(self) -> int:
        port: int = self.service.address.port
        return port

    def run(self, role: str, command: str, *options: str, given: str = "") -> Any:
        return self.client.run(self.accounts[role], command, *options, given=given)

    def at_terminal(self, role: str, play: Callable[[Terminal], Any], *words: str) -> Any:
        return self.client.at_terminal(self.accounts[role], play, *words)

    async def until(self, what: Callable[[], bool]) -> None:
        """Let the reactor turn until `what` holds; the limit of the test is the limit."""
        while not what():
            await deferLater(self._reactor, 0.005, lambda: None)


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Account]:
    directory = tmp_path_factory.mktemp("keys")
    return {role: make_account(directory, role, kind) for role, kind in _KINDS.items()}


@pytest.fixture
def settings(tmp_path: Path, accounts: dict[str, Account]) -> Settings:
    for role in ("admin", "operate", "read"):
        path = tmp_path / role
        path.write_text(accounts[role].line)
        path.chmod(0o600)
    return Settings(
        parse_endpoint("127.0.0.1:0"),
        tmp_path / "admin",
        tmp_path / "operate",
        tmp_path / "read",
        tmp_path / "host_key",
    )


Start = Callable[..., Running]


@pytest.fixture
def start(
    settings: Settings, accounts: dict[str, Account], real_reactor: PosixReactorBase
) -> Iterator[Start]:
    """`start(**changed settings)` starts a console, which is stopped after the test."""
    started: list[Running] = []

    def start(**changes: Any) -> Running:
        started.append(Running(replace(settings, **changes), accounts, real_reactor))
        return started[-1]

    yield start
    for running in started:
        pytest_twisted.blockon(running.service.stopService())


@pytest.mark.parametrize("role", ["admin", "operate", "read"])
@pytest_twisted.ensureDeferred
async def test_ed25519_rsa_and_ecdsa_keys_log_in_with_the_role_of_their_file(start: Start, role: str) -> None:
    running = start()
    seen = await running.run(role, "servers app")
    assert (seen.returncode, seen.stderr) == (0, "")
    assert seen.stdout.splitlines()[1] == "app/ecs01  healthy    100"
    changed = await running.run(role, "remove app/ecs01")
    assert changed.returncode == (1 if role == "read" else 0)
    assert [asked[1] for asked in running.balancer.asked][1:] == ([] if role == "read" else ["remove"])


@pytest_twisted.ensureDeferred
async def test_the_role_that_does_not_reach_is_told_so_on_standard_error(start: Start) -> None:
    refused = await start().run("read", "remove app/ecs01")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "remove needs the role operate; this key has read\n"


@pytest.mark.parametrize("command", ["servers", ""])
@pytest_twisted.ensureDeferred
async def test_a_key_that_no_file_has_is_refused(start: Start, command: str) -> None:
    running = start()
    refused = await running.run("stranger", command)
    assert refused.returncode == 255
    assert "Permission denied (publickey)" in refused.stderr
    assert running.balancer.asked == []


@pytest_twisted.ensureDeferred
async def test_no_password_and_no_sha1(start: Start) -> None:
    running = start()
    for option in ("PreferredAuthentications=password", "PubkeyAcceptedAlgorithms=ssh-rsa"):
        refused = await running.run("operate", "servers", "-o", option)
        assert refused.returncode == 255
    assert running.balancer.asked == []


@pytest_twisted.ensureDeferred
async def test_a_key_may_log_in_from_the_moment_its_file_has_it(start: Start, settings: Settings) -> None:
    running = start()
    assert (await running.run("stranger", "servers")).returncode == 255
    assert settings.read_keys is not None
    settings.read_keys.write_text(running.accounts["stranger"].line)
    assert (await running.run("stranger", "servers")).returncode == 0
    assert (await running.run("read", "servers")).returncode == 255


@pytest.mark.parametrize(
    ("command", "status"),
    [("status", 0), ("remove app/none", 1), ("remove", 2), ("nonsense", 2), ("remove app/cut", 3)],
)
@pytest_twisted.ensureDeferred
async def test_exit_statuses(start: Start, command: str, status: int) -> None:
    done = await start().run("operate", command)
    assert done.returncode == status
    assert bool(done.stdout) == (status in (0, 3))
    assert bool(done.stderr) == (status in (1, 2))


@pytest_twisted.ensureDeferred
async def test_json(start: Start) -> None:
    done = await start().run("read", "servers --json")
    assert [row["server"] for row in json.loads(done.stdout)] == ["app/ecs01", "app/ecs02"]


@pytest_twisted.ensureDeferred
async def test_a_large_answer_comes_whole(start: Start) -> None:
    running = start()
    running.balancer.rows = [{"server": f"app/{n}", "state": "x" * 50, "weight": n} for n in range(50_000)]
    done = await running.run("read", "servers")
    assert len(done.stdout.splitlines()) == 50_001


@pytest_twisted.ensureDeferred
async def test_standard_input_is_given_to_the_verb(start: Start) -> None:
    running = start()
    fragment = "x = 1\n" * 20_000
    done = await running.run("operate", "apply --prune", given=fragment)
    assert done.returncode == 0
    assert running.balancer.asked[0][2] == {"fragment": fragment, "prune": True}


@pytest_twisted.ensureDeferred
async def test_a_wait_without_a_terminal_has_a_line_of_progress(start: Start) -> None:
    running = start()
    done = running.run("operate", "remove app/ecs01 --wait")
    await running.until(lambda: bool(running.balancer.waits))
    running.balancer.waits[0].callback(Result({"server": "app/ecs01"}))
    finished = await done
    assert finished.returncode == 0
    assert finished.stderr == "app/ecs01: 12 connections left, 30 s left, 0.4/s\n"
    assert finished.stdout == "server  app/ecs01\n"


@pytest_twisted.ensureDeferred
async def test_a_client_that_goes_away_ends_the_waiting_and_nothing_else(start: Start) -> None:
    running = start()
    client = running.client.begin(running.accounts["operate"], "127.0.0.1", "remove app/ecs01 --wait")
    await running.until(lambda: bool(running.balancer.waits))
    with logged() as lines:
        client.kill()
        await deferToThread(client.communicate)
        await running.until(lambda: running.balancer.given_up == 1)
    assert [asked[1] for asked in running.balancer.asked] == ["remove"]
    assert lines[0].endswith("no longer waiting; what was begun goes on")


@pytest_twisted.ensureDeferred
async def test_control_c_at_a_terminal_ends_the_waiting(start: Start) -> None:
    running = start()

    def play(terminal: Terminal) -> int:
        terminal.until("12 connections left")
        terminal.type("\x03")
        terminal.until("what was begun goes on")
        return terminal.status()

    assert await running.at_terminal("operate", play, "remove app/ecs01 --wait") == 130
    assert running.balancer.given_up == 1


@pytest_twisted.ensureDeferred
async def test_a_shell_at_a_terminal(start: Start) -> None:
    running = start()

    def play(terminal: Terminal) -> int:
        terminal.until("lb> ")
        terminal.type("servers app\r")
        assert "app/ecs01" in terminal.until("50\r\n")
        terminal.type("answer + 1\r")
        terminal.until("43\r\n")
        terminal.type("rem\t --r\t'größe' app/ecs0\t1\r")
        terminal.until("app/ecs01\r\n")
        terminal.type("wait app/ecs01\r")
        terminal.until("wait")
        while not running.balancer.waits:
            terminal.type("")
        terminal.type("\x03")
        terminal.until("what was begun goes on")
        terminal.until("lb> ")
        terminal.resize(24)
        terminal.type("servers\r")
        while "…" not in terminal.until("\r\n\r"):
            terminal.type("servers\r")
        terminal.type("\x04")
        return terminal.status()

    assert await running.at_terminal("admin", play) == 0
    remove = next(asked for asked in running.balancer.asked if asked[1] == "remove")
    assert remove[2]["server"] == ["app/ecs01"]
    assert remove[2]["reason"] == "größe"
    assert running.balancer.given_up == 1


@pytest_twisted.ensureDeferred
async def test_a_shell_without_a_terminal_takes_lines_to_the_end_of_input(start: Start) -> None:
    running = start()
    done = await running.run("admin", "", given="servers\nanswer\nremove app/none\n")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "42"
    assert done.stderr == "app/none: there is no such server\n"


@pytest_twisted.ensureDeferred
async def test_an_admin_s_wait_does_not_hold_the_others(start: Start) -> None:
    running = start()
    waiting = running.run("admin", "", given="await lb.wait('app/ecs01')\n")
    await running.until(lambda: bool(running.balancer.waits))
    assert (await running.run("read", "servers")).returncode == 0
    running.balancer.waits[0].callback(Result("empty"))
    assert (await waiting).stdout == "'empty'\n"


@pytest_twisted.ensureDeferred
async def test_nothing_is_forwarded_and_there_is_no_subsystem(start: Start) -> None:
    running = start()
    forwarded = await running.run("admin", "", "-W", "127.0.0.1:1")
    assert forwarded.returncode == 255
    assert "stdio forwarding failed" in forwarded.stderr
    subsystem = await running.run("admin", "sftp", "-s")
    assert "subsystem request failed" in subsystem.stderr
    assert running.balancer.asked == []


@pytest_twisted.ensureDeferred
async def test_so_many_may_be_logged_in_and_no_more(start: Start) -> None:
    running = start(max_sessions=1)
    first = running.client.begin(running.accounts["read"], "127.0.0.1", "wait app/ecs01")
    await running.until(lambda: bool(running.balancer.waits))
    refused = await running.run("read", "servers")
    assert refused.returncode == 255
    assert "too many are logged in" in refused.stderr
    running.balancer.waits[0].callback(Result("empty"))
    await deferToThread(first.communicate)
    await running.until(lambda: not running.service._factory._connections)
    assert (await running.run("read", "servers")).returncode == 0


@pytest_twisted.ensureDeferred
async def test_an_idle_shell_is_closed_and_one_that_waits_is_not(start: Start) -> None:
    running = start(idle_timeout=0.3)
    waiting = running.run("read", "wait app/ecs01")
    await running.until(lambda: bool(running.balancer.waits))

    def play(terminal: Terminal) -> str:
        return terminal.until("idle for too long")

    await running.at_terminal("read", play)
    running.balancer.waits[0].callback(Result("empty"))
    assert (await waiting).returncode == 0


@pytest_twisted.ensureDeferred
async def test_stopping_closes_the_sessions_and_what_was_begun_goes_on(start: Start) -> None:
    running = start()
    waiting = running.run("operate", "remove app/ecs01 --wait")
    await running.until(lambda: bool(running.balancer.waits))
    await running.service.stopService()
    assert (await waiting).returncode == 255
    assert [asked[1] for asked in running.balancer.asked] == ["remove"]
    assert running.service.address is None


@pytest_twisted.ensureDeferred
async def test_one_source_may_log_in_as_often_as_it_likes(start: Start) -> None:
    running = start()
    assert running.service._factory is not None
    door = running.service._factory.door
    for _ in range(ARRIVALS - 2):
        assert door.admits(HERE)
    for _ in range(4):
        assert (await running.run("read", "servers")).returncode == 0
    assert [door.admits(HERE), door.admits(HERE)] == [True, True]


@pytest_twisted.ensureDeferred
async def test_a_client_that_has_its_answer_gets_the_exit_status_though_the_console_closes(
    start: Start,
) -> None:
    """Each of many: a disconnect that comes with the exit status wins often, not always."""
    for _ in range(10):
        running = start()
        asking = running.run("operate", "remove app/ecs01 --wait")
        waits = running.balancer.waits
        await running.until(partial(bool, waits))
        waits[0].callback(Result("done", Exit.CUT))
        await running.service.stopService()
        answer = await asking
        assert (answer.returncode, answer.stdout) == (Exit.CUT, "done\n")


@pytest.mark.parametrize("data", [b"GET / HTTP/1.0\r\n\r\n", b"SSH-2.0-x\r\n" + b"\0" * 64, b"SSH-9-x\r\n"])
@pytest_twisted.ensureDeferred
async def test_who_does_not_speak_ssh_is_closed_without_an_error(start: Start, data: bytes) -> None:
    running = start()

    def talk() -> bytes:
        with socket.create_connection(("127.0.0.1", running.port), timeout=10) as client:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            seen = b""
            while piece := _receive(client):
                seen += piece
            return seen

    assert (await deferToThread(talk)).startswith(b"SSH-2.0-")


def _receive(client: socket.socket) -> bytes:
    try:
        return client.recv(65536)
    except ConnectionResetError:
        return b""


@pytest_twisted.ensureDeferred
async def test_a_port_that_is_taken_fails_the_start(start: Start, real_reactor: PosixReactorBase) -> None:
    taken = real_reactor.listenTCP(0, ServerFactory(), interface="127.0.0.1")
    with pytest.raises(BindError, match="can't be opened"):
        start(endpoint=parse_endpoint(f"127.0.0.1:{taken.getHost().port}"))
    await taken.stopListening()


def test_a_host_key_that_can_not_be_had_fails_the_start(start: Start, settings: Settings) -> None:
    settings.host_key.write_text("no key")
    with pytest.raises(ConfigurationError, match="host_key"):
        start()


@pytest.mark.parametrize("text", ["unix:{}/socket", "tcp:0:interface=127.0.0.1"])
@pytest_twisted.ensureDeferred
async def test_other_endpoints(
    real_reactor: PosixReactorBase, tmp_path: Path, text: str, settings: Settings
) -> None:
    endpoint = parse_endpoint(text.format(tmp_path))
    service = ConsoleService(
        replace(settings, endpoint=endpoint), fake_verbs(), FakeBalancer(), FakeNames(), real_reactor
    )
    assert (service.address, service.fingerprint) == (None, "")
    service.startService()
    assert service.address is not None
    assert service.fingerprint.startswith("SHA256:")
    await service.stopService()
    assert service.address is None
