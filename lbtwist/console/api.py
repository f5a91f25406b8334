"""`lb`: the verbs as methods, and the names of things by which to reach them.

    lb.remove("app/ecs01")
    lb.groups["app"].servers["ecs01"].drain(timeout=15)
    lb.groups()                                     # the verb

Each call runs the verb with the operator's rights and gives its data, or a Deferred of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from weakref import WeakSet

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from lbtwist.console.command import input_of, parse_value, typed, usage
from lbtwist.console.desk import Desk
from lbtwist.console.execution import run
from lbtwist.errors import UsageError
from lbtwist.service.verbs.verb import Caller, Kind, Parameter, Verb

_ON_A_SERVER = (Kind.SERVER, Kind.GROUP_OR_SERVER)
_ON_A_GROUP = (Kind.GROUP, Kind.GROUP_OR_SERVER)


class Balancer:
    """Every verb as a method, and `groups` and `listeners` by name."""

    def __init__(self, desk: Desk, caller: Caller) -> None:
        self._desk = desk
        self._caller = caller
        self._waits: WeakSet[Deferred[Any]] = WeakSet()

    @property
    def groups(self) -> Names:
        """The server groups by name; called, the verb."""
        return Names(self, "groups", self._desk.names.groups, self._group)

    def call(self, name: str, *values: object, **named: object) -> Any:
        """Run the verb `name`: its data, or a Deferred of it where it waits. Raises as the verb does."""
        verb = self._verb(name)
        arguments = _arguments(verb, values, named)
        running = run(self._desk, self._caller, verb, arguments, _typed(verb, values, named), None)
        if not running.called:
            self._waits.add(running)
        return _now_or_later(running.addCallback(lambda result: result.data))

    def give_up(self, awaited: Deferred[Any]) -> None:
        """Cancel `awaited` if it is a verb's waiting, which ends nothing that was begun."""
        if awaited in self._waits:
            awaited.cancel()

    def _verb(self, name: str) -> Verb:
        for spelled in (name, name.replace("_", "-"), name.replace("_", " ")):
            if spelled in self._desk.verbs:
                return self._desk.verbs[spelled]
        raise AttributeError(f"no verb {name!r}")

    def _group(self, name: str) -> Group:
        return Group(self, name)

    def _servers(self, group: str) -> list[str]:
        prefix = group + "/"
        return [name.removeprefix(prefix) for name in self._desk.names.servers() if name.startswith(prefix)]

    def _verbs_on(self, kinds: tuple[Kind, ...]) -> list[str]:
        return [name for name, verb in self._desk.verbs.items() if (p := _subject(verb)) and p.kind in kinds]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return _method(self, self._verb(name))

    def __dir__(self) -> list[str]:
        return sorted({"groups", *(_attribute(name) for name in self._desk.verbs)})

    def __repr__(self) -> str:
        return f"<load balancer: {', '.join(sorted(self._desk.verbs))}>"


