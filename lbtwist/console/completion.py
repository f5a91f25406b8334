"""What Tab offers: verbs, their options, and the names of what there is."""

from __future__ import annotations

import keyword
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os.path import commonprefix
from typing import Any, Protocol

from lbtwist.console.command import typed
from lbtwist.service.verbs.verb import Kind, Parameter, Role, Verb

_PYTHON_NAME = re.compile(r"(?<![\w.\])])[A-Za-z_][\w.]*$")


class INames(Protocol):
    """The names of what the balancer has at this moment."""

    def groups(self) -> list[str]:
        """Server groups: `app`."""

    def servers(self) -> list[str]:
        """Servers: `app/ecs01`."""

    def registrations(self) -> list[str]:
        """Registrations, those that are leaving too: `app/ecs01#7`."""

    def listeners(self) -> list[str]:
        """Listeners: `web`."""


@dataclass(frozen=True, slots=True)
class Completion:
    """The words that may stand where the last word of a line is being typed."""

    typed: str
    """What there is of the word."""
    words: tuple[str, ...] = ()

    @property
    def more(self) -> str:
        """What can be added to the line without a choice; a space ends a word that is whole."""
        common = commonprefix(self.words)[len(self.typed) :]  # noqa: RUF071 - by character
        return (
            common + " " if len(self.words) == 1 and not self.words[0].endswith((".", "=", "/")) else common
        )


def complete_command(line: str, verbs: Mapping[str, Verb], role: Role, names: INames) -> Completion:
    """What the last word of `line`, typed up to the cursor, may become as a command."""
    before, word = _split(line)
    if before is None:
        return Completion(word)
    verb = _verb_of(before, verbs)
    if verb is None:
        rest = " ".join([*before, ""])
        allowed = (name for name, verb in verbs.items() if verb.role <= role and name.startswith(rest))
        return _matching(word, (name.removeprefix(rest).split()[0] for name in allowed))
    longer = (name.split()[1] for name in verbs if name.startswith(verb.name + " ") and len(before) == 1)
    candidates = _candidates(verb, before[len(verb.name.split()) :], word, verbs, names)
    return _matching(word, [*candidates, *longer])


def _split(line: str) -> tuple[list[str] | None, str]:
    """The whole words before the cursor, None where a quote is open, and the one being typed."""
    start = line.rfind(" ") + 1
    try:
        return shlex.split(line[:start]), line[start:]
    except ValueError:
        return None, line[start:]


def _verb_of(words: Sequence[str], verbs: Mapping[str, Verb]) -> Verb | None:
    return verbs.get(" ".join(words[:2])) or verbs.get(words[0]) if words else None


def _matching(word: str, candidates: Iterable[str]) -> Completion:
    return Completion(word, tuple(sorted({text for text in candidates if text.startswith(word)})))


def _candidates(
    verb: Verb, before: Sequence[str], word: str, verbs: Mapping[str, Verb], names: INames
) -> Iterable[str]:
    options = {parameter.flag: parameter for parameter in typed(verb) if parameter.option}
    awaited = options.get(before[-1]) if before else None
    if awaited is not None and awaited.kind is not Kind.FLAG:
        return _values(awaited, word, verbs, names)
    if word.startswith("-"):
        return [flag for flag in (*options, "--json", "--help") if flag not in before]
    place = _place(verb, before, options)
    return _values(place, word, verbs, names) if place is not None else ()


def _place(verb: Verb, before: Sequence[str], options: Mapping[str, Parameter]) -> Parameter | None:
    """The positional parameter that comes after the words `before`."""
    filled = 0
    words = iter(before)
    for word in words:
        if not word.startswith("-"):
            filled += 1
        elif word in options and options[word].kind is not Kind.FLAG:
            next(words, None)
    places = [parameter for parameter in typed(verb) if not parameter.option]
    if filled < len(places):
        return places[filled]
    return places[-1] if places and places[-1].many else None


def _values(parameter: Parameter, word: str, verbs: Mapping[str, Verb], names: INames) -> Iterable[str]:
    match parameter.kind:
        case _ if parameter.choices:
            return parameter.choices
        case Kind.SERVER:
            return names.registrations() if "#" in word else names.servers()
        case Kind.GROUP:
            return names.groups()
        case Kind.GROUP_OR_SERVER:
            return [*names.groups(), *names.servers()]
        case Kind.LISTENER:
            return names.listeners()
        case Kind.VERB:
            return verbs
        case Kind.TIMEOUT:
            return ["never"]
        case _:
            return ()


def complete_python(line: str, namespace: Mapping[str, Any]) -> Completion:
    """What the name at the end of `line` may become: a name, or an attribute of what it denotes.

    Attributes are looked up, nothing is called but the properties on the way;
    where one raises, nothing is offered.
    """
    match = _PYTHON_NAME.search(line)
    if match is None:
        return Completion("")
    path, dot, word = match.group().rpartition(".")
    if not dot:
        found = _matching(word, [*namespace, *keyword.kwlist])
        return found if word else Completion(word)
    attributes = [name for name in _attributes(path, namespace) if word.startswith("_") or name[:1] != "_"]
    return _matching(word, attributes)


def _attributes(path: str, namespace: Mapping[str, Any]) -> list[str]:
    first, *rest = path.split(".")
    try:
        value = namespace[first]
        for name in rest:
            value = getattr(value, name)
        return dir(value)
    except Exception:  # any object's own code may run here
        return []
