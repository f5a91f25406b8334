"""A line becomes a verb and its arguments, by what the verb declares."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from lbtwist.errors import UsageError
from lbtwist.model.duration import parse_duration
from lbtwist.service.verbs.verb import Kind, Parameter, Verb

MAX_LINE = 8192
"""Bytes of one line; longer ones are refused."""

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,3})?")
_NUMBER = re.compile(r"[0-9]{1,18}")
_HELP = ("--help", "-h")


@dataclass(frozen=True, slots=True)
class Command:
    """What was typed: a verb, its arguments by name, and how the answer is wanted."""

    verb: Verb
    arguments: dict[str, object] = field(default_factory=dict)
    json: bool = False
    help: bool = False
    """Show the usage; `arguments` is then empty."""


def parse(line: str, verbs: Mapping[str, Verb]) -> Command:
    """The command that `line` is. Raises UsageError with one line that says what is wrong."""
    verb, words = find(split(line), verbs)
    if any(word in _HELP for word in _before_dashes(words)):
        return Command(verb, help=True)
    return _Reading(verb, words).command()


def split(line: str) -> list[str]:
    """The words of `line`, quoted as in a shell; raises UsageError."""
    if len(line.encode("utf-8", "surrogatepass")) > MAX_LINE:
        raise UsageError(f"the line is longer than {MAX_LINE} bytes")
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"{error}".lower()) from None


def find(words: Sequence[str], verbs: Mapping[str, Verb]) -> tuple[Verb, list[str]]:
    """The verb that `words` begin with, and the rest; a name of two words goes first."""
    if not words:
        raise UsageError("a verb is missing; help lists them")
    for count in (2, 1):
        verb = verbs.get(" ".join(words[:count])) if len(words) >= count else None
        if verb is not None:
            return verb, list(words[count:])
    near = get_close_matches(words[0], verbs, n=1)
    hint = f"did you mean {near[0]}?" if near else "help lists them"
    raise UsageError(f"no verb {words[0]!r}; {hint}")


def parse_value(parameter: Parameter, text: str) -> object:
    """What a verb is given for `text`; raises ValueError with what is allowed."""
    if not text:
        raise ValueError("it is empty")
    if parameter.choices and text not in parameter.choices:
        raise ValueError(f"{text!r} is not one of {', '.join(parameter.choices)}")
    match parameter.kind:
        case Kind.TIMEOUT if text == "never":
            return math.inf
        case Kind.DURATION | Kind.TIMEOUT:
            return float(text) if _SECONDS.fullmatch(text) else parse_duration(text)
        case Kind.NUMBER | Kind.WEIGHT:
            return _parse_number(text)
        case _:
            return text


def _parse_number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is not a number")
    return int(text)


def typed(verb: Verb) -> tuple[Parameter, ...]:
    """The parameters of `verb` that stand on the line."""
    return tuple(parameter for parameter in verb.parameters if parameter.kind is not Kind.INPUT)


def input_of(verb: Verb) -> Parameter | None:
    """The parameter of `verb` that is its standard input."""
    return next((parameter for parameter in verb.parameters if parameter.kind is Kind.INPUT), None)


def reads_input(command: Command) -> Parameter | None:
    """The parameter of `command` that is its standard input, where that is to be read."""
    parameter = input_of(command.verb)
    if parameter is None or command.help or parameter.unless in command.arguments:
        return None
    return parameter


def takes_input(line: str, verbs: Mapping[str, Verb]) -> bool:
    """Whether the command that `line` is reads standard input; not where it is no command."""
    try:
        command = parse(line, verbs)
    except UsageError:
        return False
    return reads_input(command) is not None


def usage(verb: Verb) -> str:
    """The one line that shows how `verb` is written."""
    return " ".join([verb.name, *(_shown(parameter) for parameter in typed(verb)), "[--json]"])


def help_text(verb: Verb) -> str:
    """The usage of `verb`, what it does, and each parameter that says what it is."""
    told = [(_word(parameter), parameter.help) for parameter in typed(verb) if parameter.help]
    width = max((len(word) for word, _ in told), default=0)
    return "\n".join(
        [f"usage: {usage(verb)}", "", verb.summary, *([""] if told else [])]
        + [f"  {word:{width}}  {text}" for word, text in told]
    )


def _word(parameter: Parameter) -> str:
    value = "|".join(parameter.choices) or parameter.name.upper().rstrip("_").replace("_", "-")
    if not parameter.option:
        return value
    return parameter.flag if parameter.kind is Kind.FLAG else f"{parameter.flag} {value}"


def _shown(parameter: Parameter) -> str:
    word = _word(parameter) + ("..." if parameter.many else "")
    return word if parameter.required else f"[{word}]"


def _before_dashes(words: Sequence[str]) -> Sequence[str]:
    return words[: words.index("--")] if "--" in words else words


class _Reading:
    """The words after a verb on their way to its arguments."""

    def __init__(self, verb: Verb, words: Iterable[str]) -> None:
        self._verb = verb
        self._words = iter(words)
        self._options = {parameter.flag: parameter for parameter in typed(verb) if parameter.option}
        self._places = [parameter for parameter in typed(verb) if not parameter.option]
        self._values: list[str] = []
        self._arguments: dict[str, object] = {}
        self._json = False

    def command(self) -> Command:
        for word in self._words:
            if word == "--":
                self._values.extend(self._words)
            elif word.startswith("-") and len(word) > 1:
                self._read_option(word)
            else:
                self._values.append(word)
        self._place_values()
        self._demand_required()
        return Command(self._verb, self._arguments, self._json)

    def _read_option(self, word: str) -> None:
        flag, equals, value = word.partition("=")
        parameter = self._options.get(flag)
        if parameter is None and word == "--json":
            self._json = True
        elif parameter is None:
            raise self._wrong(f"no option {flag}")
        elif parameter.name in self._arguments:
            raise self._wrong(f"{flag} is given twice")
        elif parameter.kind is Kind.FLAG:
            if equals:
                raise self._wrong(f"{flag} takes no value")
            self._arguments[parameter.name] = True
        else:
            self._take(parameter, value if equals else self._next_for(flag))

    def _next_for(self, flag: str) -> str:
        value = next(self._words, None)
        if value is None or value.startswith("--"):
            raise self._wrong(f"{flag} needs a value")
        return value

    def _take(self, parameter: Parameter, text: str) -> None:
        self._arguments[parameter.name] = self._value(parameter, text)

    def _value(self, parameter: Parameter, text: str) -> object:
        try:
            return parse_value(parameter, text)
        except ValueError as error:
            raise self._wrong(f"{_word(parameter)}: {error}") from None

    def _place_values(self) -> None:
        values = self._values
        for index, parameter in enumerate(self._places):
            if parameter.many:
                kept = sum(1 for later in self._places[index + 1 :] if later.required)
                taken, values = values[: len(values) - kept], values[len(values) - kept :]
                if taken:
                    self._arguments[parameter.name] = [self._value(parameter, text) for text in taken]
            elif values:
                self._take(parameter, values[0])
                values = values[1:]
        if values:
            raise self._wrong(f"{values[0]!r} is too much")

    def _demand_required(self) -> None:
        for parameter in typed(self._verb):
            if parameter.required and parameter.name not in self._arguments:
                raise self._wrong(f"{_word(parameter)} is missing")

    def _wrong(self, message: str) -> UsageError:
        return UsageError(f"{self._verb.name}: {message}; usage: {usage(self._verb)}")
