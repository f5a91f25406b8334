"""What a group's settings name is made, or refused before anything is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from lbtwist.errors import ConfigurationError
from lbtwist.interfaces import IServerSource
from lbtwist.model.address import Address
from lbtwist.model.config import GroupSettings
from lbtwist.net.dialing import IDialer
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.checks import Checks
from lbtwist.service.loading import Loaded
from lbtwist.service.makers import Makers, makers
from lbtwist.service.probes.http import HTTPCheck
from lbtwist.service.probes.tcp import TCPCheck
from lbtwist.service.reload import Reloader
from lbtwist.wire.proxy_header import proxy_header
from tests.net.fakes import FakeDialer
from tests.service.bench import Bench, config, group_settings
from tests.service.fakes import FakeDataPlane

NOBODY = cast(IDialer, object())
HTTPS = """
[server_groups.{name}]
servers = ["10.0.0.{number}:443"]
[server_groups.{name}.health_check]
type = "https"
ca = "{ca}"
"""


def made() -> Makers:
    return makers(Clock(), NOBODY, lambda: b"made")


def https(ca: Path, name: str = "app", number: int = 1) -> str:
    return HTTPS.format(ca=ca, name=name, number=number)


def problems(toml: str) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        made().check(config(toml).server_groups)
    return [str(problem) for problem in refused.value.problems]


def test_checks_are_made_by_their_type() -> None:
    assert isinstance(made().checks(group_settings(checks="")), Checks)
    assert isinstance(made().probe(group_settings(checks="")), TCPCheck)
    assert isinstance(made().probe(group_settings(checks='type = "http"')), HTTPCheck)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("checks", [None, "", 'type = "http"'])
def test_checks_of_servers_that_are_told_of_clients_are_our_own(version: int, checks: str | None) -> None:
    dialer = FakeDialer(Clock())
    probe = makers(Clock(), dialer, lambda: b"made").probe(group_settings(checks=checks, send_proxy=version))
    checking = probe.check(Address("10.0.0.1", 80))
    assert dialer.firsts == [proxy_header(version, None)]
    checking.addErrback(lambda failure: None).cancel()


@pytest.mark.parametrize("settings", [{"checks": ""}, {"checks": "port = 81", "send_proxy": 2}])
def test_other_servers_and_other_ports_are_told_nothing(settings: dict[str, Any]) -> None:
    dialer = FakeDialer(Clock())
    probe = makers(Clock(), dialer, lambda: b"made").probe(group_settings(**settings))
    checking = probe.check(Address("10.0.0.1", 80))
    assert dialer.firsts == [b""]
    checking.addErrback(lambda failure: None).cancel()


@pytest.mark.parametrize("checks", [None, 'type = "none"'])
def test_where_there_are_none_a_probe_is_whether_it_can_be_connected(checks: str | None) -> None:
    assert made().checks(group_settings(checks=checks)) is None
    assert isinstance(made().probe(group_settings(checks=checks)), TCPCheck)


def test_a_source_is_made_by_its_type() -> None:
    toml = '[server_groups.app.discovery]\ntype = "file"\npath = "/members"\n'
    assert IServerSource.providedBy(made().source(config(toml).server_groups["app"]))
    assert made().source(group_settings()) is None


def test_certificates_that_cannot_be_read_are_a_problem(tmp_path: Path) -> None:
    (problem,) = problems(https(tmp_path / "none.pem"))
    assert problem.startswith("server_groups.app.health_check: ")
    assert "No such file" in problem


def test_certificates_that_are_none_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    (problem,) = problems(https(tmp_path / "ca.pem"))
    assert problem.startswith("server_groups.app.health_check: ")


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    toml = https(tmp_path / "a.pem") + https(tmp_path / "b.pem", "api", 2)
    assert len(problems(toml)) == 2


class Picky:
    """Makers that refuse what the test says."""

    def __init__(self, bench: Bench) -> None:
        self.refused: set[str] = set()
        self._real = bench.world.makers

    @property
    def makers(self) -> Makers:
        return self._real._replace(source=self._source)

    def _source(self, settings: GroupSettings) -> Any:
        if settings.discovery is not None and settings.discovery.options.get("path") in self.refused:
            raise ValueError("that is not allowed here")
        return self._real.source(settings)


DISCOVERED = '[server_groups.app.discovery]\ntype = "file"\npath = "/members"\n'
OTHERS = '[server_groups.api.servers]\none = "10.0.1.1:80"\n'


def test_a_reload_with_what_cannot_be_made_changes_nothing(flush_logged_errors: Any) -> None:
    bench = Bench(OTHERS + DISCOVERED)
    picky = Picky(bench)
    bench.balancer.makers = picky.makers
    picky.refused = {"/secret"}
    before = bench.balancer.config
    wanted = OTHERS.replace("one", "renamed") + DISCOVERED.replace("/members", "/secret")
    caught: list[Failure] = []
    Reloader(bench.balancer, lambda: succeed(Loaded(config(wanted)))).reload().addErrback(caught.append)
    assert caught[0].getErrorMessage() == "server_groups.app.discovery: that is not allowed here"
    assert (bench.balancer.config, bench.rotation("api")) == (before, ["api/one#1"])
    assert bench.world.source.heard is not None
    flush_logged_errors()


def test_a_balancer_with_what_cannot_be_made_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"server_groups\.app\.health_check"):
        LoadBalancer(config(https(tmp_path / "none.pem")), FakeDataPlane(), Clock(), made())


def test_what_was_made_to_see_whether_it_can_be_does_nothing() -> None:
    bench = Bench(DISCOVERED)
    made_, watched = bench.world.sources
    assert (made_.heard, watched.heard is not None) == (None, True)
