"""Certificates that were renewed on disk, taken up while connections go on."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from lbtwist.errors import ConfigurationError, Refused
from lbtwist.service.advice import warnings
from lbtwist.service.balancer import LoadBalancer
from lbtwist.service.certificates import read_tls

log = Logger()


def renew(balancer: LoadBalancer, who: str, dry_run: bool = False) -> Deferred[list[str]]:
    """Read the files of all listeners and server groups with TLS again: who connects from now on, and
    whoever is connected, meets what they hold.

    Fires with what was changed, or with `dry_run` would be, a line each. Fails with Refused where a file
    is not what it should be, and nothing is changed.
    """
    return balancer.turn.run(_renew, balancer, who, dry_run)


def _renew(balancer: LoadBalancer, who: str, dry_run: bool) -> list[str]:
    if balancer.leaving:
        raise Refused("it is shutting down")
    listeners = balancer.listeners
    try:
        found = read_tls(balancer.config.listeners, {name: each.tls for name, each in listeners.items()})
        groups = balancer.config.server_groups
        balancer.makers.check({name: settings for name, settings in groups.items() if settings.tls})
    except ConfigurationError as error:
        raise Refused("\n".join(str(problem) for problem in error.problems)) from None
    renewed = [each for name, each in listeners.items() if each.tls != found.get(name)]
    outdated = [each for each in balancer.groups.values() if each.outdated]
    done = [
        *(f"listener {each.name} has other certificates" for each in renewed),
        *(f"server group {each.name} has other certificates" for each in outdated),
    ]
    if dry_run:
        return done
    for each in renewed:
        each.reconfigure(each.settings, found.get(each.name))
    for group in outdated:
        group.renew()
    for warning in warnings(balancer.config):
        log.warn("reload certificates: {warning}", warning=warning)
    if done:
        balancer.events.add("reload", "", "; ".join(done), who)
    return done
