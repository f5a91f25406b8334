"""The listeners of a running balancer, brought to what a configuration says of them."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.logger import Logger

from lbtwist.errors import BindError, ConfigurationError, Problem
from lbtwist.model.config import Config, ListenerSettings
from lbtwist.model.drain import Because
from lbtwist.model.listener_tls import ListenerTLS
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.listener import Listener

log = Logger()


async def open_listeners(
    balancer: LoadBalancer, new: Config, tls: Mapping[str, ListenerTLS]
) -> dict[str, Listener]:
    """Bind every endpoint that is new, before anything is changed.

    Where the addresses overlap the old one is closed first, and opened again if a new one fails.
    """
    opened: dict[str, Listener] = {}
    closed: list[Listener] = []
    try:
        for name, settings in new.listeners.items():
            if not _moved(balancer.listeners.get(name), settings):
                continue
            for other in _overlapping(balancer, new, settings):
                closed.append(other)
                await other.stop_accepting()
            opened[name] = balancer.listener(name, settings, tls.get(name))
            opened[name].bind()
    except BindError as error:
        for listener in opened.values():
            await listener.stop_accepting()
        for listener in closed:
            _reopen(listener)
        raise ConfigurationError([Problem(f"listeners.{name}.endpoint", str(error))]) from error
    return opened


async def apply_listeners(
    balancer: LoadBalancer,
    new: Config,
    opened: dict[str, Listener],
    tls: Mapping[str, ListenerTLS],
    because: Because,
) -> list[str]:
    done = []
    for name, listener in list(balancer.listeners.items()):
        if name not in new.listeners or name in opened:
            await balancer.retire(listener, because)
            done.append(f"listener {name} at {listener.settings.endpoint} removed")
        elif listener.settings != new.listeners[name] or _renamed(balancer, listener):
            listener.reconfigure(new.listeners[name], tls.get(name))
            done.append(f"listener {name} changed")
        elif listener.tls != tls.get(name):
            listener.reconfigure(listener.settings, tls.get(name))
            done.append(f"listener {name} has other certificates")
    for name, listener in opened.items():
        balancer.adopt(listener)
        done.append(f"listener {name} at {listener.settings.endpoint} added")
    return done


def _renamed(balancer: LoadBalancer, listener: Listener) -> bool:
    """The load balancer has another name, which requests and responses tell (RFC 9110, section 7.6.3)."""
    return listener.settings.speaks_http and balancer.name != balancer.config.load_balancer.name


def _moved(running: Listener | None, settings: ListenerSettings) -> bool:
    """It has another endpoint, or speaks otherwise there: its clients would not understand. One that is
    disabled needs no endpoint."""
    if running is None or running.disabled:
        return running is None
    before = running.settings
    return (before.endpoint, before.protocol) != (settings.endpoint, settings.protocol)


def _overlapping(balancer: LoadBalancer, new: Config, settings: ListenerSettings) -> list[Listener]:
    """Running listeners that go away and stand in the way of a new endpoint."""
    return [
        listener
        for name, listener in balancer.listeners.items()
        if listener.accepting
        and listener.settings.endpoint.overlaps(settings.endpoint)
        and (name not in new.listeners or _moved(listener, new.listeners[name]))
    ]


def _reopen(listener: Listener) -> None:
    try:
        listener.startService()
    except BindError as error:
        log.error("listener {name} is closed: {error}", name=listener.name, error=error)
