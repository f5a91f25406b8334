"""Every verb can be called by what it says of itself."""

from __future__ import annotations

import inspect
from importlib import import_module
from keyword import iskeyword
from pkgutil import iter_modules

import pytest

from lbtwist.service import verbs
from lbtwist.service.verbs import editing, membership, registry, switching, taking_out
from lbtwist.service.verbs.registry import VERBS
from lbtwist.service.verbs.verb import Kind, Parameter, Role, Verb

each_verb = pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)


def test_every_room_of_verbs_is_there_and_no_name_twice() -> None:
    modules = [import_module(f"{verbs.__name__}.{each.name}") for each in iter_modules(verbs.__path__)]
    rooms = [module for module in modules if module is not registry]
    names = [verb.name for room in rooms for verb in getattr(room, "VERBS", ())]
    assert sorted([*names, "help"]) == sorted(VERBS)


@each_verb
def test_a_verb_is_known_by_its_name_and_says_what_it_does(verb: Verb) -> None:
    assert VERBS[verb.name] is verb
    assert verb.summary.endswith(".")


@each_verb
def test_the_function_takes_what_the_verb_says(verb: Verb) -> None:
    call, *arguments = inspect.signature(verb.run).parameters.values()
    assert call.name == "call"
    # A word of Python's, as `for`, has no name of its own there.
    named = [a for a in arguments if a.kind is not inspect.Parameter.VAR_KEYWORD]
    assert sorted(p.name for p in verb.parameters if not iskeyword(p.name)) == sorted(a.name for a in named)
    assert len(arguments) - len(named) == sum(iskeyword(p.name) for p in verb.parameters)
    required = {a.name for a in named if a.default is inspect.Parameter.empty}
    assert required == {p.name for p in verb.parameters if p.required}


@each_verb
def test_positions_come_in_the_order_of_the_function_and_optional_ones_last(verb: Verb) -> None:
    positional = [p for p in verb.parameters if not p.option]
    taken = [name for name in inspect.signature(verb.run).parameters if name != "call"]
    assert [p.name for p in positional] == taken[: len(positional)]
    assert [p.required for p in positional] == sorted((p.required for p in positional), reverse=True)
    assert [p for p in positional[:-1] if p.many] == []


@each_verb
def test_a_flag_is_an_option_and_every_option_says_what_it_is_for(verb: Verb) -> None:
    assert all(p.option for p in verb.parameters if p.kind is Kind.FLAG)
    assert all(p.help for p in verb.parameters if p.option)


@pytest.mark.parametrize(
    "name", ["status", "listeners", "groups", "servers", "connections", "drains", "wait"]
)
def test_who_may_only_read_may_look_and_wait(name: str) -> None:
    assert VERBS[name].role is Role.READ


@pytest.mark.parametrize(
    "verb",
    [*membership.VERBS, *taking_out.VERBS, *editing.VERBS, *switching.VERBS],
    ids=lambda verb: verb.name,
)
def test_what_changes_something_takes_an_operator(verb: Verb) -> None:
    assert verb.role is Role.OPERATE


@each_verb
def test_what_changes_something_takes_a_dry_run_and_a_reason(verb: Verb) -> None:
    """But a check that is made now, and a look at what may be secret."""
    if verb.role > Role.READ and verb.name not in ("probe", "diff"):
        assert {"--dry-run", "--reason"} <= {p.flag for p in verb.parameters if p.option}


@pytest.mark.parametrize(
    ("name", "more"),
    [("remove", set()), ("drain", {"--host"}), ("maint", {"--host", "--for", "--now"})],
)
def test_the_verbs_that_drain_have_the_documented_options(name: str, more: set[str]) -> None:
    options = {p.flag for p in VERBS[name].parameters if p.option}
    assert options == {"--timeout", "--wait", "--limit", "--force", "--dry-run", "--reason"} | more


def test_an_option_is_typed_with_dashes() -> None:
    assert Parameter("dry_run", Kind.FLAG, option=True).flag == "--dry-run"
