"""A load balancer with its faces and its place in the process, from a configuration file."""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from lbtwist.console.service import ConsoleService
from lbtwist.model.config import Config, ConsoleSettings, warnings
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.filing import Filing
from lbtwist.service.loading import Loaded, load
from lbtwist.service.names import Names
from lbtwist.service.notify import Notifier
from lbtwist.service.process import raise_descriptor_limit
from lbtwist.service.reload import Reloader
from lbtwist.service.signals import Signals
from lbtwist.service.state.keeper import StateKeeper
from lbtwist.service.state.recall import recall
from lbtwist.service.state.unkept import warn_once
from lbtwist.service.verbs.registry import VERBS

HISTORY = "console-history"
"""A directory beside the state file."""

log = Logger()


def assemble(loaded: Loaded, path: str, reactor: Any) -> LoadBalancer:
    """The load balancer of what was `loaded` from `path`, which is read again from `path` at a reload."""

    def read() -> Deferred[Loaded]:
        # Parsing thousands of servers takes longer than traffic should wait.
        return deferToThreadPool(reactor, reactor.getThreadPool(), load, path)

    balancer = in_process(loaded.config, reactor)
    balancer.parts = loaded.parts
    _keep_state(balancer, reactor)
    Reloader(balancer, read)
    balancer.filing = Filing(balancer, read, partial(deferToThreadPool, reactor, reactor.getThreadPool()))
    for warning in warnings(loaded.config):
        log.warn("{path}: {warning}", path=path, warning=warning)
    return balancer


def _keep_state(balancer: LoadBalancer, reactor: Any) -> None:
    """What operators wanted before a restart holds, and is kept over the next one (rule 67)."""
    path = balancer.config.load_balancer.state_file
    if path is None:
        warn_once(balancer)
    else:
        in_thread = partial(deferToThreadPool, reactor, reactor.getThreadPool())
        StateKeeper(balancer, path, recall(path), in_thread).setServiceParent(balancer)


def in_process(config: Config, reactor: Any) -> LoadBalancer:
    """The load balancer of `config` with its console, its signals and word to the service manager."""
    log.info("up to {limit} open descriptors", limit=raise_descriptor_limit())
    balancer = LoadBalancer.from_config(config, reactor)
    if config.console is not None:
        console(config.console, balancer, reactor).setServiceParent(balancer)
    Signals(balancer, reactor).setServiceParent(balancer)
    Notifier(balancer, reactor).setServiceParent(balancer)
    return balancer


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
