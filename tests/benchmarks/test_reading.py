"""What is read of other programs, of the kernel and of the command line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from benchmarks.__main__ import LIMIT, chosen, leave_out, parsed
from benchmarks.cases import ALL
from benchmarks.cases.checks import requests_in
from benchmarks.figures import Usage
from benchmarks.load.iperf import received
from benchmarks.load.steady import Latencies
from benchmarks.load.wrk import reported
from benchmarks.processes import TICK, Failed, family, usage_in
from benchmarks.programs import missing, version_in
from benchmarks.proxies import available
from benchmarks.results import Measured, Results


def test_the_report_of_wrk_is_its_line_of_json() -> None:
    said = 'Running 1s test @ http://127.0.0.1:1/\n{"requests": 5, "errors": 1}\nRequests/sec: 5\n'
    assert reported(said) == {"requests": 5, "errors": 1}


def test_wrk_without_a_report_has_failed() -> None:
    with pytest.raises(Failed, match="unable to connect"):
        reported("unable to connect")


def test_iperf_tells_what_was_received_not_what_was_sent() -> None:
    told = {"sum_sent": {"bytes": 9e6, "seconds": 1}, "sum_received": {"bytes": 5e6, "seconds": 2.0}}
    assert received(json.loads(json.dumps({"end": told}))) == (5.0, 2.0)


def test_nginx_tells_its_requests_as_the_third_number() -> None:
    page = "Active connections: 1 \nserver accepts handled requests\n 16 16 31 \nReading: 0 Writing: 1\n"
    assert requests_in(page) == 31
    with pytest.raises(Failed, match="404"):
        requests_in("404 Not Found")


def test_cpu_is_read_after_a_name_with_blanks_and_brackets() -> None:
    fields = " ".join(str(number) for number in range(4, 30))
    assert usage_in(f"12 (a) b (c) R {fields}") == Usage(14 * TICK, 15 * TICK)


def test_a_process_without_children_is_its_own_family() -> None:
    assert next(iter(family(os.getpid()))) == os.getpid()


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("nginx version: nginx/1.22.1\n", "1.22.1"),
        ("HAProxy version 2.6.12-1+deb12u4 2026/10/17", "2.6.12"),
        ("wrk debian/4.1.0-3+b2 [epoll]", "4.1.0"),
        ("iperf 3.12 (cJSON 1.7.15)", "3.12"),
        ("no idea", "unknown"),
    ],
)
def test_versions(said: str, version: str) -> None:
    assert version_in(said) == version


def test_a_missing_program_is_told_and_its_proxy_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("benchmarks.programs.SEARCHED", str(tmp_path))
    assert available() == ["lbtwist"]
    told = missing()
    assert [line.partition(" ")[0] for line in told] == ["haproxy", "nginx", "wrk", "iperf3"]
    assert "apt install haproxy" in told[0]


def test_a_case_is_chosen_by_its_name_or_its_beginning() -> None:
    assert [case.name for case in chosen(["tcp-kept", "memory"])] == ["tcp-kept-1", "tcp-kept-32", "memory"]
    assert [case.name for case in chosen(["tcp-kept-1"])] == ["tcp-kept-1"]
    assert chosen([]) == list(ALL)


def test_an_unknown_case_is_told_with_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(["tcp", "udp"])
    assert "no case udp: there are tcp-kept-1," in capsys.readouterr().err


def test_what_a_run_did_not_come_to_is_told() -> None:
    results = Results({}, [Measured("memory", "", [])], {"costs": "no log"})
    leave_out(results, chosen(["memory", "costs", "tail"]))
    assert results.left_out == {"costs": "no log", "tail": "the run ended before"}


def test_more_rounds_may_take_longer() -> None:
    assert [parsed(["--rounds", number]).limit for number in "136"] == [LIMIT, LIMIT, 2 * LIMIT]
    assert parsed(["--rounds", "6", "--limit", "5"]).limit == 5


def test_the_longest_wait_is_the_last_of_the_latencies() -> None:
    found = Latencies()
    with pytest.raises(Failed):
        _ = found.longest
    found.values += [3.0, 9.0, 1.0]
    assert (found.longest, found.percentile(50)) == (9.0, 3.0)