class Names(Mapping[str, Any]):
    """Things by name; called, the verb that lists them."""

    def __init__(
        self,
        balancer: Balancer,
        verb: str,
        names: Callable[[], list[str]],
        make: Callable[[str], Any],
        *subject: str,
    ) -> None:
        self._balancer = balancer
        self._verb = verb
        self._names = names
        self._make = make
        self._subject = subject

    def __call__(self, *values: object, **named: object) -> Any:
        return self._balancer.call(self._verb, *self._subject, *values, **named)

    def __getitem__(self, name: str) -> Any:
        if name not in self._names():
            raise KeyError(name)
        return self._make(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __repr__(self) -> str:
        return f"<{self._verb}: {', '.join(self._names()) or 'none'}>"


class _Thing:
    """Something that verbs take first: each such verb is a method."""

    _kinds: tuple[Kind, ...] = ()

    def __init__(self, balancer: Balancer, name: str) -> None:
        self._balancer = balancer
        self._name = name

    def __getattr__(self, name: str) -> Callable[..., Any]:
        verb = self._balancer._verb(name)
        subject = _subject(verb)
        if subject is None or subject.kind not in self._kinds:
            raise AttributeError(f"{name} does not take {self._name} first: {usage(verb)}")
        return _method(self._balancer, verb, self._name)

    def __dir__(self) -> list[str]:
        return sorted(map(_attribute, self._balancer._verbs_on(self._kinds)))

    def __repr__(self) -> str:
        return f"<{self._name}: {', '.join(dir(self))}>"


class Server(_Thing):
    """One server, `app/ecs01`."""

    _kinds = _ON_A_SERVER


class Group(_Thing):
    """One server group, and its servers by name."""

    _kinds = _ON_A_GROUP

    @property
    def servers(self) -> Names:
        """The group's servers by name; called, the verb for this group."""
        balancer, group = self._balancer, self._name
        return Names(
            balancer,
            "servers",
            lambda: balancer._servers(group),
            lambda name: Server(balancer, f"{group}/{name}"),
            group,
        )

    def __dir__(self) -> list[str]:
        return sorted({"servers", *super().__dir__()})


def _method(balancer: Balancer, verb: Verb, *subject: str) -> Callable[..., Any]:
    def method(*values: object, **named: object) -> Any:
        return balancer.call(verb.name, *subject, *values, **named)

    method.__name__ = method.__qualname__ = _attribute(verb.name)
    method.__doc__ = f"{verb.summary}\n\n{usage(verb)}"
    return method


def _attribute(name: str) -> str:
    return name.replace("-", "_").replace(" ", "_")


def _subject(verb: Verb) -> Parameter | None:
    return next((parameter for parameter in typed(verb) if not parameter.option), None)


def _typed(verb: Verb, values: tuple[object, ...], named: Mapping[str, object]) -> str:
    """The call, as it is recorded."""
    return " ".join([verb.name, *map(str, values), *(f"--{name} {value}" for name, value in named.items())])


def _now_or_later(running: Deferred[Any]) -> Any:
    """What `running` fired with, raised if it failed; itself while it has not."""
    if not running.called:
        return running
    fired: list[Any] = []
    running.addBoth(fired.append)
    if fired and isinstance(fired[0], Failure):
        fired[0].raiseException()
    return fired[0] if fired else running


def _arguments(verb: Verb, values: tuple[object, ...], named: Mapping[str, object]) -> dict[str, object]:
    """The arguments of `verb` by name, text read as on a line; raises UsageError."""
    parameters = {parameter.name: parameter for parameter in verb.parameters}
    places = [parameter for parameter in typed(verb) if not parameter.option]
    arguments = _placed(verb, places, values)
    for name, value in named.items():
        if value is None:
            continue
        name = name if name in parameters else name.removesuffix("_")
        if name not in parameters or name in arguments:
            raise UsageError(f"{verb.name}: {name} is not taken, or taken twice; usage: {usage(verb)}")
        arguments[name] = _read(verb, parameters[name], value)
    for parameter in verb.parameters:
        wanted = parameter.required or (parameter is input_of(verb) and parameter.unless not in arguments)
        if parameter.name not in arguments and wanted:
            raise UsageError(f"{verb.name}: {parameter.name} is missing; usage: {usage(verb)}")
    return arguments


def _placed(verb: Verb, places: list[Parameter], values: tuple[object, ...]) -> dict[str, object]:
    if len(values) > len(places) and not (places and places[-1].many):
        raise UsageError(f"{verb.name}: {values[-1]!r} is too much; usage: {usage(verb)}")
    placed: dict[str, object] = {}
    for index, parameter in enumerate(places[: len(values)]):
        value = _flat(values[index:]) if parameter.many else values[index]
        placed[parameter.name] = _read(verb, parameter, value)
    return placed


def _read(verb: Verb, parameter: Parameter, value: object) -> object:
    if parameter.many:
        return [_read_one(verb, parameter, item) for item in _flat((value,))]
    return _read_one(verb, parameter, value)


def _flat(values: tuple[object, ...]) -> list[object]:
    return [item for value in values for item in (value if isinstance(value, list | tuple) else [value])]


def _read_one(verb: Verb, parameter: Parameter, value: object) -> object:
    if parameter.kind is Kind.INPUT:
        return str(value)
    if parameter.kind is Kind.FLAG:
        return bool(value)
    shown = value._name if isinstance(value, _Thing) else "never" if value == float("inf") else str(value)
    try:
        return parse_value(parameter, shown)
    except ValueError as error:
        raise UsageError(f"{verb.name}: {parameter.name}: {error}") from None
