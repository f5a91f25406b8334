"""The guard of conftest.py: what tests/leaks.py leaves is found, each time in the test that left it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

HERE = Path(__file__).parent
LEFT = {
    "test_leaves_a_timer": "pending call: <DelayedCall",
    "test_leaves_a_port": "in the reactor: <<class 'twisted.internet.tcp.Port'>",
    "test_leaves_a_connection": "in the reactor: <<class 'twisted.internet.tcp.Client'>",
    "test_leaves_a_writer": "in the reactor: <tests.leaks.Writer",
    "test_leaves_a_descriptor": "-> /dev/null",
    "test_leaves_a_failure": "ValueError: nobody looks",
    "test_leaves_a_failure_in_a_cycle": "ValueError: nobody looks",
    "test_leaves_a_failure_by_a_fixture": "ValueError: nobody looks",
    "test_leaves_an_error_logged_as_text": "LoggedError: it went wrong",
    "test_leaves_an_exception_logged": "ValueError: caught",
    "test_leaves_an_error_of_another_type": "ValueError: caught",
}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ElementTree.Element]:
    """The tests of leaks.py by name, as JUnit's report has them after a run of their own."""
    report = tmp_path_factory.mktemp("guard") / "report.xml"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            f"--junit-xml={report}",
            HERE / "leaks.py",
        ],
        cwd=HERE.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        timeout=60,
    )
    return {case.attrib["name"]: case for case in ElementTree.parse(report).iter("testcase")}


@pytest.mark.parametrize("name", LEFT)
def test_what_is_left_behind_fails_the_test_and_is_named(
    cases: dict[str, ElementTree.Element], name: str
) -> None:
    error = cases[name].find("error")
    assert error is not None
    assert "left behind:" in (error.text or "")
    assert LEFT[name] in (error.text or "")


def test_a_hung_test_is_cancelled(cases: dict[str, ElementTree.Element]) -> None:
    hung = {name: case.find("failure") for name, case in cases.items() if name.startswith("test_hangs")}
    assert len(hung) == 3
    for failure in hung.values():
        assert failure is not None
        assert "TimeoutError: (0.05, 'Deferred')" in failure.attrib["message"]


def test_all_others_pass(cases: dict[str, ElementTree.Element]) -> None:
    others = [name for name in cases if name.startswith("test_clean")]
    assert len(others) == 13
    assert [name for name in others if len(cases[name])] == []


def test_every_leak_is_expected(cases: dict[str, ElementTree.Element]) -> None:
    assert {name for name in cases if name.startswith("test_leaves")} == set(LEFT)
