"""A load balancer with its faces and its place in the process, from a configuration file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from lbtwist.console.service import ConsoleService
from lbtwist.errors import ConfigurationError
from lbtwist.model.config import Config, ConsoleSettings
from lbtwist.model.state.document import Setting
from lbtwist.net.channel import Channel
from lbtwist.net.generations import Generations
from lbtwist.net.inherited import given
from lbtwist.service.access_log.service import AccessLog
from lbtwist.service.advice import warnings
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.filing import Filing
from lbtwist.service.leftovers import Leftovers
from lbtwist.service.live import LiveSettings, parts_of
from lbtwist.service.loading import Loaded, judge, load
from lbtwist.service.names import Names
from lbtwist.service.notify import Notifier
from lbtwist.service.process import raise_descriptor_limit
from lbtwist.service.reload import Reloader
from lbtwist.service.signals import Signals
from lbtwist.service.state.keeper import StateKeeper
from lbtwist.service.state.recall import Recalled, recall
from lbtwist.service.state.restoring import restore
from lbtwist.service.state.settings import set_again
from lbtwist.service.state.unkept import warn_once
from lbtwist.service.upgrade.inheritance import Inheritance, inherit
from lbtwist.service.upgrade.launching import launch
from lbtwist.service.upgrade.succession import Succession
from lbtwist.service.upgrade.upgrade import Upgrade
from lbtwist.service.verbs.registry import VERBS
from lbtwist.status.service import StatusService

HISTORY = "console-history"
"""A directory beside the state file."""

log = Logger()


def assemble(loaded: Loaded, path: str, reactor: Any) -> LoadBalancer:
    """The load balancer of what was `loaded` from `path`, which is read again from `path` at a reload."""

    def read() -> Deferred[Loaded]:
        # Parsing thousands of servers takes longer than traffic should wait.
        return deferToThreadPool(reactor, reactor.getThreadPool(), load, path)

    inheritance = inherit(_given(loaded.config, reactor))
    balancer = _as_it_was(loaded, reactor, inheritance)
    Upgrade(balancer, _plane_of(balancer), inheritance.sockets, partial(launch, reactor))
    in_thread = partial(deferToThreadPool, reactor, reactor.getThreadPool())
    Reloader(balancer, read, in_thread)
    balancer.filing = Filing(balancer, read, in_thread)
    for warning in warnings(loaded.config):
        log.warn("{path}: {warning}", path=path, warning=warning)
    return balancer


def _as_it_was(loaded: Loaded, reactor: Any, inheritance: Inheritance) -> LoadBalancer:
    """With what operators wanted before a restart, or before an upgrade (rule 67)."""
    path = loaded.config.load_balancer.state_file
    recalled = recall(path) if path is not None else Recalled()
    if inheritance.state is not None:
        recalled = Recalled(replace(inheritance.state, drains=()), recalled.receipts)
    balancer = _with_settings(loaded, recalled.state.settings, reactor, inheritance)
    if path is None:
        restore(balancer, recalled)
        warn_once(balancer)
    else:
        in_thread = partial(deferToThreadPool, reactor, reactor.getThreadPool())
        _join(balancer, StateKeeper(balancer, path, recalled, in_thread))
    return balancer


def _with_settings(
    loaded: Loaded, settings: Sequence[Setting], reactor: Any, inheritance: Inheritance
) -> LoadBalancer:
    """With those set live that still can be."""
    parts = parts_of(loaded.config, loaded.parts)
    with_changes = partial(LiveSettings(judge).with_changes, loaded.config, parts)
    again = set_again(parts, settings, with_changes)
    for line in again.dropped:
        log.warn("{line}", line=line)
    try:
        balancer = in_process(with_changes(again.changes), reactor, inheritance)
        balancer.live.changes = again.changes
    except ConfigurationError as error:
        if not again.changes:
            raise
        log.error("what was set live can't be any more: {error}", error=error)
        balancer = in_process(loaded.config, reactor, inheritance)
    balancer.filed, balancer.parts = loaded.config, parts
    return balancer


def in_process(config: Config, reactor: Any, inheritance: Inheritance | None = None) -> LoadBalancer:
    """The load balancer of `config` with its faces, its signals and word to the service manager."""
    its_own = inherit(_given(config, reactor)) if inheritance is None else inheritance
    sockets = its_own.sockets
    balancer = LoadBalancer.from_config(config, reactor, sockets, held=its_own.succeeds)
    _count_descriptors(balancer)
    if its_own.succeeds:
        channel = partial(Channel, reactor=reactor)
        Succession(balancer, _plane_of(balancer), its_own, channel).setServiceParent(balancer)
    Leftovers(balancer, sockets, reactor).setServiceParent(balancer)
    if config.access_log is not None:
        AccessLog(config.access_log, balancer, reactor).setServiceParent(balancer)
    if config.console is not None:
        its_reactor = sockets.face_reactor(config.console.endpoint, reactor)
        _join(balancer, console(config.console, balancer, its_reactor))
    if config.status is not None:
        its_reactor = sockets.face_reactor(config.status.endpoint, reactor)
        _join(balancer, StatusService(config.status, balancer, its_reactor))
    Signals(balancer, reactor).setServiceParent(balancer)
    Notifier(balancer, reactor).setServiceParent(balancer)
    return balancer


def _count_descriptors(balancer: LoadBalancer) -> None:
    """As many clients as they are enough for, and no more."""
    balancer.descriptors = raise_descriptor_limit()
    balancer.follow_limits(balancer.config)
    budget, wanted = balancer.budget, balancer.config.load_balancer.max_connections
    log.info(
        "up to {descriptors} open descriptors: {clients} clients at once, {room} of them for connections",
        descriptors=balancer.descriptors,
        clients=budget.limit,
        room=budget.room,
    )
    if wanted > budget.limit:
        log.warn("load_balancer.max_connections is {wanted}: descriptors are too few", wanted=wanted)


def _join(balancer: LoadBalancer, face: Service) -> None:
    """`face` is part of it, once it is the newest generation (rule 76)."""
    succession: Any = balancer.namedServices.get(Succession.name)
    if succession is None:
        face.setServiceParent(balancer)
    else:
        succession.faces.append(face)


def _plane_of(balancer: LoadBalancer) -> Generations:
    assert isinstance(balancer.plane, Generations)
    return balancer.plane


def _given(config: Config, reactor: Any) -> list[tuple[int, str]]:
    """What the service manager listens on for us, or an older generation has handed on. Twisted takes it by
    itself for its own `systemd:`."""
    faces = (face for face in (config.console, config.status) if face is not None)
    if any(each.endpoint.text.startswith("systemd:") for each in (*config.listeners.values(), *faces)):
        return []
    return given(reactor, os.environ)


def console(settings: ConsoleSettings, balancer: LoadBalancer, reactor: Any) -> ConsoleService:
    """The SSH console over `balancer`."""
    state = balancer.config.load_balancer.state_file
    service = ConsoleService(
        settings,
        VERBS,
        balancer,
        Names(balancer),
        reactor,
        {"app": balancer, "reactor": reactor},
        balancer.events,
        state and state.with_name(HISTORY),
    )
    balancer.host_key = lambda: service.fingerprint
    return service
