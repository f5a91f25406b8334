"""Listeners that an operator disables: they are known, and accept nothing until they are enabled."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from lbtwist.errors import BindError, Refused
from lbtwist.model.drain import Because
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.listener import Listener


def disable(balancer: LoadBalancer, name: str, because: Because) -> Deferred[None]:
    """Stop accepting there, and drain its connections (rule 72). A reload does not enable it again."""
    return balancer.turn.run(lambda: Deferred.fromCoroutine(_disable(balancer, name, because)))


def enable(balancer: LoadBalancer, name: str) -> Deferred[None]:
    """Accept there again. Fails with Refused where its endpoint can't be opened."""
    return balancer.turn.run(lambda: Deferred.fromCoroutine(_enable(balancer, name)))


def find(balancer: LoadBalancer, name: str, *, disabled: bool) -> Listener:
    """The listener of that name. Raises Refused where there is none, or it is so already."""
    listener = balancer.listeners.get(name)
    if listener is None:
        raise Refused(f"there is no listener {name}")
    if listener.disabled is disabled:
        raise Refused(f"listener {name} is {'disabled' if disabled else 'enabled'} already")
    return listener


async def _disable(balancer: LoadBalancer, name: str, because: Because) -> None:
    listener = find(balancer, name, disabled=True)
    _check_running(balancer)
    listener.disabled, listener.because = True, because
    await balancer.retire(listener, because)
    balancer.listeners[name] = listener
    balancer.changed()


async def _enable(balancer: LoadBalancer, name: str) -> None:
    listener = find(balancer, name, disabled=False)
    _check_running(balancer)
    fresh = balancer.listener(name, listener.settings, listener.tls)
    try:
        fresh.bind()
    except BindError as error:
        raise Refused(f"listeners.{name}.endpoint: {error}") from error
    if listener.parent is not None:
        listener.disownServiceParent()
    balancer.adopt(fresh)
    balancer.changed()


def _check_running(balancer: LoadBalancer) -> None:
    if balancer.leaving:
        raise Refused("it is shutting down")
