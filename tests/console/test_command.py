"""Lines become verbs and arguments, or one clear line that says why not."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.console.command import MAX_LINE, Command, help_text, parse, takes_input, usage
from lbtwist.errors import UsageError
from tests.console.fakes import fake_verbs

VERBS = fake_verbs()


def read(line: str) -> Command:
    return parse(line, VERBS)


def refusal(line: str) -> str:
    with pytest.raises(UsageError) as caught:
        read(line)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_verb_without_arguments() -> None:
    command = read("  status ")
    assert (command.verb.name, command.arguments, command.json, command.help) == ("status", {}, False, False)


def test_several_values_flags_and_options_in_any_order() -> None:
    command = read("remove --wait app/ecs01 --timeout=15 'app/ecs 02' --reason \"two words\" --json")
    assert command.json
    assert command.arguments == {
        "server": ["app/ecs01", "app/ecs 02"],
        "timeout": 15.0,
        "wait": True,
        "reason": "two words",
    }


def test_an_option_takes_the_next_word() -> None:
    assert read("remove a/b --timeout 500ms").arguments["timeout"] == 0.5


@pytest.mark.parametrize(
    ("text", "seconds"), [("15", 15), ("0.5", 0.5), ("500ms", 0.5), ("30s", 30), ("5m", 300), ("1h", 3600)]
)
def test_durations(text: str, seconds: float) -> None:
    assert read(f"wait a/b --limit {text}").arguments["limit"] == seconds


@pytest.mark.parametrize("text", ["", "-1", "1d", "1e3", "nan", "inf", "1 m", "5M", "never", "٣"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    assert refusal(f"wait a/b '--limit={text}'").startswith("wait: --limit LIMIT: ")


def test_only_a_timeout_may_be_never() -> None:
    assert read("remove a/b --timeout never").arguments["timeout"] == math.inf


@pytest.mark.parametrize("text", ["1.5", "+1", "0x10", "٣", "9" * 19, "many"])
def test_a_weight_is_a_whole_number(text: str) -> None:
    assert "WEIGHT" in refusal(f"weight a/b {text}")


def test_a_choice_is_one_of_those_named() -> None:
    assert read("wait a/b --until healthy").arguments["until"] == "healthy"
    assert "'soon' is not one of empty, healthy" in refusal("wait a/b --until soon")


def test_after_two_dashes_everything_is_a_value() -> None:
    assert read("remove -- --wait --help").arguments == {"server": ["--wait", "--help"]}


def test_a_name_of_two_words_goes_first() -> None:
    assert read("remove listener web").verb.name == "remove listener"
    assert read("remove app/ecs01").verb.name == "remove"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "a verb is missing"),
        ("remvoe a/b", "no verb 'remvoe'; did you mean remove?"),
        ("xyzzy", "no verb 'xyzzy'; help lists them"),
        ("remove", "remove: SERVER is missing; usage: remove SERVER..."),
        ("weight a/b", "weight: WEIGHT is missing"),
        ("status now", "status: 'now' is too much"),
        ("remove a/b --now", "remove: no option --now"),
        ("remove a/b -w", "remove: no option -w"),
        ("remove a/b --timeout", "remove: --timeout needs a value"),
        ("remove a/b --timeout --wait", "remove: --timeout needs a value"),
        ("remove a/b --wait=yes", "remove: --wait takes no value"),
        ("remove a/b --wait --wait", "remove: --wait is given twice"),
        ("remove ''", "remove: SERVER: it is empty"),
        ("remove 'a", "no closing quotation"),
        ("status --json=1", "status: no option --json"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(line: str, said: str) -> None:
    assert refusal(line).startswith(said)


def test_a_line_that_is_too_long_is_refused() -> None:
    read("remove " + "a" * (MAX_LINE - 7))
    assert "longer than" in refusal("remove " + "a" * (MAX_LINE - 6))


@pytest.mark.parametrize("line", ["remove --help", "remove a/b -h", "remove --nonsense --help"])
def test_help_of_a_verb_needs_nothing_else(line: str) -> None:
    assert read(line) == Command(VERBS["remove"], help=True)


def test_the_usage_shows_what_is_needed() -> None:
    assert usage(VERBS["wait"]) == "wait SERVER [--until empty|healthy] [--limit LIMIT] [--json]"
    assert usage(VERBS["apply"]) == "apply [GROUP] [--prune] [--json]"


def test_the_help_has_each_parameter_that_says_what_it_is() -> None:
    assert help_text(VERBS["remove"]).splitlines() == [
        "usage: remove SERVER... [--timeout TIMEOUT] [--wait] [--reason REASON] [--json]",
        "",
        "Deregisters: drain, then gone.",
        "",
        "  SERVER             the servers",
        "  --timeout TIMEOUT  of the drain",
        "  --wait             until it is gone",
    ]


def test_which_commands_read_standard_input() -> None:
    assert takes_input("apply --prune", VERBS)
    assert not takes_input("apply --help", VERBS)
    assert not takes_input("apply --wrong", VERBS)
    assert not takes_input("status", VERBS)


@given(st.text(st.characters(), max_size=60))
def test_any_line_is_a_command_or_a_usage_error(text: str) -> None:
    for line in (text, f"remove {text}", f"wait a/b --limit {text}"):
        with contextlib.suppress(UsageError):
            read(line)
