"""A few verbs, and a balancer that remembers what they were asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred

from lbtwist.errors import Refused
from lbtwist.service.verbs.verb import Call, Exit, Kind, Parameter, Result, Role, Verb

SERVERS = Parameter("server", Kind.SERVER, "the servers", required=True, many=True)


@dataclass
class FakeBalancer:
    """What was asked, the waits that go on, and the lines of Python that `note` was called in."""

    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    waits: list[Deferred[Result]] = field(default_factory=list)
    given_up: int = 0
    rows: list[dict[str, Any]] = field(
        default_factory=lambda: [
            {"server": "app/ecs01", "state": "healthy", "weight": 100},
            {"server": "app/ecs02", "state": "unhealthy", "weight": 50},
        ]
    )

    def note(self, call: Call, verb: str, **arguments: Any) -> None:
        self.asked.append((call.caller.name, verb, arguments))

    def wait(self) -> Deferred[Result]:
        def cancelled(waiting: Deferred[Result]) -> None:
            self.given_up += 1

        waiting: Deferred[Result] = Deferred(cancelled)
        self.waits.append(waiting)
        return waiting


class FakeNames:
    """Two groups, three servers, one of them leaving."""

    def groups(self) -> list[str]:
        return ["app", "api"]

    def servers(self) -> list[str]:
        return ["app/ecs01", "app/ecs02", "api/one"]

    def registrations(self) -> list[str]:
        return ["app/ecs01#1", "app/ecs01#7", "app/ecs02#2"]

    def listeners(self) -> list[str]:
        return ["web", "admin-web"]

    def keys(self, begun: str) -> list[str]:
        if begun.startswith("server_groups."):
            return ["server_groups.api.", "server_groups.app."]
        return ["listeners.", "server_groups."]


def status(call: Call) -> Result:
    call.balancer.note(call, "status")
    return Result({"version": "1", "uptime": 12.5, "servers": call.balancer.rows})


def servers(call: Call, group: str | None = None) -> Result:
    call.balancer.note(call, "servers", group=group)
    return Result([row for row in call.balancer.rows if row["server"].startswith(group or "")])


def remove(
    call: Call,
    server: list[str],
    timeout: float = 300,
    wait: bool = False,
    reason: str = "",
) -> Result | Deferred[Result]:
    call.balancer.note(call, "remove", server=server, timeout=timeout, wait=wait, reason=reason)
    if server == ["app/none"]:
        raise Refused("app/none: there is no such server")
    if server == ["app/cut"]:
        return Result({"server": server, "cut": 3}, Exit.CUT)
    if server == ["app/bug"]:
        raise ZeroDivisionError("a bug")
    if not wait:
        return Result({"server": server})
    if call.progress is not None:
        call.progress({"server": server[0], "left": 12, "seconds": 30, "rate": 0.4})
    waiting: Deferred[Result] = call.balancer.wait()
    return waiting


def weight(call: Call, server: str, weight: int) -> Result:
    call.balancer.note(call, "weight", server=server, weight=weight)
    return Result({"server": server, "weight": weight})


def apply(call: Call, group: str | None = None, fragment: str = "", prune: bool = False) -> Result:
    if group is not None:
        call.balancer.note(call, "apply", group=group)
        return Result([])
    call.balancer.note(call, "apply", fragment=fragment, prune=prune)
    return Result(f"+ {fragment}")


def wait(call: Call, server: str, until: str = "empty", limit: float | None = None) -> Deferred[Result]:
    call.balancer.note(call, "wait", server=server, until=until, limit=limit)
    waiting: Deferred[Result] = call.balancer.wait()
    return waiting


def remove_listener(call: Call, name: str) -> Result:
    call.balancer.note(call, "remove listener", name=name)
    return Result({"listener": name})


def fake_verbs() -> dict[str, Verb]:
    verbs = [
        Verb("status", status, "One screen.", Role.READ),
        Verb(
            "servers",
            servers,
            "The servers.",
            Role.READ,
            (Parameter("group", Kind.GROUP, "only of this group"),),
            ("server", "state", "weight"),
        ),
        Verb(
            "remove",
            remove,
            "Deregisters: drain, then gone.",
            Role.OPERATE,
            (
                SERVERS,
                Parameter("timeout", Kind.TIMEOUT, "of the drain", option=True),
                Parameter("wait", Kind.FLAG, "until it is gone", option=True),
                Parameter("reason", Kind.TEXT, option=True),
            ),
        ),
        Verb(
            "remove listener",
            remove_listener,
            "Removes a listener.",
            Role.OPERATE,
            (Parameter("name", Kind.LISTENER, required=True),),
        ),
        Verb(
            "weight",
            weight,
            "Sets a weight.",
            Role.OPERATE,
            (
                Parameter("server", Kind.SERVER, required=True),
                Parameter("weight", Kind.WEIGHT, required=True),
            ),
        ),
        Verb(
            "apply",
            apply,
            "Any part of a file.",
            Role.OPERATE,
            (
                Parameter("group", Kind.GROUP),
                Parameter("fragment", Kind.INPUT, unless="group"),
                Parameter("prune", Kind.FLAG, option=True),
            ),
        ),
        Verb(
            "wait",
            wait,
            "Waits.",
            Role.READ,
            (
                Parameter("server", Kind.SERVER, required=True),
                Parameter("until", Kind.TEXT, option=True, choices=("empty", "healthy")),
                Parameter("limit", Kind.DURATION, option=True),
            ),
        ),
    ]
    return {verb.name: verb for verb in verbs}
