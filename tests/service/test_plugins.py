"""Kinds of schedulers and sources that other packages bring, in a folder of plugins of their own."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.interfaces import IServerSource, IServerSourceMaker
from lbtwist.model.address import Address
from lbtwist.model.plane import Member
from lbtwist.model.schedule import BUILT_IN
from lbtwist.service.plugins import scheduler_makers, source_makers

Flush = Callable[..., list[Failure]]
Install = Callable[..., ModuleType]

SCHEDULER = """
from twisted.plugin import IPlugin
from zope.interface import implementer

from lbtwist.interfaces import IScheduler, ISchedulerMaker


@implementer(IScheduler)
class Last:
    counting = False

    def update(self, members):
        self._members = members

    def order(self, client):
        return iter(self._members[::-1])

    def taken(self, number):
        pass

    def released(self, number):
        pass


@implementer(IPlugin, ISchedulerMaker)
class Maker:
    def __init__(self, name):
        self.name = name

    def make(self, chance):
        return Last()


"""

SOURCE = """
from twisted.plugin import IPlugin
from zope.interface import implementer

from lbtwist.interfaces import IServerSourceMaker


@implementer(IPlugin, IServerSourceMaker)
class Maker:
    def __init__(self, name):
        self.name = name

    def make(self, settings, port, reactor):
        raise ValueError("not here")


"""


@implementer(IServerSourceMaker)
class BuiltInSource:
    name = "file"

    def make(self, settings: object, port: int | None, reactor: object) -> IServerSource:
        raise NotImplementedError


FILE = BuiltInSource()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """`install(name=text)` makes a package of plugins with these modules."""
    name = f"plugins_of_{tmp_path.name}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)

    def install(**modules: str) -> ModuleType:
        for module, text in modules.items():
            (folder / f"{module}.py").write_text(text)
        return importlib.import_module(name)

    yield install
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[module]


def told(flush: Flush) -> list[str]:
    return [failure.getErrorMessage() for failure in flush()]


def test_only_what_is_built_in_where_there_are_no_plugins(install: Install) -> None:
    assert scheduler_makers(install()) == BUILT_IN
    assert source_makers({"file": FILE}, install()) == {"file": FILE}


def test_a_scheduler_of_somebody_else_is_found_by_its_name_and_chooses(install: Install) -> None:
    makers = scheduler_makers(install(theirs=SCHEDULER + 'last = Maker("last-first")'))
    assert list(makers) == [*BUILT_IN, "last-first"]
    scheduler = makers["last-first"].make(lambda: 0.0)
    group = [Member(number, f"app/s#{number}", Address("10.0.0.1", number), 100) for number in (1, 2)]
    scheduler.update(group)
    assert list(scheduler.order("192.0.2.1")) == group[::-1]


def test_a_source_of_somebody_else_is_found_by_its_name(install: Install) -> None:
    makers = source_makers({"file": FILE}, install(theirs=SOURCE + 'one = Maker("consul")'))
    assert list(makers) == ["file", "consul"]
    with pytest.raises(ValueError, match="not here"):
        makers["consul"].make({}, None, object())


def test_a_broken_source_is_told_and_left_out(install: Install, flush_logged_errors: Flush) -> None:
    assert source_makers({}, install(theirs=SOURCE + "del Maker.make\none = Maker('consul')")) == {}
    assert "IServerSourceMaker" in told(flush_logged_errors)[0]


def test_one_with_the_name_of_a_built_in_is_refused(install: Install, flush_logged_errors: Flush) -> None:
    assert scheduler_makers(install(theirs=SCHEDULER + 'mine = Maker("wrr")')) == BUILT_IN
    (line,) = told(flush_logged_errors)
    assert "theirs.Maker object" in line
    assert line.endswith("is left out: ValueError: its name wrr is taken")


def test_a_source_with_the_name_of_a_built_in_is_refused(
    install: Install, flush_logged_errors: Flush
) -> None:
    assert source_makers({"file": FILE}, install(theirs=SOURCE + 'mine = Maker("file")')) == {"file": FILE}
    assert "its name file is taken" in told(flush_logged_errors)[0]


def test_of_two_plugins_of_one_name_only_one_is_taken(install: Install, flush_logged_errors: Flush) -> None:
    package = install(theirs=SCHEDULER + 'one = Maker("last")\nother = Maker("last")')
    assert list(scheduler_makers(package)) == [*BUILT_IN, "last"]
    assert len(told(flush_logged_errors)) == 1


@pytest.mark.parametrize("name", ["None", "5", "''", "'a b'", "'a\\n'", "'x' * 64", "b'last'"])
def test_a_name_that_no_configuration_can_give(
    install: Install, flush_logged_errors: Flush, name: str
) -> None:
    assert scheduler_makers(install(theirs=SCHEDULER + f"one = Maker({name})")) == BUILT_IN
    assert "its name" in told(flush_logged_errors)[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("del Maker.make\none = Maker('last')", "BrokenImplementation"),
        ("Maker.make = lambda self: Last()\none = Maker('last')", "BrokenMethodImplementation"),
        ("class Nameless(Maker):\n    def __init__(self): pass\none = Nameless()", "name"),
        ("del Last.order\none = Maker('last')", "IScheduler"),
        ("Last.update = 5\none = Maker('last')", "update"),
        ("Maker.make = lambda self, chance: None\none = Maker('last')", "IScheduler.update"),
        ("def make(self, chance): 1 / 0\nMaker.make = make\none = Maker('last')", "ZeroDivisionError"),
    ],
)
def test_a_broken_one_is_told_and_the_others_are_found(
    install: Install, flush_logged_errors: Flush, text: str, problem: str
) -> None:
    package = install(broken=SCHEDULER + text, sound=SCHEDULER + "one = Maker('sound')")
    assert list(scheduler_makers(package)) == [*BUILT_IN, "sound"]
    (line,) = told(flush_logged_errors)
    assert problem in line
    assert "\n" not in line


def test_one_that_says_it_has_work_left_must_have_the_method(
    install: Install, flush_logged_errors: Flush
) -> None:
    text = "from lbtwist.interfaces import IIncremental\nLast = implementer(IIncremental)(Last)\n"
    assert scheduler_makers(install(theirs=SCHEDULER + text + "one = Maker('last')")) == BUILT_IN
    assert "rebuild" in told(flush_logged_errors)[0]


@pytest.fixture
def events() -> Iterator[list[LogEvent]]:
    """What is logged, as `twisted.python.log` tells it too."""
    events: list[LogEvent] = []

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        events.append(event)

    globalLogPublisher.addObserver(observe)
    yield events
    globalLogPublisher.removeObserver(observe)


def test_a_module_that_cannot_be_imported_is_told_and_the_others_are_found(
    install: Install, events: list[LogEvent], flush_logged_errors: Flush
) -> None:
    package = install(
        broken="raise RuntimeError('no such library')", sound=SCHEDULER + "one = Maker('sound')"
    )
    assert list(scheduler_makers(package)) == [*BUILT_IN, "sound"]
    assert ["no such library" in str(event.get("failure")) for event in events] == [True]
    flush_logged_errors(RuntimeError)


def test_by_default_those_of_twisted_plugins() -> None:
    """The project's own folder is among them, and adds no scheduler."""
    assert scheduler_makers() == BUILT_IN
