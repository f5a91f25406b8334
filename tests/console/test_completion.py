"""What Tab offers."""

from __future__ import annotations

import pytest

from lbtwist.console.completion import Completion, complete_command, complete_python
from lbtwist.service.verbs import registry
from lbtwist.service.verbs.verb import Role
from tests.console.fakes import FakeNames, fake_verbs

VERBS = fake_verbs()


def offered(line: str, role: Role = Role.ADMIN) -> tuple[str, ...]:
    return complete_command(line, VERBS, role, FakeNames()).words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("s", ("servers", "status")),
        ("rem", ("remove",)),
        ("remove ", ("api/one", "app/ecs01", "app/ecs02", "listener")),
        ("remove listener ", ("admin-web", "web")),
        ("remove app/ecs01 app/", ("app/ecs01", "app/ecs02")),
        ("remove app/ecs01#", ("app/ecs01#1", "app/ecs01#7")),
        ("remove app/ecs01 --t", ("--timeout",)),
        ("remove app/ecs01 --timeout ", ("never",)),
        ("remove --wait app/ecs01 --w", ()),
        ("remove app/ecs01 --", ("--help", "--json", "--reason", "--timeout", "--wait")),
        ("remove --reason x app/", ("app/ecs01", "app/ecs02")),
        ("wait app/ecs01 --until ", ("empty", "healthy")),
        ("wait app/ecs01 ", ()),
        ("servers ", ("api", "app")),
        ("servers 'a", ()),
        ("nonsense ", ()),
    ],
)
def test_what_is_offered(line: str, words: tuple[str, ...]) -> None:
    assert offered(line) == words


def test_a_request_s_way_is_asked_of_a_listener() -> None:
    def of(line: str) -> tuple[str, ...]:
        return complete_command(line, registry.VERBS, Role.READ, FakeNames()).words

    assert of("rou") == ("route",)
    assert of("route ") == ("admin-web", "web")
    assert of("route web ") == ()
    assert of("route web /a --c") == ("--client", "--cookie")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("get ", ("listeners.", "server_groups.")),
        ("set ser", ("server_groups.",)),
        ("set server_groups.a", ("server_groups.api.", "server_groups.app.")),
        ("unset server_groups.ap", ("server_groups.api.", "server_groups.app.")),
        ("set server_groups.app.x ", ()),
    ],
)
def test_the_paths_of_settings_are_offered(line: str, words: tuple[str, ...]) -> None:
    assert complete_command(line, registry.VERBS, Role.ADMIN, FakeNames()).words == words


def test_a_role_is_offered_its_own_verbs() -> None:
    assert offered("", Role.READ) == ("servers", "status", "wait")
    assert "remove" in offered("", Role.OPERATE)


def test_what_is_added_without_a_choice() -> None:
    assert Completion("s", ("servers", "status")).more == ""
    assert Completion("ap", ("app/a", "app/b")).more == "p/"
    assert Completion("stat", ("status",)).more == "us "
    assert Completion("x").more == ""


class Thing:
    colour = "red"
    _hidden = 1

    def __init__(self) -> None:
        self.called = 0

    @property
    def broken(self) -> str:
        raise RuntimeError("no")

    def call(self) -> Thing:
        self.called += 1
        return self


def test_python_names_and_attributes() -> None:
    thing = Thing()
    namespace = {"thing": thing, "other": 1}
    assert complete_python("x = thi", namespace).words == ("thing",)
    assert complete_python("thing.c", namespace).words == ("call", "called", "colour")
    assert complete_python("thing._h", namespace).words == ("_hidden",)
    assert "_hidden" not in complete_python("thing.", namespace).words
    assert complete_python("awa", namespace).words == ("await",)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('x = groups["', ('"api"]', '"app"]')),
        ("groups['ap", ("'api']", "'app']")),
        ("groups[", ('"api"]', '"app"]')),
        ('groups["app"].col', ("colour",)),
        ("groups['app'].", ("call", "called", "colour")),
        ("rows[1].col", ("colour",)),
        ('f(groups["api"].cal', ("call", "called")),
        ('rows[0]["', ('"k"]',)),
        ('groups["none"].', ()),
        ("rows[9].", ()),
        ('groups["app"]["', ()),
        ("groups.", ()),
    ],
)
def test_keys_in_brackets_and_what_is_behind_them(line: str, words: tuple[str, ...]) -> None:
    thing = Thing()
    groups = {"app": thing, "api": thing, 3: thing, "it's": thing, "a\nb": thing}
    namespace = {"groups": groups, "rows": [{"k": 1}, thing]}
    found = complete_python(line, namespace)
    assert tuple(word for word in found.words if "broken" not in word) == (
        tuple(name for name in dir({}) if name[:1] != "_") if line == "groups." else words
    )
    assert thing.called == 0


def test_python_is_completed_without_a_space_after_it() -> None:
    assert complete_python('groups["ap', {"groups": {"app": 1}}).more == 'p"]'
    assert complete_python("grou", {"groups": 1}).more == "ps"
    assert complete_python("thing.colo", {"thing": Thing()}).more == "ur"


@pytest.mark.parametrize(
    "line", ["thing.call().co", "nothing.a", "thing.broken.a", "thing.nothing.a", "1 + ", "", "x["]
)
def test_nothing_is_called_to_complete(line: str) -> None:
    thing = Thing()
    assert complete_python(line, {"thing": thing}).words == ()
    assert thing.called == 0
