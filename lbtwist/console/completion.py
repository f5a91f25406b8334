"""What Tab offers: verbs, their options, and the names of what there is."""

from __future__ import annotations

import keyword
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from os.path import commonprefix
from typing import Any, Protocol

from lbtwist.console.command import typed
from lbtwist.service.verbs.verb import Kind, Parameter, Role, Verb

_SUBSCRIPT = r"""\[(?:"[^"\\]*"|'[^'\\]*'|\d+)\]"""
_PATH = re.compile(
    rf"""(?<![\w.\])])(?P<path>[A-Za-z_]\w*(?:\.\w+|{_SUBSCRIPT})*?)(?:\.(?P<name>\w*)|\[(?P<key>(?:["'][^"'\\]*)?))$"""
)
_NAME = re.compile(r"""(?<![\w.\])"'])[A-Za-z_]\w*$""")
_STEP = re.compile(r"""\.?(?P<name>\w+)|\[(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<index>\d+))\]""")


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

    def keys(self, begun: str) -> list[str]:
        """Paths of settings that may come of `begun`, a step longer."""


@dataclass(frozen=True, slots=True)
class Completion:
    """The words that may stand where the last word of a line is being typed."""

    typed: str
    """What there is of the word."""
    words: tuple[str, ...] = ()
    end: str = " "
    """What ends a word that is whole."""

    @property
    def more(self) -> str:
        """What can be added to the line without a choice."""
        common = commonprefix(self.words)[len(self.typed) :]  # noqa: RUF071 - by character
        whole = len(self.words) == 1 and not self.words[0].endswith((".", "=", "/"))
        return common + self.end if whole else common


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
        case Kind.KEY:
            return names.keys(word)
        case Kind.TIMEOUT:
            return ["never"]
        case _:
            return ()


def complete_python(line: str, namespace: Mapping[str, Any]) -> Completion:
    """What the end of `line` may become: a name, an attribute, or a key in brackets.

    What stands before it is looked up, attribute by attribute and key by key; nothing is called but the
    properties on the way. Where one raises, nothing is offered.
    """
    if (name := _NAME.search(line)) is not None:
        return replace(_matching(name.group(), [*namespace, *keyword.kwlist]), end="")
    match = _PATH.search(line)
    if match is None:
        return Completion("")
    if match["key"] is None:
        word = match["name"]
        names = _looked_up(match["path"], namespace, dir)
        return replace(_matching(word, (n for n in names if word[:1] == "_" or n[:1] != "_")), end="")
    quote = match["key"][:1] or '"'
    keys = _looked_up(match["path"], namespace, _keys)
    return replace(_matching(match["key"], (f"{quote}{key}{quote}]" for key in keys)), end="")


def _looked_up(path: str, namespace: Mapping[str, Any], tell: Callable[[Any], list[str]]) -> list[str]:
    """What `tell` says of what `path` denotes."""
    first, *rest = _STEP.finditer(path)
    try:
        value = namespace[first["name"]]
        for step in rest:
            value = _follow(value, step)
        return tell(value)
    except Exception:  # any object's own code may run here
        return []


def _follow(value: Any, step: re.Match[str]) -> Any:
    if step["name"] is not None:
        return getattr(value, step["name"])
    if step["index"] is not None:
        return value[int(step["index"])]
    return value[step["double"] if step["double"] is not None else step["single"]]


def _keys(value: Any) -> list[str]:
    """The keys of a mapping that can stand between quotes."""
    keys = value if isinstance(value, Mapping) else ()
    return [key for key in keys if isinstance(key, str) and key.isprintable() and not set(key) & set("\"'\\")]
