"""The access log of a load balancer: from its settings to the file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.python.failure import Failure

from lbtwist.errors import ConfigurationError
from lbtwist.model.config import AccessLogSettings
from lbtwist.service.access_log.service import AccessLog, check_file
from tests.conftest import LoggedError
from tests.service.access_log.records import record
from tests.service.bench import Bench

TOML = '[listeners.web]\nendpoint = 8080\nprotocol = "tcp"\n[server_groups.app]\nservers = ["10.0.0.1:80"]\n'


def settings(path: Path, format: str = "json") -> AccessLogSettings:
    return AccessLogSettings(path=path, format=format)


@pytest_twisted.ensureDeferred
async def test_it_hears_the_data_plane_and_writes_all_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    bench = Bench(TOML)
    service = AccessLog(settings(path), bench.balancer, reactor)
    service.setServiceParent(bench.balancer)
    writer: Any = bench.plane.access
    writer.over(record())
    await service.disownServiceParent()
    assert [json.loads(line)["target"] for line in path.read_text().splitlines()] == ["/a?b=c"]
    bench.balancer.reopen_logs()
    assert bench.timers == 0


@pytest_twisted.ensureDeferred
async def test_logs_are_reopened_through_the_balancer(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    bench = Bench(TOML)
    service = AccessLog(settings(path, "haproxy"), bench.balancer, reactor)
    service.setServiceParent(bench.balancer)
    writer: Any = bench.plane.access
    writer.over(record())
    bench.balancer.reopen_logs()
    await service.disownServiceParent()
    assert path.read_text().startswith("192.0.2.1:50000 [")


@pytest_twisted.ensureDeferred
async def test_lines_that_are_dropped_are_counted_for_the_metrics(
    flush_logged_errors: Callable[..., list[Failure]],
) -> None:
    bench = Bench(TOML)
    assert bench.balancer.dropped_lines() == 0
    service = AccessLog(settings(Path("/dev/full")), bench.balancer, reactor)
    service.setServiceParent(bench.balancer)
    writer: Any = bench.plane.access
    for _ in range(3):
        writer.over(record())
    await service.disownServiceParent()
    assert bench.balancer.dropped_lines() == 3
    assert len(flush_logged_errors(LoggedError)) == 1


def test_a_path_that_can_not_be_written_is_told_before_anything_is_made(tmp_path: Path) -> None:
    check_file(Path("-"))
    check_file(tmp_path / "new.log")
    assert os.listdir(tmp_path) == []
    for path, why in (
        (tmp_path, "is a directory"),
        (tmp_path / "none" / "access.log", f"{tmp_path}/none is no directory"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            AccessLog(settings(path), Bench(TOML).balancer, reactor)
        assert str(caught.value) == f"access_log.path: {path} can't be written: {why}"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_the_right_to_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigurationError, match="permission denied"):
        check_file(tmp_path / "access.log")
